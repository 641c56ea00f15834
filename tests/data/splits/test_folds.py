"""Cross-validation: test folds partition the images, patients stay together, and the seed decides."""

import numpy as np
import pandas as pd
import pytest

from data.splits.folds import fold_counts, fold_split, make_folds
from data.splits.split import split_hash

OPTIONS = {"folds": 5, "val": 0.15, "stratify": True, "group": "patient", "seed": 42}


def manifest(n: int = 200, *, per_patient: int = 2) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": [f"i{k:03d}" for k in range(n)],
            "label": [int((k // per_patient) % 4 == 0) for k in range(n)],
            "group_id": [f"p{k // per_patient}" for k in range(n)],
        }
    )


def test_every_image_is_tested_once_and_no_patient_is_in_two_parts():
    images = manifest()
    folds = make_folds(images, **OPTIONS)
    tested = folds[folds["split"] == "test"]
    assert sorted(tested["image_id"]) == sorted(images["image_id"])
    for fold in range(5):
        own = fold_split(folds, fold).merge(images, on="image_id")
        assert len(own) == len(images)
        assert own.groupby("group_id")["split"].nunique().max() == 1
        counts = own["split"].value_counts()
        assert (counts["test"], counts["val"], counts["train"]) == (40, 30, 130)
        positive = own.groupby("split")["label"].mean()
        assert np.allclose(positive, images["label"].mean(), atol=0.03)


def test_single_images_meet_the_counts_exactly():
    images = manifest(203, per_patient=1).assign(group_id=None)
    folds = make_folds(images, **OPTIONS)
    found = [fold_split(folds, fold)["split"].value_counts().to_dict() for fold in range(5)]
    assert found == fold_counts(203, folds=5, val=0.15)
    tested = folds[folds["split"] == "test"].merge(images, on="image_id")
    positives = tested.groupby("fold")["label"].sum()
    assert positives.max() - positives.min() <= 1


def test_the_seed_alone_decides_whatever_the_order_of_rows():
    images = manifest()
    folds = make_folds(images, **OPTIONS)
    shuffled = images.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(make_folds(shuffled, **OPTIONS), folds)
    other = make_folds(images, **{**OPTIONS, "seed": 43})
    assert split_hash(fold_split(other, 0)) != split_hash(fold_split(folds, 0))
    assert len({split_hash(fold_split(folds, fold)) for fold in range(5)}) == 5


def test_a_split_without_folds_has_fold_zero_alone():
    split = pd.DataFrame({"image_id": ["a", "b"], "split": ["train", "test"]})
    pd.testing.assert_frame_equal(fold_split(split, 0), split)
    with pytest.raises(ValueError, match="`fold` is 1; the split has the folds 0"):
        fold_split(split, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folds": 1}, "`folds` is 1; allowed are whole numbers from 2 to 20"),
        ({"val": 0.8}, "below 0.8, so that images are left"),
        ({"group": "exam"}, "`group` must be 'patient' or 'image'"),
        ({"folds": 20}, "in fold 0 has no positive image"),
    ],
)
def test_impossible_folds_are_refused(change, message):
    images = manifest(60) if "folds" in change and change["folds"] == 20 else manifest()
    if change.get("folds") == 20:
        images["label"] = [int(k < 6) for k in range(60)]
    with pytest.raises(ValueError, match=message):
        make_folds(images, **{**OPTIONS, **change})
