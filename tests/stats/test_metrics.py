"""Metrics of cells, thresholded rates, ROC curves and pairing by image, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.metrics import METRIC_COLUMNS, metrics_table
from stats.pairing import paired_predictions, ranking_scores
from stats.rates.thresholded import thresholded
from stats.roc.auc import auc
from stats.roc.curve import roc_curve

Y = [1, 1, 1, 0, 0, 0, 0]
S = [0.9, 0.5, 0.2, 0.8, 0.4, 0.3, 0.1]


def predictions(cell_id: str, split: str, labels: list[int], scores: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "split": split,
            "image_id": [f"{split}{i}" for i in range(len(labels))],
            "label": labels,
            "score": scores,
        }
    )


def test_rates_by_hand() -> None:
    counts = thresholded(Y, S)
    assert (counts.true_positive, counts.false_positive) == (2, 1)
    assert (counts.false_negative, counts.true_negative) == (1, 3)
    assert counts.accuracy == 5 / 7
    assert counts.sensitivity == 2 / 3
    assert counts.specificity == 3 / 4
    assert counts.f1 == 4 / 6
    assert counts.positive_rate == 3 / 7
    assert not counts.collapsed


def test_one_call_for_every_image_is_a_collapse() -> None:
    low, high = thresholded([1, 0], [0.1, 0.2]), thresholded([1, 0], [0.6, 0.7])
    assert low.collapsed
    assert high.collapsed
    assert (low.f1, low.sensitivity, low.specificity) == (0.0, 0.0, 1.0)


def test_rates_without_a_denominator_are_missing() -> None:
    assert np.isnan(thresholded([0, 0], [0.1, 0.9]).sensitivity)
    assert np.isnan(thresholded([0, 0], [0.1, 0.2]).f1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_area_under_the_curve_is_the_auc(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([row[0] for row in rows] + [True, False])
    scores = np.array([row[1] for row in rows] + [3, 3]) / 7
    curve = roc_curve(labels, scores)
    area = (np.diff(curve["fpr"]) * (curve["tpr"].to_numpy()[1:] + curve["tpr"].to_numpy()[:-1]) / 2).sum()
    assert area == pytest.approx(auc(labels, scores), abs=1e-12)
    assert curve["threshold"].is_monotonic_decreasing
    assert curve.iloc[-1][["fpr", "tpr"]].tolist() == [1.0, 1.0]


def test_curve_points_call_the_threshold_itself_positive() -> None:
    curve = roc_curve(Y, S)
    point = curve[curve["threshold"] == 0.5].iloc[0]
    counts = thresholded(Y, S, threshold=0.5)
    assert (point["tpr"], 1 - point["fpr"]) == (counts.sensitivity, counts.specificity)


def test_metrics_of_cells_by_hand() -> None:
    cells = pd.DataFrame(
        {"cell_id": ["a", "b", "c"], "status": ["done", "failed", "done"], "reason": [None, "NaN", None]}
        | {"index": [0, 1, 2], "task": "breast", "pretrain": ["x", "x", "y"], "filters": [4, None, None]}
    )
    frames = [predictions(cell, split, Y, S) for cell in ("a", "c") for split in ("val", "test")]
    frames[3]["score"] = [0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1]
    table = metrics_table(pd.concat(frames), cells)
    assert table["cell_id"].tolist() == ["a", "c"]
    assert tuple(table.columns[-len(METRIC_COLUMNS) :]) == METRIC_COLUMNS
    assert {"task", "pretrain", "filters", "index"} <= set(table.columns)
    assert not {"status", "reason"} & set(table.columns)
    assert table["test_auc"].tolist() == [8 / 12, 1.0]
    assert table["val_f1"].tolist() == [4 / 6, 4 / 6]
    assert table["collapsed"].tolist() == [False, True]
    assert table[["n_val", "n_test", "n_test_positive"]].iloc[0].tolist() == [7, 7, 3]


def test_auc_of_one_class_is_missing_and_the_rest_is_there() -> None:
    cells = pd.DataFrame({"cell_id": ["a"], "status": ["done"], "task": ["t"]})
    frames = [predictions("a", "val", [0, 0], [0.1, 0.2]), predictions("a", "test", Y, S)]
    table = metrics_table(pd.concat(frames), cells)
    assert np.isnan(table.loc[0, "val_auc"])
    assert table.loc[0, "val_accuracy"] == 1.0


def test_a_done_cell_without_predictions_is_named() -> None:
    cells = pd.DataFrame({"cell_id": ["a"], "status": ["done"], "task": ["t"]})
    with pytest.raises(ValueError, match="Cell 'a' has no predictions for the test images"):
        metrics_table(predictions("a", "val", Y, S), cells)


def test_saturated_probabilities_do_not_tie_the_ranking() -> None:
    frame = pd.DataFrame({"score": [1.0, 1.0], "logit_0": [-40.0, -50.0], "logit_1": [40.0, 50.0]})
    assert ranking_scores(frame).tolist() == [80.0, 100.0]
    assert ranking_scores(frame.assign(logit_1=np.nan)).tolist() == [1.0, 1.0]


def test_pairing_is_by_image_not_by_position() -> None:
    a = predictions("a", "test", Y, S)
    b = a.assign(score=np.arange(7) / 10)
    paired = paired_predictions({"a": a, "b": b.sample(frac=1, random_state=1)})
    assert paired.image_id.tolist() == a["image_id"].tolist()
    np.testing.assert_array_equal(paired.scores, np.column_stack([S, np.arange(7) / 10]))
    assert paired.groups is None


def test_pairing_keeps_patients() -> None:
    a = predictions("a", "test", Y, S).assign(group_id=list("ppqqrrs"))
    paired = paired_predictions({"a": a, "b": a})
    assert paired.groups is not None
    assert paired.groups.tolist() == list("ppqqrrs")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.iloc[1:], r"Predictions of b lack 1 images of a \(first 'test0'\)"),
        (
            lambda b: b.replace({"image_id": {"test2": "other"}}),
            r"lack 1 images of a \(first 'test2'\) and have 1 images that a lacks \(first 'other'\)",
        ),
        (lambda b: pd.concat([b, b.iloc[[3]]]), "hold 1 images more than once, first 'test3'"),
        (
            lambda b: b.assign(label=[1, 0, 1, 0, 0, 0, 0]),
            r"1 images have another label in b than in a \(first 'test1': 0 against 1\)",
        ),
    ],
)
def test_unequal_images_are_named(change, message: str) -> None:
    a = predictions("a", "test", Y, S)
    with pytest.raises(ValueError, match=message):
        paired_predictions({"a": a, "b": change(a)})


def test_no_model_is_an_error() -> None:
    with pytest.raises(ValueError, match="`models` is empty"):
        paired_predictions({})
