"""Changed copies are found, look-alikes are not."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted_images import CHANGES
from data.audit.duplicates import duplicate_groups, find_duplicates
from data.registry import load_dataset
from tests.data.audit.images import dataset_of, phantoms

BUSI_COPY = Path(__file__).parents[4] / "shared" / "busi"


def _planted(images, jobs, rng):
    """The images with one copy per job, and the picture that each image shows."""
    planted, origin = dict(images), {name: name for name in images}
    for number, job in enumerate(jobs):
        source = str(rng.choice(list(images)))
        copy = images[source]
        for name in job:
            copy = CHANGES[name](copy, rng)
        planted[f"{source} copy {number}"] = copy
        origin[f"{source} copy {number}"] = source
    return planted, origin


def _found_and_true(images, jobs):
    planted, origin = _planted(images, jobs, np.random.default_rng(5))
    pairs = find_duplicates(dataset_of(planted))
    found = set(zip(pairs["image_a"], pairs["image_b"], strict=True))
    true = {pair for pair in combinations(sorted(planted), 2) if origin[pair[0]] == origin[pair[1]]}
    return found, true


@pytest.mark.parametrize("kind", ["breast", "knee"])
def test_copies_with_one_change_are_found_among_images_of_the_same_patients(kind):
    found, true = _found_and_true(phantoms(kind, n_patients=16), [(name,) for name in CHANGES] * 2)
    assert found == true


@pytest.mark.parametrize("kind", ["breast", "knee"])
def test_copies_with_two_changes_are_found(kind):
    jobs = list(combinations(CHANGES, 2))[::2]
    found, true = _found_and_true(phantoms(kind, n_patients=16, seed=1), jobs)
    assert found <= true
    assert len(found) >= 0.95 * len(true)


@pytest.mark.parametrize("kind", ["breast", "knee"])
def test_images_of_one_patient_are_not_duplicates(kind):
    assert find_duplicates(dataset_of(phantoms(kind, n_patients=30, size=96, seed=2))).empty


@pytest.mark.parametrize(
    ("turn", "word"),
    [
        (lambda image: image[:, ::-1], "mirrored"),
        (lambda image: image[::-1], "upside down"),
        (lambda image: image[::-1, ::-1], "turned by 180 degrees"),
    ],
)
def test_turned_images_are_found_and_named(turn, word):
    images = phantoms("breast", n_patients=8)
    first = next(iter(images))
    pairs = find_duplicates(dataset_of({**images, "z": np.ascontiguousarray(turn(images[first]))}))
    assert pairs[["image_a", "image_b", "change"]].to_numpy().tolist() == [[first, "z", word]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("cropped_all_sides", "cropped"),
        ("cropped_one_side", "cropped"),
        ("resized", "resized or recompressed"),
        ("stretched", "resized or recompressed"),
        ("jpeg", "resized or recompressed"),
        ("brightened", "brightness or contrast"),
        ("gamma_changed", "brightness or contrast"),
        ("labelled", "text or marks"),
    ],
)
def test_the_change_is_named(change, words):
    images = phantoms("breast", n_patients=8)
    first = list(images)[3]
    copy = CHANGES[change](images[first], np.random.default_rng(1))
    pairs = find_duplicates(dataset_of({**images, "z": copy}))
    assert pairs[["image_a", "image_b", "change"]].to_numpy().tolist() == [[first, "z", words]]


def test_the_order_of_the_pair_does_not_matter():
    images = phantoms("knee", n_patients=8)
    first = list(images)[2]
    copy = CHANGES["cropped_all_sides"](images[first][:, ::-1], np.random.default_rng(0))
    pairs = [find_duplicates(dataset_of({**images, name: copy})) for name in ("a", "z")]
    assert [list(pair[["image_a", "image_b"]].iloc[0]) for pair in pairs] == [["a", first], [first, "z"]]
    assert [list(pair["change"]) for pair in pairs] == [["mirrored, cropped"]] * 2


def test_noise_alone_is_no_picture():
    rng = np.random.default_rng(0)
    images = {str(k): rng.integers(0, 256, (64, 64), dtype=np.uint8) for k in range(20)}
    assert find_duplicates(dataset_of(images)).empty


def test_images_smaller_than_a_thumbnail_are_compared():
    images = phantoms("breast", n_patients=8, size=32)
    first = next(iter(images))
    pairs = find_duplicates(dataset_of({**images, "z": images[first][:, ::-1].copy()}))
    assert pairs[["image_a", "image_b"]].to_numpy().tolist() == [[first, "z"]]


@pytest.mark.slow  # the command finds the same in tests/study/data_audit/test_check_command.py
@pytest.mark.skipif(not BUSI_COPY.is_dir(), reason="no copy of BUSI beside the project")
def test_the_known_duplicates_of_busi_are_found():
    dataset = load_dataset("busi", data_root=BUSI_COPY)
    pairs = find_duplicates(dataset)
    assert pairs.loc[pairs["kind"] == "exact", ["image_a", "image_b"]].to_numpy().tolist() == [
        ["benign (433)", "malignant (145)"]
    ]
    classes = dataset.manifest.set_index("image_id")["class"]
    of_a, of_b = (pairs[name].map(classes).to_numpy() for name in ("image_a", "image_b"))
    conflicts = set(zip(pairs["image_a"][of_a != of_b], pairs["image_b"][of_a != of_b], strict=True))
    assert conflicts == {
        *product(["benign (131)", "benign (42)"], ["malignant (51)"]),
        *product(["benign (164)", "benign (85)"], ["malignant (52)"]),
        *product(["benign (333)"], ["malignant (77)", "malignant (78)"]),
        ("benign (399)", "malignant (93)"),
        ("benign (406)", "malignant (94)"),
        ("benign (433)", "malignant (145)"),
        ("benign (269)", "normal (1)"),
        ("benign (437)", "normal (34)"),
    }
    groups = duplicate_groups(list(dataset.manifest["image_id"]), pairs)
    assert groups.nunique() == 150
    assert groups.notna().sum() == 332
