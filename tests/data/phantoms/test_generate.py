"""Data sets of phantoms: bytes, patients, classes, masks, errors."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from data.dataset import manifest_hash
from data.phantoms.generate import load_phantoms

COUNTS = {
    "breast": {"benign": 437 / 780, "malignant": 210 / 780, "normal": 133 / 780},
    "knee": {"intact": 452 / 1021, "torn": 569 / 1021},
}


@pytest.fixture(scope="module", params=["breast", "knee"])
def dataset(request):
    return load_phantoms(request.param, n_patients=24, size=48, difficulty=0.3, seed=5)


def test_same_arguments_give_the_same_bytes(dataset):
    kind = dataset.info.name.removeprefix("phantom-")
    again = load_phantoms(kind, n_patients=24, size=48, difficulty=0.3, seed=5)
    assert manifest_hash(again.manifest) == manifest_hash(dataset.manifest)
    for image_id in dataset.manifest["image_id"]:
        np.testing.assert_array_equal(dataset.read_image(image_id), again.read_image(image_id))
        np.testing.assert_array_equal(dataset.read_mask(image_id), again.read_mask(image_id))
    other = load_phantoms(kind, n_patients=24, size=48, difficulty=0.3, seed=6)
    assert not set(other.manifest["sha256"]) & set(dataset.manifest["sha256"])


def test_another_process_gives_the_same_bytes(dataset):
    kind = dataset.info.name.removeprefix("phantom-")
    call = f"load_phantoms({kind!r}, n_patients=24, size=48, difficulty=0.3, seed=5)"
    code = (
        "from data.dataset import manifest_hash; from data.phantoms.generate import load_phantoms; "
        f"print(manifest_hash({call}.manifest))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == manifest_hash(dataset.manifest)


def test_image_does_not_depend_on_the_number_of_patients(dataset):
    kind = dataset.info.name.removeprefix("phantom-")
    fewer = load_phantoms(kind, n_patients=9, size=48, difficulty=0.3, seed=5).manifest.set_index("image_id")
    more = dataset.manifest.set_index("image_id")
    assert 9 <= len(fewer) < len(more)
    assert fewer["sha256"].equals(more.loc[fewer.index, "sha256"])
    assert fewer["class"].equals(more.loc[fewer.index, "class"])


def test_manifest_describes_the_pixels(dataset):
    manifest = dataset.manifest
    assert manifest["sha256"].is_unique
    for row in manifest.itertuples():
        image = dataset.read_image(row.image_id)
        assert image.shape == (row.height, row.width) == (48, 48)
        assert image.dtype == np.uint8
        assert hashlib.sha256(image.tobytes()).hexdigest() == row.sha256
        assert row.path == f"phantom:{dataset.info.name.removeprefix('phantom-')}/{row.image_id}"


def test_patients_have_one_class_and_up_to_four_images(dataset):
    groups = dataset.manifest.groupby("group_id")
    assert (groups["class"].nunique() == 1).all()
    assert set(groups.size()) == {1, 2, 3, 4}


def test_masks_cover_lesions_and_spare_normals(dataset):
    classes = dataset.manifest.set_index("image_id")["class"]
    for row in dataset.manifest.itertuples():
        mask = dataset.read_mask(row.image_id)
        assert mask.shape == (48, 48)
        assert mask.dtype == bool
        part = mask.mean()
        if classes[row.image_id] == "normal":
            assert part == 0
            assert row.mask_path is None
        else:
            assert 0.004 < part < 0.25
            assert row.mask_path == f"{row.path}#mask"


@pytest.mark.parametrize("kind", ["breast", "knee"])
def test_class_shares_follow_the_real_sets(kind):
    manifest = load_phantoms(kind, n_patients=100, size=32, seed=1).manifest
    patients = manifest.drop_duplicates("group_id")["class"].value_counts(normalize=True)
    for name, share in COUNTS[kind].items():
        assert patients[name] == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(("kind", "smallest"), [("breast", 8), ("knee", 3)])
def test_smallest_number_of_patients_holds_every_class(kind, smallest):
    for seed in range(12):
        data = load_phantoms(kind, n_patients=smallest, size=32, seed=seed)
        assert set(data.manifest["class"]) == set(data.info.classes)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("brain", {}, r"Phantom kind 'brain' is unknown; there are breast and knee"),
        ("breast", {"difficulty": 1.5}, r"`difficulty` is 1.5; it must lie between 0 \(easy\) and 1"),
        ("breast", {"difficulty": float("nan")}, r"`difficulty` is nan"),
        ("knee", {"size": 31}, r"`size` is 31 px; phantoms need at least 32 px"),
        (
            "breast",
            {"n_patients": 7},
            r"`n_patients` is 7; breast phantoms need at least 8 patients .*benign, mal",
        ),
        ("knee", {"n_patients": 0}, r"`n_patients` is 0; knee phantoms need at least 3"),
    ],
)
def test_bad_arguments_are_named(kind, change, message):
    arguments = {"n_patients": 10, "size": 32, "difficulty": 0.5, "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        load_phantoms(kind, **arguments)
