"""BreastMNIST: names instead of reversed codes, its own parts, files that are not what they should be."""

import hashlib

import numpy as np
import pytest

from data.readers import breastmnist
from data.registry import dataset_available, load_dataset
from tests.data.trees import breastmnist_arrays


def _write(folder, arrays, *, size=28):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("breastmnist.npz" if size == 28 else f"breastmnist_{size}.npz")
    np.savez_compressed(path, **arrays)
    return path


def test_labels_become_names_and_zero_is_malignant(tmp_path):
    arrays = breastmnist_arrays()
    path = _write(tmp_path, arrays)
    dataset = load_dataset("breastmnist", data_root=tmp_path)
    rows = dataset.manifest.set_index("image_id")
    assert rows.loc["train-0000", "class"] == "malignant"
    assert rows.loc["train-0001", "class"] == "normal or benign"
    assert dataset.info.class_counts == {"malignant": 9, "normal or benign": 15}
    assert np.array_equal(dataset.read_image("test-0003"), arrays["test_images"][3])
    assert rows.loc["test-0003", ["width", "height", "mode", "path"]].tolist() == [
        28,
        28,
        "uint8",
        f"{path}#test/3",
    ]
    assert rows.loc["val-0001", "sha256"] == hashlib.sha256(arrays["val_images"][1].tobytes()).hexdigest()
    assert dataset.read_mask("test-0003") is None


def test_the_files_own_parts_are_the_published_split(tmp_path):
    _write(tmp_path / "breastmnist", breastmnist_arrays(64), size=64)
    split = load_dataset("breastmnist", data_root=tmp_path, options={"size": 64}).published_split
    assert split.columns.tolist() == ["image_id", "split"]
    assert split["split"].value_counts().to_dict() == {"train": 12, "test": 8, "val": 4}
    assert (split["image_id"].str.partition("-")[0] == split["split"]).all()


def test_a_file_with_another_md5_is_named_and_the_published_one_is_not(tmp_path, monkeypatch):
    path = _write(tmp_path, breastmnist_arrays())
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    notes = load_dataset("breastmnist", data_root=tmp_path).notes
    published = "750601b1f35ba3300ea97c75c52ff8f6"
    assert f"has the MD5 {digest}, the published file of 28 px has {published}" in notes[0]
    assert "This copy of BreastMNIST has 9 malignant, 15 normal or benign" in notes[1]
    monkeypatch.setitem(breastmnist._MD5, 28, digest)
    assert not any("MD5" in note for note in load_dataset("breastmnist", data_root=tmp_path).notes)


def test_a_truncated_file_is_refused(tmp_path):
    path = _write(tmp_path, breastmnist_arrays())
    content = path.read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is damaged or no \.npz file .*; download it again") as error:
            load_dataset("breastmnist", data_root=tmp_path)
        assert "pickle" not in str(error.value)  # numpy's advice to load it unsafely


def test_a_single_array_in_place_of_the_file_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "breastmnist.npz")
    with pytest.raises(ValueError, match=r"is damaged or no \.npz file"):
        load_dataset("breastmnist", data_root=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("val_labels"), r"lacks the array.s. val_labels; it has train_images"),
        (
            lambda a: a.update(test_images=a["test_images"][:, :20]),
            r"test_images must be uint8 of shape .n, 28, 28., but it is uint8 of shape .8, 20, 28.",
        ),
        (lambda a: a.update(test_images=a["test_images"] / 255.0), "but it is float64"),
        (lambda a: a.update(train_labels=a["train_labels"][:, 0]), r"train_labels must hold 0 or 1 in shape"),
        (lambda a: a.update(train_labels=a["train_labels"] + 1), r"values \[1, 2\]"),
        (
            lambda a: a.update(train_labels=a["train_labels"][1:]),
            r"but it has shape .11, 1",
        ),
    ],
)
def test_arrays_that_are_refused(tmp_path, change, message):
    arrays = breastmnist_arrays()
    change(arrays)
    _write(tmp_path, arrays)
    with pytest.raises(ValueError, match=message):
        load_dataset("breastmnist", data_root=tmp_path)


def test_sizes_and_places(tmp_path):
    available, reason = dataset_available("breastmnist", tmp_path, {"size": 224})
    assert not available
    assert "holds neither breastmnist nor breastmnist_224.npz itself" in reason
    with pytest.raises(FileNotFoundError, match=r"--data-root, the folder that holds breastmnist_64\.npz"):
        load_dataset("breastmnist", options={"size": 64})
    with pytest.raises(ValueError, match=r"`size` .* must be one of 28, 64, 128, 224, but 32 came"):
        load_dataset("breastmnist", data_root=tmp_path, options={"size": 32})
    path = _write(tmp_path, breastmnist_arrays(128), size=128)
    assert dataset_available("breastmnist", tmp_path, {"size": 128}) == (True, f"found in {path}")
    with pytest.raises(ValueError, match=r"The data set has no image 'test-0099'"):
        load_dataset("breastmnist", data_root=tmp_path, options={"size": 128}).read_image("test-0099")
