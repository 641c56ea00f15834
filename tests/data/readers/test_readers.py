"""BUSI, class folders and manifest files: what they give and what they refuse."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from data.readers.busi import load_busi
from data.readers.folder import load_folder
from data.readers.manifest_file import load_manifest

BUSI_COPY = Path(__file__).parents[4] / "shared" / "busi"


def test_busi_from_the_root_or_the_folder_itself(busi_folder):
    dataset = load_busi(busi_folder)
    assert dataset.manifest["image_id"].tolist() == [
        "benign (1)",
        "benign (2)",
        "benign (3)",
        "malignant (1)",
        "malignant (2)",
        "normal (1)",
    ]
    assert dataset.manifest["class"].tolist() == ["benign"] * 3 + ["malignant"] * 2 + ["normal"]
    assert dataset.manifest["group_id"].isna().all()
    assert dataset.info.class_counts == {"benign": 3, "malignant": 2, "normal": 1}
    assert load_busi(busi_folder.parent).manifest.equals(dataset.manifest)
    shutil.move(busi_folder.parent, busi_folder.parents[1] / "busi")
    assert len(load_busi(busi_folder.parents[1]).manifest) == 6


def test_busi_masks_are_merged(busi_folder):
    dataset = load_busi(busi_folder)
    mask = dataset.read_mask("benign (1)")
    assert mask.shape == dataset.read_image("benign (1)").shape[:2] == (12, 20)
    assert mask.any(axis=0).nonzero()[0].tolist() == [0, 1, 2, 3, 4, 10, 11]
    assert dataset.read_mask("benign (2)") is None
    assert dataset.manifest["mask_path"].notna().sum() == 1


def test_busi_notes_tell_what_differs_and_which_labels_clash(busi_folder, save_image):
    shutil.copy(busi_folder / "benign" / "benign (2).png", busi_folder / "malignant" / "malignant (9).png")
    shutil.copy(busi_folder / "benign" / "benign (3).png", busi_folder / "benign" / "benign (4).png")
    save_image(busi_folder / "normal" / "copy of normal.png", seed=77)
    notes = "\n".join(load_busi(busi_folder).notes)
    assert "has 4 benign, 3 malignant, 1 normal images; the published set has 437 benign" in notes
    assert "1 image(s) stand in two classes" in notes
    assert "'benign (2)' = 'malignant (9)'. At least one of the labels is wrong." in notes
    assert "occur more than once in their class (identical files): 'benign (3)' = 'benign (4)'" in notes
    assert "1 file(s) are not named as in BUSI and were left out, first 'copy of normal.png'" in notes


def test_busi_without_or_at_a_wrong_root(tmp_path, busi_folder):
    with pytest.raises(
        FileNotFoundError, match=r"needs --data-root, the folder that holds Dataset_BUSI_with_GT"
    ):
        load_busi(None)
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nothing' .--data-root"):
        load_busi(tmp_path / "nothing")
    with pytest.raises(NotADirectoryError, match=r"is a file; name the folder that holds"):
        load_busi(busi_folder / "normal" / "normal (1).png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"holds neither Dataset_BUSI_with_GT nor .* `study data list busi`"
    ):
        load_busi(tmp_path / "empty")


def test_busi_class_folder_missing_or_empty(busi_folder):
    (busi_folder / "normal" / "normal (1).png").unlink()
    with pytest.raises(ValueError, match=r"The class folder '.*normal' has no image"):
        load_busi(busi_folder)
    (busi_folder / "normal").rmdir()
    with pytest.raises(ValueError, match=r"lacks the class folder.s. normal; .* Unpack the archive again"):
        load_busi(busi_folder)


def test_busi_with_foreign_names(busi_folder, save_image):
    wrong = busi_folder / "benign" / "malignant (7).png"
    save_image(wrong)
    with pytest.raises(
        ValueError, match=r"'malignant .7.\.png' lies in the class folder benign, but its name says"
    ):
        load_busi(busi_folder)
    for path in list(busi_folder.rglob("*.png")):
        path.unlink()
    for name in ("benign", "malignant", "normal"):
        save_image(busi_folder / name / "x.png")
    with pytest.raises(ValueError, match=r"none is named as in BUSI.* use dataset = \"folder\""):
        load_busi(busi_folder)


def test_unreadable_images_are_counted_and_the_first_named(busi_folder):
    for number in range(20, 28):
        (busi_folder / "benign" / f"benign ({number}).png").write_bytes(b"")
    (busi_folder / "benign" / "benign (1)_mask.png").write_bytes(b"broken")
    first = (
        r"9 of 14 images cannot be read: '.*benign .1._mask\.png' .no image"
        r".*benign .20.\.png' .it has 0 bytes"
    )
    with pytest.raises(ValueError, match=first + r".* and 4 more\. Get these files again"):
        load_busi(busi_folder)


def test_asking_for_an_unknown_image(busi_folder):
    with pytest.raises(ValueError, match=r"The data set has no image 'benign .99.'"):
        load_busi(busi_folder).read_image("benign (99)")


@pytest.mark.skipif(not BUSI_COPY.is_dir(), reason="no copy of BUSI beside the project")
def test_all_780_images_of_busi():
    start = time.perf_counter()
    dataset = load_busi(BUSI_COPY)
    assert time.perf_counter() - start < 15
    assert dataset.info.class_counts == {"benign": 437, "malignant": 210, "normal": 133}
    assert any("'benign (433)' = 'malignant (145)'" in note for note in dataset.notes)
    assert dataset.read_image("normal (133)").dtype == np.uint8


def test_folder_per_class(tmp_path, save_image):
    values = save_image(tmp_path / "cats" / "1.png", seed=1, mode="L")
    save_image(tmp_path / "cats" / "1_mask.png", seed=2, mode="L")
    save_image(tmp_path / "dogs" / "1.jpg", seed=3)
    save_image(tmp_path / "dogs" / "a_mask.png", seed=4)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "dogs" / "notes.txt").write_text("x")
    dataset = load_folder(tmp_path)
    assert dataset.manifest["image_id"].tolist() == ["cats/1", "dogs/1", "dogs/a_mask"]
    assert dataset.info.classes == ("cats", "dogs")
    assert dataset.info.class_counts == {"cats": 1, "dogs": 2}
    assert np.array_equal(dataset.read_image("cats/1"), values)
    assert dataset.read_mask("cats/1").shape == (12, 20)


def test_folder_that_is_none(tmp_path, save_image):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nothing'. Check `path`"):
        load_folder(tmp_path / "nothing")
    save_image(tmp_path / "cats" / "1.png")
    with pytest.raises(NotADirectoryError, match=r"is a file, but a folder with one sub-folder per class"):
        load_folder(tmp_path / "cats" / "1.png")
    with pytest.raises(ValueError, match=r"needs at least two class folders with images, but has cats"):
        load_folder(tmp_path)
    (tmp_path / "dogs").mkdir()
    with pytest.raises(ValueError, match=r"The class folder '.*dogs' has no image .\.png"):
        load_folder(tmp_path)


def test_folder_with_one_name_twice(tmp_path, save_image):
    for name in ("cats/1.png", "cats/1.bmp", "dogs/1.png"):
        save_image(tmp_path / name)
    with pytest.raises(ValueError, match=r"Image 'cats/1' is listed 2 times .class cats"):
        load_folder(tmp_path)


def test_a_linked_image_in_two_classes_is_refused(tmp_path, save_image):
    save_image(tmp_path / "cats" / "1.png")
    save_image(tmp_path / "dogs" / "2.png")
    (tmp_path / "dogs" / "1.png").symlink_to(tmp_path / "cats" / "1.png")
    with pytest.raises(
        ValueError, match=r"Image 'dogs/1' stands in 2 classes .cats, dogs.; an image has one class"
    ):
        load_folder(tmp_path)


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
        ("path,label\nimg/a.png,yes\nimg/z.png,no\n", "1 of 2 images cannot be read: .*z.png' .no such file"),
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
