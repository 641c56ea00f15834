import numpy as np
import pandas as pd
import pytest

from manuscript.figures.ranks import mean_ranks, rank_plot
from tests.manuscript.figures.frames import FACTORS, STUDY, cell_metrics
from tests.manuscript.layout import layout_faults

CELLS = pd.DataFrame(
    {
        "cell_id": list("abcd"),
        "task": "breast",
        "head": ["Linear", "Linear", "Conv", "Conv"],
        "test_auc": [0.9, 0.8, 0.7, 0.7],
        "test_f1": [0.1, 0.2, 0.6, np.nan],
    }
)
VALUES = {"test_auc": "Test AUC", "test_f1": "Test F1"}


def _rank(frame: pd.DataFrame, level: str, metric: str) -> tuple[float, int]:
    row = frame[(frame["level"] == level) & (frame["metric"] == metric)]
    assert len(row) == 1
    return float(row["mean_rank"].iloc[0]), int(row["n"].iloc[0])


def test_the_highest_value_has_rank_one_and_ties_share_a_rank() -> None:
    frame = mean_ranks(CELLS, ["head"], study=STUDY, values=VALUES)
    assert _rank(frame, "Linear", "Test AUC") == (1.5, 2)
    assert _rank(frame, "Conv", "Test AUC") == (3.5, 2)


def test_a_cell_without_a_metric_takes_no_part_in_its_ranks() -> None:
    frame = mean_ranks(CELLS, ["head"], study=STUDY, values=VALUES)
    assert _rank(frame, "Conv", "Test F1") == (1.0, 1)
    assert _rank(frame, "Linear", "Test F1") == (2.5, 2)
    plot = rank_plot(CELLS, ["head"], study=STUDY, failed=2)
    assert plot.labels.caption == "Not shown: 1 cell without Test F1 and 2 failed cells."


def test_tasks_are_ranked_apart() -> None:
    both = pd.concat([CELLS, CELLS.assign(task="knee", test_auc=CELLS["test_auc"] / 2)])
    frame = mean_ranks(both, ["head"], study=STUDY, values={"test_auc": "Test AUC"})
    assert sorted(frame["mean_rank"]) == [1.5, 1.5, 3.5, 3.5]


@pytest.mark.parametrize("n", [1, 2, 176])
def test_any_number_of_cells_without_overlap(n: int) -> None:
    plot = rank_plot(cell_metrics(n), ["pretrain", *FACTORS], study=STUDY)
    assert set(plot.data["metric"]) == {"Validation AUC", "Test AUC", "Test F1", "Test accuracy"}
    assert layout_faults(plot) == []


def test_a_metric_that_no_cell_has_is_no_metric() -> None:
    plot = rank_plot(cell_metrics(24).assign(val_auc=np.nan), FACTORS, study=STUDY)
    assert "Validation AUC" not in set(plot.data["metric"])
