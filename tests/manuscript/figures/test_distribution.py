from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from manuscript.figures.distribution import factor_distribution
from manuscript.theme import WIDTH_MM
from tests.manuscript.figures.frames import FACTORS, STUDY, cell_metrics
from tests.manuscript.layout import layout_faults


def _draw(metrics: pd.DataFrame, factors: list[str] | None = None, **options):
    return factor_distribution(metrics, factors or FACTORS, study=STUDY, arm="pretrain", **options)


@pytest.mark.parametrize(("n", "value"), [(1, "test_auc"), (2, "test_f1"), (176, "test_accuracy")])
def test_any_number_of_cells_without_overlap(n: int, value: str) -> None:
    metrics = cell_metrics(n)
    plot = _draw(metrics, value=value)
    assert deepcopy(plot).draw().get_size_inches()[0] == pytest.approx(WIDTH_MM["page"] / 25.4)
    assert len(plot.data) == metrics["filters"].notna().sum() + 2 * n
    assert layout_faults(plot) == []


def test_many_arms_with_long_names_fit() -> None:
    arms = [f"pretraining number {i}" for i in range(20)]
    assert layout_faults(_draw(cell_metrics(176, arms=arms))) == []


def test_many_levels_with_long_names_fit() -> None:
    metrics = cell_metrics(176)
    metrics["augmentation"] = [f"rotation and crop {i % 12}" for i in range(176)]
    assert layout_faults(_draw(metrics, [*FACTORS, "augmentation"])) == []


def test_cells_without_the_metric_and_failed_cells_are_counted() -> None:
    metrics = cell_metrics(24)
    metrics.loc[[0, 5], "test_f1"] = np.nan
    plot = _draw(metrics, value="test_f1", label="F1 on test", failed=1)
    assert plot.labels.caption == "Not shown: 2 cells without F1 on test and 1 failed cell."
    assert plot.data["cell_id"].nunique() == 22
    assert layout_faults(plot) == []


def test_a_cell_without_an_arm_is_counted_and_makes_no_level() -> None:
    metrics = cell_metrics(24)
    metrics.loc[3, "pretrain"] = None
    plot = _draw(metrics)
    assert set(plot.data["arm"]) == {"ImageNet", "RadImageNet"}
    assert plot.labels.caption == "Not shown: 1 cell without a level of Pretraining."


def test_a_complete_grid_has_no_note() -> None:
    assert _draw(cell_metrics(24)).labels.caption == ""
