"""Policies for images that show one picture: what is left out, what is never parted, what is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.splits.folds import make_folds
from data.splits.leaks import copy_notes, straddling_units
from data.splits.policies import apply_policies, shared_pictures, split_units, with_left_out
from data.splits.split import make_split

# a = b = c (c has the other label), d = e, f alone.
PICTURES = pd.Series({"a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": None})
LABELS = {"a": 0, "b": 0, "c": 1, "d": 1, "e": 1, "f": 0}


def _manifest(labels=LABELS, groups=None):
    ids = list(labels)
    return pd.DataFrame({"image_id": ids, "label": list(labels.values()), "group_id": groups})


def _apply(**policies):
    return apply_policies(_manifest(), PICTURES, **policies)


def _kept(cohort):
    return "".join(cohort.manifest["image_id"])


def _out(cohort):
    return [tuple(row) for row in cohort.exclusions.itertuples(index=False)]


def test_keep_leaves_out_nothing_and_names_the_conflict():
    for policy in ("keep", "group"):
        cohort = _apply(duplicates=policy)
        assert (_kept(cohort), _out(cohort)) == ("abcdef", [])
        (note,) = cohort.notes
        assert "1 picture(s) stand under both labels (3 images): 'a' (negative) = 'b' (negative)" in note
        assert note.endswith('label_conflicts = "keep": they take part.')


def test_drop_keeps_the_first_image_of_each_picture_and_never_chooses_a_label():
    cohort = _apply(duplicates="drop")
    assert _kept(cohort) == "acdf"
    assert _out(cohort) == [("b", "duplicate", "a"), ("e", "duplicate", "d")]
    assert (
        "2 image(s) that show a picture once more are left out: 'b' (as 'a'), 'e' (as 'd')" in cohort.notes[1]
    )


def test_pictures_under_both_labels_go_as_a_whole():
    cohort = _apply(label_conflicts="drop")
    assert _kept(cohort) == "def"
    assert _out(cohort) == [
        ("a", "label conflict", "c"),
        ("b", "label conflict", "c"),
        ("c", "label conflict", "a"),
    ]
    both = _apply(label_conflicts="drop", duplicates="drop")
    assert _kept(both) == "df"
    assert ("e", "duplicate", "d") in _out(both)


def test_label_conflicts_may_be_an_error():
    with pytest.raises(ValueError, match=r"'c' \(positive\)\. At least one label .* label_conflicts = "):
        _apply(label_conflicts="error")
    clean = apply_policies(_manifest(), PICTURES.drop("c"), label_conflicts="error")
    assert clean.notes == ()


def test_policies_that_leave_nothing_are_refused():
    pictures = pd.Series({"a": "a", "b": "a"})
    with pytest.raises(ValueError, match="The policies leave no image"):
        apply_policies(_manifest({"a": 0, "b": 1}), pictures, label_conflicts="drop")


def test_images_that_a_given_split_does_not_name_join_the_exclusions():
    rows = with_left_out(_apply(duplicates="drop").exclusions, ["c"])
    assert rows["image_id"].tolist() == ["b", "c", "e"]
    assert rows.loc[1, "reason"] == "not in the split"


labels = st.lists(st.integers(0, 1), min_size=4, max_size=30)
policies = st.sampled_from(["keep", "drop", "group"])


@given(labels, st.data(), policies, st.sampled_from(["keep", "drop"]))
@settings(max_examples=150, deadline=None)
def test_policies_are_idempotent_and_blind_to_the_order_of_rows(values, data, duplicates, conflicts):
    ids = [f"i{k:02d}" for k in range(len(values))]
    n = len(ids) - 1
    names = data.draw(st.lists(st.sampled_from([None, "p", "q", "r"]), min_size=n, max_size=n))
    pictures = pd.Series([*names, None], index=ids, dtype="object")  # one image always stays
    manifest = _manifest(dict(zip(ids, values, strict=True)))
    options = {"duplicates": duplicates, "label_conflicts": conflicts}
    once = apply_policies(manifest, pictures, **options)
    twice = apply_policies(once.manifest, pictures, **options)
    shuffled = apply_policies(manifest.sample(frac=1, random_state=1), pictures.sample(frac=1), **options)
    assert twice.manifest.equals(once.manifest)
    assert twice.exclusions.empty
    assert shuffled.manifest.equals(once.manifest)
    assert shuffled.exclusions.equals(once.exclusions)
    assert sorted([*once.manifest["image_id"], *once.exclusions["image_id"]]) == ids
    if duplicates == "drop":
        kept = once.manifest.assign(picture=once.manifest["image_id"].map(pictures)).dropna(subset="picture")
        assert not kept.duplicated(["picture", "label"]).any()
        assert set(once.exclusions["duplicate_of"]) <= set(ids)


def test_units_join_patients_and_pictures_through_chains():
    """p: a b, q: c d; a and c show one picture, so do e and f: a b c d is one unit, e f another."""
    manifest = _manifest(dict.fromkeys("abcdefg", 0), ["p", "p", "q", "q", None, None, "r"])
    manifest["duplicate_group"] = ["a", None, "a", None, "e", "e", None]
    assert split_units(manifest, by_patient=True).fillna("").tolist() == ["a", "a", "a", "a", "e", "e", ""]
    assert split_units(manifest, by_patient=False).fillna("").tolist() == ["a", "", "a", "", "e", "e", ""]


def test_a_picture_is_shared_only_among_images_at_hand():
    fewer = _manifest({"a": 0, "d": 1, "e": 1, "f": 0})
    assert shared_pictures(fewer, PICTURES).fillna("").tolist() == ["", "d", "d", ""]


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=40, deadline=None)
def test_neither_patient_nor_picture_straddles_once_duplicates_are_grouped(seed, by_patient):
    rng = np.random.default_rng(seed)
    n = 120
    ids = [f"i{k:03d}" for k in range(n)]
    patients = [f"p{g}" for g in rng.integers(0, 90, n)]
    manifest = _manifest(dict(zip(ids, rng.integers(0, 2, n), strict=True)), patients)
    pictures = pd.Series([f"d{d}" if d < 25 else None for d in rng.integers(0, 80, n)], index=ids)
    manifest["duplicate_group"] = shared_pictures(manifest, pictures)
    units = manifest.assign(group_id=split_units(manifest, by_patient=by_patient))
    rule = {"stratify": True, "group": "patient", "seed": seed, "val": 0.2}
    split = make_split(units, train=0.6, test=0.2, **rule)
    assert straddling_units(split, manifest, unit="duplicate_group") == []
    assert not by_patient or straddling_units(split, manifest) == []
    folds = make_folds(units, folds=3, **rule)
    for _, own in folds.groupby("fold"):
        assert straddling_units(own.drop(columns="fold"), manifest, unit="duplicate_group") == []


def test_grouping_changes_nothing_where_there_are_no_duplicates():
    manifest = _manifest({f"i{k:02d}": k % 2 for k in range(40)}, [f"p{k // 3}" for k in range(40)])
    manifest["duplicate_group"] = None
    rule = {"train": 0.6, "val": 0.2, "test": 0.2, "stratify": True, "seed": 7}
    for group, by_patient in (("patient", True), ("image", False)):
        units = manifest.assign(group_id=split_units(manifest, by_patient=by_patient))
        assert make_split(units, group="patient", **rule).equals(make_split(manifest, group=group, **rule))


def test_copies_in_several_parts_and_within_the_test_part_are_told():
    manifest = _manifest().assign(duplicate_group=["a", "a", None, "d", "d", None])
    split = pd.DataFrame(
        {"image_id": list("abcdef"), "split": ["train", "test", "val", "test", "test", "val"]}
    )
    leak, within = copy_notes(split, manifest)
    assert "1 picture(s) stand in several parts of the split, so it leaks: 'a' (train) = 'b' (test)" in leak
    assert "33% of the test images and 0% of the validation images" in leak
    assert "2 of 3 test images show a picture that another test image shows too" in within
