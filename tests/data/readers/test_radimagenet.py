"""The two sets of the RadImageNet repository: labels, exams, the authors' folds."""

import numpy as np
import pandas as pd
import pytest

from data.readers.radimagenet_folds import authors_folds
from data.registry import dataset_available, load_dataset
from tests.data.trees import write_fold, write_image, write_radimagenet


def test_acl_slices_belong_to_the_exam_in_their_name(tmp_path):
    write_radimagenet(tmp_path, "acl", n=10)
    dataset = load_dataset("radimagenet-acl", data_root=tmp_path)
    manifest = dataset.manifest.set_index("image_id")
    assert len(manifest) == 20
    assert manifest.loc["0003_sagittal_10.000000", ["class", "group_id", "mode"]].tolist() == [
        "no",
        "0003",
        "L",
    ]
    assert dataset.info.n_groups == 10
    assert dataset.info.class_counts == {"no": 10, "yes": 10}
    assert dataset.read_image("0003_sagittal_10.000000").dtype == np.uint8
    assert dataset.read_mask("0003_sagittal_10.000000") is None
    assert "the published set has 452 no, 569 yes" in dataset.notes[0]


def test_breast_images_have_two_classes_and_no_patients(tmp_path):
    write_radimagenet(tmp_path, "breast", n=4)
    dataset = load_dataset("radimagenet-breast", data_root=tmp_path)
    assert dataset.info.class_counts == {"benign": 8, "malignant": 4}
    classes = dataset.manifest.set_index("image_id")["class"]
    assert classes["normal (1)"] == "benign"
    assert dataset.manifest["group_id"].isna().all()


@pytest.mark.parametrize("place", ["", "RadImageNet", "RadImageNet/acl"])
def test_the_data_root_may_be_the_repository_or_its_folder(tmp_path, place):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    assert dataset_available("radimagenet-acl", tmp_path / place) == (True, f"found in {folder}")


@pytest.mark.parametrize(("task", "n_images"), [("acl", 20), ("breast", 30)])
def test_the_authors_folds_are_a_split_of_every_image(tmp_path, task, n_images):
    folder = write_radimagenet(tmp_path, task, n=10)
    split = authors_folds(folder, task)
    assert split.columns.tolist() == ["image_id", "fold", "split"]
    assert split.groupby("fold").size().tolist() == [n_images] * 5
    assert split[split["split"] == "test"].groupby("fold").size().tolist() == [n_images // 5] * 5
    dataset = load_dataset(f"radimagenet-{task}", data_root=tmp_path)
    pd.testing.assert_frame_equal(dataset.published_split, split)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    before = authors_folds(folder, "acl")
    for path in (folder / "dataframe").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(authors_folds(folder, "acl"), before)


@pytest.mark.parametrize(
    ("part", "number", "lines", "message"),
    [
        (
            "val",
            2,
            ["images/0000_sagittal_9.000000.png,yes"],
            r"fold 2 has 1 image.s. in several parts .'0000_sagittal_9\.000000'; the first in train, val",
        ),
        ("test", 3, ["images/0002_sagittal_9.000000.png,yes"], r"fold 3 lacks 1 image.s. that other folds"),
    ],
)
def test_folds_that_overlap_or_lack_images_are_refused(tmp_path, part, number, lines, message):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    write_fold(folder, "acl", part, number, lines)
    with pytest.raises(ValueError, match=message):
        authors_folds(folder, "acl")
    # The images themselves can be used with another split.
    dataset = load_dataset("radimagenet-acl", data_root=tmp_path)
    assert dataset.published_split is None
    assert any("The authors' folds cannot be used as a split" in note for note in dataset.notes)


def test_an_image_that_is_never_tested_is_refused(tmp_path):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    for part in ("train", "val", "test"):
        first = folder / "dataframe" / f"{part}_fold1.csv"
        (folder / "dataframe" / f"{part}_fold2.csv").write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=r"2 image.s. come twice and 2 never"):
        authors_folds(folder, "acl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "filename,label\nimages/0000_sagittal_9.000000.png,yes\n",
            "must begin with the header filename",
        ),
        ("images/0000_sagittal_9.000000.png,yes\n", "must begin with the header filename,acl_label"),
        (
            "filename,acl_label\nimages/0000_sagittal_9.000000.png,torn\n",
            "line 2: the label 'torn' is unknown; labels are no, yes",
        ),
        (
            "filename,acl_label\n" + "images/0000_sagittal_9.000000.png,yes\n" * 2,
            "lists 1 image.s. more than once: '0000_sagittal_9.000000'",
        ),
        (
            "filename,acl_label\nimages/0000_sagittal_9.000000.png,no\n",
            "give 1 image.s. two labels: '0000_sagittal_9.000000'",
        ),
        (
            "filename,acl_label\nimages/7_sagittal_9.000000.png,no\n",
            "'7_sagittal_9.000000.png' is not named as an ACL slice",
        ),
        ("filename,acl_label\n", "lists no image"),
    ],
)
def test_fold_files_that_are_refused(tmp_path, text, message):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    (folder / "dataframe" / "test_fold1.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_dataset("radimagenet-acl", data_root=tmp_path)


def test_a_missing_fold_file_and_missing_images_are_named(tmp_path):
    folder = write_radimagenet(tmp_path, "acl", n=5)
    (folder / "images" / "0003_sagittal_9.000000.png").unlink()
    write_image(folder / "images" / "9999_sagittal_1.000000.png", seed=99)
    message = r"1 of 10 images cannot be read: '.*0003_sagittal_9\.000000\.png' .no such file"
    with pytest.raises(ValueError, match=message):
        load_dataset("radimagenet-acl", data_root=tmp_path)
    notes = load_dataset("radimagenet-acl", data_root=tmp_path, unreadable="list").notes
    assert any("1 image(s) stand in no fold file" in note for note in notes)
    (folder / "dataframe" / "val_fold4.csv").unlink()
    with pytest.raises(ValueError, match=r"lacks dataframe/val_fold4\.csv; the data set 'radimagenet-acl'"):
        load_dataset("radimagenet-acl", data_root=tmp_path)


def test_the_set_without_data_root_or_elsewhere(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"needs --data-root, the folder that holds RadImageNet/acl"):
        load_dataset("radimagenet-acl")
    with pytest.raises(FileNotFoundError, match=r"holds neither RadImageNet/breast nor dataframe/breast_tra"):
        load_dataset("radimagenet-breast", data_root=tmp_path)
    with pytest.raises(ValueError, match=r"`task` must be one of acl, breast, but 'knee' came"):
        authors_folds(tmp_path, "knee")
