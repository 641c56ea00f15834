"""The registry: facts, availability and options."""

import numpy as np
import pytest

from data.registry import dataset_available, dataset_info, dataset_names, load_dataset


def test_every_name_has_facts_and_steps():
    for name in dataset_names():
        info = dataset_info(name)
        assert info.name == name
        assert info.title
        assert info.licence
        assert all(step.strip() for step in info.steps)
        assert info.steps
        assert info.task
        assert info.unit in ("image", "patient", "exam")


def test_counts_of_the_paper():
    busi, acl = dataset_info("busi"), dataset_info("radimagenet-acl")
    assert busi.class_counts == {"benign": 437, "malignant": 210, "normal": 133}
    assert sum(busi.class_counts.values()) == 780
    assert busi.n_groups is None
    assert acl.class_counts == {"yes": 569, "no": 452}
    assert sum(acl.class_counts.values()) == 1021
    assert acl.n_groups == 498


def test_sets_that_anybody_may_download_carry_their_files():
    fetched = {name for name in dataset_names() if dataset_info(name).sources}
    assert fetched == {"breastmnist", "bus-bra", "breast-tcia"}


def test_unknown_names_list_the_known():
    message = "There is no data set 'bussi'. Known are busi, radimagenet-breast, breastmnist, "
    for call in (dataset_info, load_dataset, lambda name: dataset_available(name, None)):
        with pytest.raises(ValueError, match=message):
            call("bussi")


def test_phantoms_are_made_with_their_options():
    options = {"n_patients": 8, "size": 32, "difficulty": 0, "seed": 3}
    dataset = load_dataset("phantom-breast", options=options)
    assert dataset.manifest["group_id"].nunique() == 8
    image_id = dataset.manifest["image_id"].iloc[0]
    assert dataset.read_image(image_id).shape == (32, 32)
    again = load_dataset("phantom-breast", options=options)
    assert np.array_equal(again.read_image(image_id), dataset.read_image(image_id))
    assert dataset_available("phantom-knee", None) == (True, "made by the program when asked for")


def test_busi_availability(busi_folder, tmp_path):
    available, place = dataset_available("busi", busi_folder.parent)
    assert available
    assert place == f"found in {busi_folder}"
    available, reason = dataset_available("busi", None)
    assert not available
    assert "needs --data-root" in reason
    assert len(load_dataset("busi", data_root=busi_folder.parent).manifest) == 6


def test_folder_and_manifest_paths_are_relative_to_the_data_root(tmp_path, save_image):
    for seed, name in enumerate(("x/yes/1.png", "x/no/1.png")):
        save_image(tmp_path / name, seed=seed)
    (tmp_path / "list.csv").write_text("path,label\nx/yes/1.png,yes\nx/no/1.png,no\n")
    assert len(load_dataset("folder", data_root=tmp_path, options={"path": "x"}).manifest) == 2
    assert len(load_dataset("folder", options={"path": str(tmp_path / "x")}).manifest) == 2
    assert len(load_dataset("manifest", data_root=tmp_path, options={"path": "list.csv"}).manifest) == 2
    assert dataset_available("folder", tmp_path, {"path": "x"}) == (True, f"found in {tmp_path / 'x'}")
    available, reason = dataset_available("manifest", tmp_path, {"path": "none.csv"})
    assert not available
    assert "There is no manifest" in reason


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("busi", {"size": 3}, "The data set 'busi' has no option 'size'; it takes no options"),
        ("folder", {"root": "x"}, "The data set 'folder' has no option 'root'; it takes path"),
        (
            "folder",
            {},
            "The data set 'folder' needs the option `path`: the folder with one sub-folder per class",
        ),
        ("manifest", {}, "The data set 'manifest' needs the option `path`: the CSV file"),
        ("manifest", {"path": 3}, "`path` of the data set 'manifest' must be a text, but 3 came"),
        ("phantom-knee", {"n": 3}, "no option 'n'; it takes n_patients, size, difficulty, seed"),
        (
            "phantom-knee",
            {"size": 64.0},
            "`size` of the data set 'phantom-knee' must be a whole number, but 64.0",
        ),
        ("phantom-knee", {"difficulty": "easy"}, "`difficulty` .* must be a number, but 'easy' came"),
        ("phantom-knee", {"seed": True}, "`seed` .* must be a whole number, but True came"),
    ],
)
def test_wrong_options_are_explained(name, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(name, options=options)
    with pytest.raises(ValueError, match=message):
        dataset_available(name, None, options)
