"""MRNet: slices by rule, labels without header, ids with leading zeros."""

import numpy as np
import pytest

from data.registry import dataset_available, load_dataset
from tests.data.trees import write_mrnet


def _load(root, **options):
    return load_dataset("mrnet", data_root=root, options=options)


def test_the_middle_slice_of_every_exam(tmp_path):
    folder = write_mrnet(tmp_path)
    dataset = _load(tmp_path)
    rows = dataset.manifest.set_index("image_id")
    assert len(rows) == 8
    assert rows.loc["0001-sagittal-02", ["group_id", "class", "mode"]].tolist() == ["0001", "yes", "uint8"]
    assert rows.loc["1130-sagittal-01", ["group_id", "class"]].tolist() == ["1130", "no"]
    volume = np.load(folder / "train" / "sagittal" / "0001.npy")
    assert volume.shape[0] == 4
    assert np.array_equal(dataset.read_image("0001-sagittal-02"), volume[2])
    assert dataset.info.n_groups == 8
    assert dataset.read_mask("0001-sagittal-02") is None


def test_all_slices_keep_their_exam(tmp_path):
    write_mrnet(tmp_path, tasks=("meniscus",))
    manifest = _load(tmp_path, slices="all", plane="axial", task="meniscus").manifest
    assert manifest.groupby("group_id").size().tolist() == [3, 4, 3, 4, 3, 4, 3, 4]
    assert manifest["image_id"].iloc[0] == "0000-axial-00"
    assert manifest["sha256"].is_unique


def test_slices_from_a_file(tmp_path):
    write_mrnet(tmp_path)
    (tmp_path / "slices.csv").write_bytes(b"\xef\xbb\xbfexam,slice\r\n0001,3\r\n0001,0\r\n1131,1\r\n")
    dataset = _load(tmp_path, slices="slices.csv")
    assert dataset.manifest["image_id"].tolist() == [
        "0001-sagittal-00",
        "0001-sagittal-03",
        "1131-sagittal-01",
    ]
    assert any("6 exam(s) have no slice in" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0001,3\n", "must begin with the header exam,slice"),
        ("exam,slice\n0001,4\n", r"asks for slice 4 of exam 0001, which has 4 slices .0 to 3"),
        (
            "exam,slice\n1,3\n",
            "an exam of four digits and a slice from 0 are needed, such as 0007,12, but 1",
        ),
        ("exam,slice\n0001,-1\n", "but 0001,-1 came"),
        ("exam,slice\n0001,3\n0001,3\n", "line 3: slice 3 of exam 0001 is listed a second time"),
        ("exam,slice\n0777,3\n", r"names 1 exam.s. that have no label: 0777"),
    ],
)
def test_slice_files_that_are_refused(tmp_path, text, message):
    write_mrnet(tmp_path)
    (tmp_path / "slices.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, slices="slices.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\n0000,1\n", "begins with the header 'id,label', but this file has none"),
        ("\ufeffID,ACL\r\n0000,1\r\n", "begins with the header 'ID,ACL', but this file has none"),
        ("0,1\n", r"line 1: '0' is no exam id of four digits, such as 0007.*drop leading zeros"),
        ("0000,2\n", "line 1: the label must be 0 or 1, but '2' came"),
        ("0000,1\n0000,1\n", "line 2: exam 0000 is listed a second time"),
        ("0000\n", "line 1 has 1 fields, but there must be 2"),
        ("", "is empty; it must hold one row per image"),
    ],
)
def test_label_files_that_are_refused(tmp_path, text, message):
    folder = write_mrnet(tmp_path)
    (folder / "train-acl.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        _load(tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    folder = write_mrnet(tmp_path)
    before = _load(tmp_path).manifest
    path = folder / "train-acl.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert _load(tmp_path).manifest.equals(before)


def test_volumes_that_cannot_be_read_are_listed(tmp_path):
    folder = write_mrnet(tmp_path) / "train" / "sagittal"
    whole = (folder / "0000.npy").read_bytes()
    (folder / "0000.npy").write_bytes(whole[: len(whole) // 2])
    (folder / "0001.npy").unlink()
    np.save(folder / "0002.npy", np.zeros((3, 256, 256)))
    np.save(folder / "0003.npy", np.zeros((0, 256, 256), dtype=np.uint8))
    (folder / "0004.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"5 of 8 images cannot be read: '.*0000\.npy' .damaged or no \.npy"):
        _load(tmp_path)
    found = load_dataset("mrnet", data_root=tmp_path, unreadable="list").unreadable
    reasons = dict(zip(found["path"].str[-8:], found["reason"], strict=True))
    assert reasons["0001.npy"] == "no such file"
    assert reasons["0002.npy"] == "not uint8 of shape (slices, 256, 256), but float64 of shape (3, 256, 256)"
    assert reasons["0003.npy"] == "it has no slice"
    assert reasons["0004.npy"].startswith("damaged or no .npy file")


def test_volumes_without_label_and_an_exam_in_both_parts(tmp_path):
    folder = write_mrnet(tmp_path)
    np.save(folder / "valid" / "sagittal" / "1999.npy", np.zeros((3, 256, 256), dtype=np.uint8))
    assert "1 volume(s) have no label and were left out: 1999." in _load(tmp_path).notes
    (folder / "valid-acl.csv").write_text("0000,1\n")
    with pytest.raises(ValueError, match=r"valid-acl\.csv' line 1: exam 0000 is listed a second time"):
        _load(tmp_path)


def test_places_and_options(tmp_path):
    folder = write_mrnet(tmp_path)
    assert dataset_available("mrnet", folder) == (True, f"found in {folder}")
    available, reason = dataset_available("mrnet", tmp_path, {"task": "abnormal"})
    assert not available
    assert "holds neither MRNet-v1.0 nor train-abnormal.csv itself" in reason
    with pytest.raises(ValueError, match=r"`plane` .* must be one of axial, coronal, sagittal, but 'x' came"):
        _load(tmp_path, plane="x")
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*none\.csv'"):
        _load(tmp_path, slices="none.csv")
    (folder / "valid" / "sagittal").rename(folder / "valid" / "elsewhere")
    with pytest.raises(ValueError, match=r"lacks valid/sagittal; the data set 'mrnet' has"):
        _load(tmp_path)
