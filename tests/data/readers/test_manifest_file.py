"""A CSV that lists images: what it gives and what it refuses."""

import pytest

from data.readers.manifest_file import load_manifest
from data.registry import load_dataset
from tests.data.trees import write_mask


@pytest.fixture
def write_manifest(tmp_path, save_image):
    """Function that writes a CSV file beside two images, img/a.png and img/b.png."""
    for seed, name in enumerate(("a.png", "b.png")):
        save_image(tmp_path / "img" / name, seed=seed)

    def _write(text, encoding="utf-8"):
        path = tmp_path / "list.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return _write


def test_manifest_file_with_patients(write_manifest):
    text = "path,extra,label,patient\nimg/a.png,1,yes,p1\nimg/b.png,2,no,p2\n"
    dataset = load_manifest(write_manifest(text))
    assert dataset.manifest["image_id"].tolist() == ["img/a.png", "img/b.png"]
    assert dataset.manifest["group_id"].tolist() == ["p1", "p2"]
    assert dataset.info.n_groups == 2
    assert dataset.info.classes == ("no", "yes")
    assert dataset.read_image("img/b.png").shape == (12, 20, 3)
    assert dataset.read_mask("img/b.png") is None


def test_byte_order_mark_windows_line_ends_and_backslashes_change_nothing(write_manifest):
    plain = load_manifest(write_manifest("path,label\nimg/a.png,yes\nimg/b.png,no\n")).manifest
    windows = '\ufeffpath, label\r\n"img/a.png",yes\r\n\r\nimg/b.png , no\r\n'
    assert load_manifest(write_manifest(windows)).manifest.equals(plain)
    backslash = load_manifest(write_manifest("path,label\nimg\\a.png,yes\nimg\\b.png,no\n")).manifest
    assert backslash["sha256"].tolist() == plain["sha256"].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the header path,label .* but its first line is ''"),
        ("path;label\nimg/a.png;yes\n", "but its first line is 'path;label'"),
        ("path,label,label\nimg/a.png,yes,no\n", "but its first line is 'path,label,label'"),
        ("path,label\n", "lists no image. Add one row per image"),
        ("path,label\nimg/a.png,yes,more\n", "line 2 has 3 fields, but the header has 2"),
        ("path,label\nimg/a.png,\n", "`label` is empty in 1 row.s., first in line 2"),
        (
            "path,label,patient\nimg/a.png,yes,p1\nimg/b.png,no,\n",
            "`patient` is empty in 1 row.s., first in line 3",
        ),
        ("path,label\nimg/a.png,yes\nimg/a.png,no\n", "Image 'img/a.png' stands in 2 classes .yes, no"),
        ("path,label\nimg/a.png,yes\nimg/../img/a.png,no\n", "Image 'img/../img/a.png' stands in 2 classes"),
        ("path,label\nimg/a.png,yes\nimg/a.png,yes\n", "Image 'img/a.png' is listed 2 times"),
        ('path,label\n"img/a.png,yes\n', "is not a CSV file .unexpected end of data"),
    ],
)
def test_manifest_files_that_are_refused(write_manifest, text, message):
    with pytest.raises(ValueError, match=message):
        load_manifest(write_manifest(text))


def test_manifest_file_that_is_none(tmp_path, write_manifest):
    with pytest.raises(FileNotFoundError, match=r"There is no manifest '.*none\.csv'. Check `path`"):
        load_manifest(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match=r"is a folder, but a CSV file is needed"):
        load_manifest(tmp_path)
    with pytest.raises(ValueError, match=r"is not UTF-8 text .* Save the CSV file as UTF-8"):
        load_manifest(write_manifest("path,label\nimg/ä.png,yes\n", encoding="latin-1"))


def test_missing_files_are_unreadable(write_manifest):
    path = write_manifest("path,label\nimg/a.png,yes\nimg/z.png,no\n")
    with pytest.raises(ValueError, match=r"1 of 2 images cannot be read: .*z\.png' .no such file"):
        load_dataset("manifest", options={"path": str(path)})
    assert load_manifest(path).unreadable["reason"].tolist() == ["no such file"]


def test_masks_may_stand_in_a_column(write_manifest, tmp_path):
    write_mask(tmp_path / "masks" / "a.png", columns=slice(2, 4))
    path = write_manifest("path,label,mask\nimg/a.png,yes,masks/a.png\nimg/b.png,no,\n")
    dataset = load_manifest(path)
    assert dataset.read_mask("img/a.png").any(axis=0).nonzero()[0].tolist() == [2, 3]
    assert dataset.read_mask("img/b.png") is None
    assert dataset.manifest["mask_path"].notna().tolist() == [True, False]


def test_a_patient_with_images_of_two_classes_is_a_note(write_manifest):
    path = write_manifest("path,label,patient\nimg/a.png,yes,p1\nimg/b.png,no,p1\n")
    notes = "\n".join(load_manifest(path).notes)
    assert "1 patient(s) or exam(s) have images in several classes: 'p1'." in notes


def test_a_file_without_header_is_refused(write_manifest):
    with pytest.raises(ValueError, match=r"must begin with the header .* its first line is 'img/a\.png,yes'"):
        load_manifest(write_manifest("img/a.png,yes\nimg/b.png,no\n"))


def test_unicode_and_spaces_in_paths_and_labels(write_manifest, save_image, tmp_path):
    save_image(tmp_path / "über bilder" / "ä 1.png", seed=5)
    path = write_manifest("path,label\nüber bilder/ä 1.png,bösartig\nimg/a.png,gut artig\n")
    assert load_manifest(path).info.classes == ("bösartig", "gut artig")
