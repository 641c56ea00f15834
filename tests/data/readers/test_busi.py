"""BUSI: masks, notes, unreadable files, and what is refused."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from data.readers.busi import load_busi
from data.registry import load_dataset

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
    assert dataset.manifest["mode"].unique().tolist() == ["RGB"]
    assert dataset.unreadable.empty
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
    with pytest.raises(ValueError, match=r"lacks normal; the data set .busi. has benign, malignant, normal"):
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
    message = first + r".* and 4 more\. Get these files again.* `study data check` lists all of them"
    with pytest.raises(ValueError, match=message):
        load_dataset("busi", data_root=busi_folder)


def test_unreadable_images_can_be_listed_instead_with_their_reasons(busi_folder):
    broken = busi_folder / "benign" / "benign (20).png"
    broken.write_bytes(b"")
    (busi_folder / "benign" / "benign (1)_mask.png").write_bytes(b"broken")
    dataset = load_dataset("busi", data_root=busi_folder, unreadable="list")
    assert dataset.unreadable["reason"].tolist() == ["no image, or a damaged one", "it has 0 bytes"]
    assert dataset.unreadable["path"].tolist() == [
        str(busi_folder / "benign" / "benign (1)_mask.png"),
        str(broken),
    ]
    assert "benign (1)" not in dataset.manifest["image_id"].tolist()
    assert dataset.notes[0].startswith("2 of 7 images cannot be read: ")
    with pytest.raises(ValueError, match=r"has no image 'benign .20.'"):
        dataset.read_image("benign (20)")


def test_a_data_set_of_which_nothing_can_be_read_is_refused_in_any_case(tmp_path):
    for name in ("benign", "malignant", "normal"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name} (1).png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"3 of 3 images cannot be read"):
        load_dataset("busi", data_root=tmp_path, unreadable="list")


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
