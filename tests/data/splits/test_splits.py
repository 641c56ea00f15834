"""Splits: the paper's counts, no group in two parts, and what is said about leaks."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.splits.grouped import _cost, assign_groups
from data.splits.split import (
    label_counts,
    leak_share,
    make_split,
    split_counts,
    split_hash,
    split_notes,
    split_report,
)

PAPER = {"train": 0.75, "val": 0.15, "test": 0.10}


def _manifest(label, group=None):
    label = np.asarray(label)
    return pd.DataFrame(
        {
            "image_id": [f"image {i:04d}" for i in range(len(label))],
            "class": np.where(label == 1, "yes", "no"),
            "label": label.astype("int8"),
            "group_id": None if group is None else [f"exam {g}" for g in group],
        }
    )


def _acl_like(seed=0):
    """498 exams with 1 to 5 slices as in the ACL set: 1021 slices, every exam of one label."""
    rng = np.random.default_rng(seed)
    sizes = rng.permutation(np.repeat([1, 2, 3, 4, 5], [107, 276, 100, 13, 2]))
    exam = np.repeat(np.arange(498), sizes)
    positive = np.cumsum(sizes) <= 569
    return _manifest(positive[exam].astype(int), exam)


def _counts(split, manifest):
    frame = manifest.merge(split, on="image_id")
    return {
        part: (int((rows["label"] == 1).sum()), int((rows["label"] == 0).sum()))
        for part, rows in frame.groupby("split")
    }


def test_counts_of_the_paper_from_numbers_alone():
    assert split_counts(780, **PAPER) == {"train": 585, "val": 117, "test": 78}
    assert split_counts({"yes": 569, "no": 452}, **PAPER) == {"train": 765, "val": 153, "test": 103}
    assert label_counts({"malignant": 210, "rest": 570}, **PAPER)["test"] == {"malignant": 21, "rest": 57}
    acl = label_counts({"yes": 569, "no": 452}, **PAPER)
    assert acl["test"] == {"yes": 58, "no": 45}
    assert acl["val"] == {"yes": 85, "no": 68}


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        (210, 570, {"train": (157, 428), "val": (32, 85), "test": (21, 57)}),
        (569, 452, {"train": (426, 339), "val": (85, 68), "test": (58, 45)}),
    ],
)
def test_counts_of_the_paper_from_images(positive, negative, expected):
    manifest = _manifest([1] * positive + [0] * negative)
    split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=42)
    assert _counts(split, manifest) == expected


def test_counts_without_strata():
    manifest = _manifest([1] * 210 + [0] * 570)
    split = make_split(manifest, **PAPER, stratify=False, group="image", seed=42)
    assert split["split"].value_counts().to_dict() == {"train": 585, "val": 117, "test": 78}


def test_shares_count_as_written():
    """In floating point 0.1 + 0.2 is above 0.3 and would take one image too many."""
    assert split_counts(30, train=0.7, val=0.1, test=0.2) == {"train": 21, "val": 3, "test": 6}


@given(st.integers(1, 5000), st.integers(0, 5000), st.integers(1, 97), st.integers(1, 97))
@settings(max_examples=200, deadline=None)
def test_counts_add_up_and_labels_stay_within_one_image(positive, negative, val, test):
    val, test = min(val, 49), min(test, 49)
    shares = {"train": (100 - val - test) / 100, "val": val / 100, "test": test / 100}
    counts = {"yes": positive, "no": negative}
    parts = split_counts(counts, **shares)
    labels = label_counts(counts, **shares)
    assert sum(parts.values()) == positive + negative
    assert {part: sum(row.values()) for part, row in labels.items()} == parts
    for name in counts:
        assert sum(row[name] for row in labels.values()) == counts[name]
    for part in parts:
        exact = positive * parts[part] / (positive + negative)
        assert abs(labels[part]["yes"] - exact) <= 2


def test_only_the_seed_decides():
    manifest = _manifest([1] * 30 + [0] * 70)
    split = make_split(manifest, **PAPER, stratify=True, group="image", seed=1)
    shuffled = manifest.sample(frac=1, random_state=5).assign(**{"class": "x", "group_id": "g"})
    assert make_split(shuffled, **PAPER, stratify=True, group="image", seed=1).equals(split)
    assert not make_split(manifest, **PAPER, stratify=True, group="image", seed=2).equals(split)
    assert split["image_id"].is_monotonic_increasing


def test_grouped_splits_ignore_row_order_and_group_names():
    manifest = _acl_like()
    split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=1)
    renamed = manifest.assign(group_id="other " + manifest["group_id"].str[::-1])
    for other in (manifest.sample(frac=1, random_state=5), renamed):
        assert make_split(other, **PAPER, stratify=True, group="patient", seed=1).equals(split)
    assert not make_split(manifest, **PAPER, stratify=True, group="patient", seed=2).equals(split)


def test_exams_of_the_acl_set_are_kept_together_at_the_exact_counts():
    manifest = _acl_like()
    for seed in range(5):
        split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=seed)
        merged = manifest.merge(split, on="image_id")
        assert merged.groupby("group_id")["split"].nunique().max() == 1
        positive = int(manifest["label"].sum())
        wanted = label_counts({"yes": positive, "no": 1021 - positive}, **PAPER)
        assert _counts(split, manifest) == {part: (row["yes"], row["no"]) for part, row in wanted.items()}
        assert leak_share(split, manifest) == 0
        assert split_notes(split, manifest, group="patient", **PAPER) == ()


def test_large_groups_are_tested_too():
    """Sorting groups by size would leave the test part with small groups only."""
    manifest = _acl_like()
    sizes = manifest.groupby("group_id")["image_id"].transform("size")
    means = []
    for seed in range(10):
        split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=seed)
        means.append(sizes[split["split"].to_numpy() == "test"].mean())
    assert abs(np.mean(means) - sizes.mean()) < 0.15


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=12, max_size=40), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_no_group_is_ever_divided_and_counts_are_near(groups, seed):
    label = [value for positive, negative in groups for value in [1] * positive + [0] * negative]
    code = [index for index, (positive, negative) in enumerate(groups) for _ in range(positive + negative)]
    if sum(label) in (0, len(label)):
        return
    manifest = _manifest(label, code)
    shares = {"train": 0.5, "val": 0.25, "test": 0.25}
    try:
        split = make_split(manifest, **shares, stratify=True, group="patient", seed=seed)
    except ValueError:
        # So few negative groups that some part must go without.
        assert sum(negative > 0 for _, negative in groups) < 3
        return
    assert manifest.merge(split, on="image_id").groupby("group_id")["split"].nunique().max() == 1
    assert sorted(split["image_id"]) == sorted(manifest["image_id"])
    wanted = split_counts(len(label), **shares)
    largest = max(positive + negative for positive, negative in groups)
    for part, n in split["split"].value_counts().items():
        assert abs(n - wanted[part]) <= largest


def test_search_is_nearly_always_the_best_of_all_assignments():
    rng = np.random.default_rng(0)
    best_found = 0
    for _ in range(20):
        content = rng.integers(0, 4, size=(6, 2)) + np.array([1, 0])
        codes = np.repeat(np.arange(6), content.sum(axis=1))
        strata = np.array([value for a, b in content for value in [0] * a + [1] * b])
        total = content.sum(axis=0)
        target = np.array([total - 2 * (total // 4), total // 4, total // 4])

        def _of(part, content=content, target=target):
            return sum(
                int(_cost(content[np.asarray(part) == p].sum(axis=0) - target[p], target[p]))
                for p in range(3)
            )

        found = _of(assign_groups(codes, strata, target, rng))
        best_found += found == min(_of(part) for part in itertools.product(range(3), repeat=6))
    assert best_found >= 19


def test_images_without_an_id_stand_alone():
    manifest = _manifest([1, 0] * 20, [0] * 10 + list(range(1, 31)))
    manifest["group_id"] = manifest["group_id"].where(manifest["group_id"] == "exam 0", None)
    split = make_split(manifest, train=0.5, val=0.25, test=0.25, stratify=True, group="patient", seed=0)
    first = split[manifest["group_id"].notna().to_numpy()]["split"]
    assert first.nunique() == 1
    assert _counts(split, manifest) == {"train": (10, 10), "val": (5, 5), "test": (5, 5)}
    (note,) = split_notes(split, manifest, group="patient")
    assert note == "30 of 40 images have no patient id; each counts as its own group."


def test_a_set_without_ids_says_that_patients_may_straddle():
    manifest = _manifest([1, 0] * 20)
    split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=0)
    (note,) = split_notes(split, manifest, group="patient")
    assert note.startswith("The data set has no patient ids: images of one patient may lie in several parts")
    assert split_notes(split, manifest, group="image") == ()


def test_a_split_by_image_tells_how_much_it_leaks():
    manifest = _acl_like()
    split = make_split(manifest, **PAPER, stratify=True, group="image", seed=42)
    share = leak_share(split, manifest)
    assert 0.58 <= share <= 0.88  # range over 2000 random splits of the real exams
    (note,) = split_notes(split, manifest, group="image")
    assert f"so it leaks: {share:.0%} of the test images" in note
    assert 'group = "patient" keeps them together' in note


def test_leak_share_by_hand():
    manifest = _manifest([0, 0, 1, 1, 1], [1, 1, 2, 3, 3])
    split = manifest[["image_id"]].assign(split=["train", "test", "test", "test", "val"])
    assert leak_share(split, manifest) == pytest.approx(1 / 3)
    assert leak_share(split, manifest, part="val") == 0


def test_counts_that_groups_do_not_allow_are_told():
    manifest = _manifest([1, 0] * 40, np.repeat(np.arange(8), 10))
    split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=0)
    (note,) = split_notes(split, manifest, group="patient", **PAPER)
    assert "differ from what was asked: " in note
    assert "train 60 (30)" not in note
    assert "val 10 (5) for 12 (6); test 10 (5) for 8 (4)" in note


def test_report_counts_images_and_groups():
    manifest = _acl_like()
    split = make_split(manifest, **PAPER, stratify=True, group="patient", seed=0)
    report = split_report(split, manifest, task="acl")
    assert report.columns.tolist() == ["task", "split", "class", "label", "n_images", "n_groups"]
    assert report["split"].tolist() == ["train", "train", "val", "val", "test", "test"]
    assert report["n_images"].sum() == 1021
    assert report["n_groups"].sum() == 498
    bare = split_report(split, manifest.assign(group_id=None))
    assert bare["n_groups"].isna().all()


def test_hash_follows_membership_alone():
    manifest = _manifest([1, 0] * 20)
    split = make_split(manifest, **PAPER, stratify=True, group="image", seed=0)
    assert split_hash(split.iloc[::-1]) == split_hash(split)
    swapped = split.assign(split=split["split"].iloc[::-1].to_numpy())
    assert split_hash(swapped) != split_hash(split)


@pytest.mark.parametrize(
    ("label", "change", "message"),
    [
        ([1, 0, 0, 0, 0, 0], {}, "The part '(train|val|test)' of the split has no positive image"),
        ([1] * 10 + [0] * 10, {"train": 0.8}, r"must be above 0 and sum to 1, but train 0\.8, val 0\.15"),
        ([1] * 10 + [0] * 10, {"train": 0.9, "test": -0.05}, "must be above 0 and sum to 1"),
        ([1] * 10 + [0] * 10, {"group": "exam"}, "`group` must be 'patient' or 'image', but 'exam' came"),
    ],
)
def test_impossible_splits_are_explained(label, change, message):
    arguments = {**PAPER, "stratify": True, "group": "patient", "seed": 0, **change}
    with pytest.raises(ValueError, match=message):
        make_split(_manifest(label), **arguments)


def test_a_part_without_a_label_says_what_to_do():
    manifest = _manifest([1] * 4 + [0] * 36, np.repeat([0, 1], [4, 36]))
    with pytest.raises(ValueError, match=r"has no .* image .*use more groups, or correct `positive`"):
        make_split(manifest, **PAPER, stratify=True, group="patient", seed=0)
