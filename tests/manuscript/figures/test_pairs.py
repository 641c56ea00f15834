import numpy as np
import pandas as pd
import pytest

from manuscript.figures.pairs import pair_heatmap, pair_matrix, verdicts
from tests.manuscript.figures.frames import STUDY, cell_metrics, cell_pairs
from tests.manuscript.layout import layout_faults, shown_texts

PAIRS = pd.DataFrame(
    {
        "task": "breast",
        "cell_a": ["a", "a", "b"],
        "cell_b": ["b", "c", "c"],
        "auc_a": [0.7, 0.7, 0.9],
        "auc_b": [0.9, 0.8, 0.8],
        "estimate": [-0.2, -0.1, 0.1],
        "p_adjusted": [0.0004, 0.03, np.nan],
        "conf_level": 0.95,
        "note": None,
    }
)


def _cell(matrix: pd.DataFrame, row: str, column: str) -> pd.Series:
    found = matrix[(matrix["row"] == row) & (matrix["column"] == column)]
    assert len(found) == 1
    return found.iloc[0]


def test_cells_are_ordered_by_auc_and_both_triangles_agree() -> None:
    matrix = pair_matrix(PAIRS)
    assert dict(zip(matrix["row"], matrix["row_rank"], strict=True)) == {"b": 1, "c": 2, "a": 3}
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        there, back = _cell(matrix, one, other), _cell(matrix, other, one)
        assert there["estimate"] == -back["estimate"]
        assert there["row_rank"] == back["column_rank"]


def test_the_colour_is_the_sign_and_the_adjusted_p() -> None:
    matrix = pair_matrix(PAIRS)
    assert _cell(matrix, "a", "b")["verdict"] == "row lower, p < 0.001"
    assert _cell(matrix, "b", "a")["verdict"] == "row higher, p < 0.001"
    assert _cell(matrix, "c", "a")["verdict"] == "row higher, p < 0.05"
    assert _cell(matrix, "b", "c")["verdict"] == "no test"


def test_the_level_is_that_of_the_plan() -> None:
    matrix = pair_matrix(PAIRS.assign(conf_level=0.99))
    assert _cell(matrix, "c", "a")["verdict"] == "p at least 0.01"
    assert set(matrix["verdict"]) <= set(verdicts(0.01))


@pytest.mark.parametrize(("n", "tasks"), [(3, 1), (6, 2), (30, 1), (30, 2), (176, 2)])
def test_any_number_of_cells_without_overlap(n: int, tasks: int) -> None:
    metrics = cell_metrics(n, tasks=tasks)
    plot = pair_heatmap(cell_pairs(metrics), metrics, study=STUDY, arm="pretrain")
    per_task = metrics.groupby("task").size()
    assert len(plot.data) == int((per_task * (per_task - 1)).sum())
    assert layout_faults(plot) == []


def test_squares_have_text_in_small_matrices_alone() -> None:
    small, large = cell_metrics(3, tasks=1), cell_metrics(40, tasks=1)
    for metrics, written in ((small, True), (large, False)):
        figure = pair_heatmap(cell_pairs(metrics), metrics, study=STUDY, arm="pretrain").draw()
        texts = [text.get_text() for text in shown_texts(figure)]
        assert any("\np " in text for text in texts) == written


def test_a_task_without_a_test_is_named() -> None:
    metrics = cell_metrics(8)
    gone = {"task": "knee", "note": "not run: 1 done cell: no pair", "conf_level": 0.95}
    pairs = cell_pairs(metrics)
    pairs = pd.concat([pairs[pairs["task"] == "breast"], pd.DataFrame([gone])], ignore_index=True)
    plot = pair_heatmap(pairs, metrics, study=STUDY, arm=None)
    assert plot.labels.caption == "knee: not run: 1 done cell: no pair"
    with pytest.raises(ValueError, match="No pair of cells was tested"):
        pair_heatmap(pairs[pairs["task"] == "knee"], metrics, study=STUDY, arm=None)
