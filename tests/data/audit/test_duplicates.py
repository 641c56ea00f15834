"""Exact duplicates, groups and the shape of the answer."""

import numpy as np
import pandas as pd
import pytest

from data.audit import duplicates
from data.audit.duplicates import PAIR_COLUMNS, duplicate_groups, find_duplicates
from tests.data.audit.images import dataset_of, phantoms


@pytest.fixture(scope="module")
def breast():
    return phantoms("breast", n_patients=8)


def test_a_set_without_duplicates_gives_an_empty_table(breast):
    pairs = find_duplicates(dataset_of(breast))
    assert pairs.empty
    assert tuple(pairs.columns) == PAIR_COLUMNS
    assert pairs["similarity"].dtype == np.float64


def test_one_image_alone_has_no_duplicate(breast):
    assert find_duplicates(dataset_of({"only": next(iter(breast.values()))})).empty


def test_same_file_and_same_pixels_are_told_apart(breast):
    first = next(iter(breast.values()))
    pairs = find_duplicates(
        dataset_of({**breast, "x same": first, "y colour": np.repeat(first[..., None], 3, axis=2)})
    )
    named = {(row.image_a, row.image_b): (row.kind, row.similarity, row.change) for row in pairs.itertuples()}
    original = next(iter(breast))
    assert named == {
        (original, "x same"): ("exact", 1.0, "same file"),
        (original, "y colour"): ("exact", 1.0, "same pixels"),
        ("x same", "y colour"): ("exact", 1.0, "same pixels"),
    }


def test_the_mirror_image_is_near_and_so_are_its_copies(breast):
    original, first = next(iter(breast.items()))
    mirrored = first[:, ::-1].copy()
    pairs = find_duplicates(dataset_of({**breast, "z1": mirrored, "z2": mirrored}))
    assert list(zip(pairs["image_a"], pairs["image_b"], pairs["kind"], strict=True)) == [
        (original, "z1", "near"),
        (original, "z2", "near"),
        ("z1", "z2", "exact"),
    ]
    assert list(pairs["change"]) == ["mirrored", "mirrored", "same file"]
    assert pairs["similarity"].min() > 0.99


def test_blank_images_are_duplicates_only_if_their_pixels_are_the_same():
    blank = np.full((64, 64), 7, dtype=np.uint8)
    noisy = blank + np.random.default_rng(0).integers(0, 2, blank.shape).astype(np.uint8)
    images = {"a": blank, "b": blank, "c": blank + 1, "d": noisy, "e": np.zeros((1, 1), dtype=np.uint8)}
    pairs = find_duplicates(dataset_of(images))
    assert pairs[["image_a", "image_b", "kind"]].to_numpy().tolist() == [["a", "b", "exact"]]


def test_a_large_group_of_equal_images_is_listed_with_its_first(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_LISTED", 4)
    images = {f"blank {k}": np.zeros((40, 40), dtype=np.uint8) for k in range(6)}
    pairs = find_duplicates(dataset_of(images))
    assert list(pairs["image_a"]) == ["blank 0"] * 5
    assert set(pairs["change"]) == {"same file; 6 such images, each listed with the first"}
    assert duplicate_groups(list(images), pairs).nunique() == 1


def test_an_unreadable_image_is_an_error(breast):
    def refuse(image_id):
        raise OSError(f"{image_id} is damaged")

    dataset = dataset_of(breast)
    object.__setattr__(dataset, "read_image", refuse)
    with pytest.raises(OSError, match="is damaged"):
        find_duplicates(dataset)


def test_progress_counts_images(breast):
    seen = []
    find_duplicates(dataset_of(breast), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, len(breast)) for k in range(1, len(breast) + 1)]


def _pairs(*named):
    return pd.DataFrame(named, columns=["image_a", "image_b"])


def test_groups_are_connected_components_named_by_their_first_image():
    groups = duplicate_groups(["d", "c", "b", "a", "e"], _pairs(("b", "d"), ("a", "d")))
    assert groups.to_dict() == {"d": "a", "c": None, "b": "a", "a": "a", "e": None}
    assert groups.index.name == "image_id"


def test_without_pairs_no_image_has_a_group():
    assert list(duplicate_groups(["a", "b"], _pairs())) == [None, None]


def test_pairs_of_another_data_set_are_refused():
    with pytest.raises(ValueError, match=r"names 1 image\(s\) in `image_b` .* \(first 'z'\)"):
        duplicate_groups(["a", "b"], _pairs(("a", "z")))


def test_an_image_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"`image_ids` holds 'a' more than once"):
        duplicate_groups(["a", "a"], _pairs())
