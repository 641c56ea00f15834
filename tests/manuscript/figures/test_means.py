import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from manuscript.figures.means import cell_means, interaction_plot
from manuscript.figures.unfreezing import unfreezing_curve, unfreezing_order
from tests.manuscript.figures.frames import STUDY, cell_metrics
from tests.manuscript.layout import layout_faults

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "cell_means.json").read_text(encoding="utf-8"))
CLOSED_FORM = 1e-12


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_against_t_test_of_r(case: dict) -> None:
    cells = pd.DataFrame({"arm": "a", "value": case["values"]})
    row = cell_means(cells, ["arm"], conf_level=case["conf_level"]).iloc[0]
    assert row["mean"] == pytest.approx(case["mean"], rel=CLOSED_FORM)
    # R gives limits beyond the range of a metric; they are cut there.
    assert row["conf_low"] == pytest.approx(max(case["conf_low"], 0.0), rel=CLOSED_FORM)
    assert row["conf_high"] == pytest.approx(min(case["conf_high"], 1.0), rel=CLOSED_FORM)
    assert row["n"] == len(case["values"])


def test_one_cell_has_a_mean_and_no_interval() -> None:
    row = cell_means(pd.DataFrame({"arm": ["a"], "value": [0.7]}), ["arm"]).iloc[0]
    assert row["mean"] == 0.7
    assert np.isnan(row["conf_low"])
    assert np.isnan(row["conf_high"])


@pytest.mark.parametrize(("n", "other"), [(1, "head"), (2, "backbone"), (176, "backbone"), (176, "head")])
def test_the_interaction_of_any_number_of_cells_without_overlap(n: int, other: str) -> None:
    metrics = cell_metrics(n)
    plot = interaction_plot(metrics, other, study=STUDY, contrast="pretrain")
    expected = metrics.groupby(["task", other, "pretrain"])["test_auc"].mean()
    assert sorted(plot.data["mean"]) == pytest.approx(sorted(expected))
    assert layout_faults(plot) == []


def test_three_tasks_and_many_arms_fit() -> None:
    arms = [f"pretraining number {i}" for i in range(12)]
    metrics = cell_metrics(176, arms=arms, tasks=3)
    assert layout_faults(interaction_plot(metrics, "head", study=STUDY, contrast="pretrain")) == []


def test_the_number_of_cells_and_what_is_left_out_stand_below() -> None:
    metrics = cell_metrics(16)
    metrics.loc[0, "test_auc"] = np.nan
    plot = interaction_plot(metrics, "backbone", study=STUDY, contrast="pretrain", failed=2)
    n = metrics.dropna(subset=["test_auc"]).groupby(["task", "backbone", "pretrain"]).size()
    assert plot.labels.caption == (
        f"{n.min()} to {n.max()} cells per mean. Not shown: 1 cell without AUC on test and 2 failed cells."
    )


def test_levels_stand_in_order_of_the_trained_groups() -> None:
    assert unfreezing_order(["all", "10", "0", "2"]) == ["0", "2", "10", "all"]


@pytest.mark.parametrize(
    ("n", "contrast"), [(1, "unfreeze"), (2, "pretrain"), (176, "pretrain"), (176, "unfreeze"), (176, None)]
)
def test_the_unfreezing_curve_of_any_number_of_cells_without_overlap(n: int, contrast: str | None) -> None:
    metrics = cell_metrics(n)
    plot = unfreezing_curve(metrics, study=STUDY, contrast=contrast)
    lines = metrics["pretrain"].nunique() if contrast == "pretrain" else 1
    assert plot.data["arm"].nunique() == lines
    levels = list(plot.data["level"].cat.categories)
    assert levels == unfreezing_order(levels)
    assert set(plot.data["measure"]) == {"Validation AUC", "Test AUC"}
    assert layout_faults(plot) == []


def test_the_mean_of_a_level_is_that_of_its_cells() -> None:
    metrics = cell_metrics(176)
    plot = unfreezing_curve(metrics, study=STUDY, contrast="pretrain", values=("val_auc",))
    row = plot.data.query("task == 'knee' and level == 'all' and arm == 'ImageNet'")
    own = metrics.query("task == 'knee' and unfreeze == 'all' and pretrain == 'ImageNet'")
    assert row["mean"].tolist() == pytest.approx([own["val_auc"].mean()])
    assert row["n"].tolist() == [len(own)]
