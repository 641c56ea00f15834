"""Tables and figures of rates, parts of ROC curves, calibration and winners."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.store import Store
from manuscript import floats, tables_models
from manuscript.figures import calibration
from manuscript.load import Report, load_report
from study.analyse import analyse
from study.config import parse_analysis
from tests.manuscript.layout import layout_faults

PLAN = """
[analysis]
[[analysis.delong]]
contrast = "pretrain"
[[analysis.roc]]
contrast = "pretrain"
[[analysis.threshold]]
contrast = "pretrain"
[[analysis.threshold]]
contrast = "pretrain"
rule = "sensitivity"
target = 0.9
[[analysis.calibration]]
contrast = "pretrain"
[[analysis.winner]]
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, synthetic_store: Store) -> Report:
    root = Path(shutil.copytree(synthetic_store.root, tmp_path_factory.mktemp("models") / "store"))
    analyse(Store.open(root), parse_analysis(PLAN))
    return load_report(root)


def test_two_rules_of_one_contrast_have_rows_of_their_own(report: Report) -> None:
    rows = report.estimates("threshold")
    assert rows is not None
    html = tables_models.estimates_table(rows).as_raw_html()
    assert "breast, Youden threshold" in html
    assert "breast, sensitivity threshold 0.9" in html
    own = rows[(rows["metric"] == "specificity") & rows["comparison"].str.contains("0.9")].iloc[0]
    assert f"{own['estimate']:.3f} ({own['conf_low']:.3f} to {own['conf_high']:.3f})" in html
    assert "validation images by sensitivity 0.9, where it reached" in html


def test_differences_name_metric_and_rule(report: Report) -> None:
    rows = report.analysis("roc", "threshold", "calibration")
    assert rows is not None
    html = tables_models.differences_table(rows).as_raw_html()
    assert "Specificity (Youden threshold)" in html
    assert "Sensitivity at specificity 0.9" in html
    assert "Brier score" in html


def test_the_winner_table_sets_three_values_side_by_side(report: Report) -> None:
    rows = report.estimates("winner")
    assert rows is not None
    html = tables_models.winner_table(rows).as_raw_html()
    naive, corrected, test = rows.iloc[0], rows.iloc[1], rows.iloc[2]
    assert f">{naive['estimate']:.3f}<" in html
    for row in (corrected, test):
        assert f"{row['estimate']:.3f} ({row['conf_low']:.3f} to {row['conf_high']:.3f})" in html
    assert "all cells (6)" in html


@pytest.mark.parametrize("name", ["rates", "calibration", "differences", "winner", "reliability", "decision"])
def test_a_plan_without_the_analysis_says_so(synthetic_report: Report, name: str) -> None:
    assert "does not ask for it" in getattr(floats, name)(synthetic_report).data


def test_reliability_has_a_panel_per_task_and_arm(report: Report) -> None:
    bins = report.table("reliability")
    assert bins is not None
    plot = calibration.reliability_curves(bins, contrast="pretrain", arms=sorted(bins["arm"].unique()))
    assert layout_faults(plot) == []
    assert len(plot.data[["task", "arm"]].drop_duplicates()) == 4


def test_decision_curves_keep_the_strategies_without_a_model_apart(report: Report) -> None:
    curves = report.table("decision")
    assert curves is not None
    arms = ["phantom", "random"]
    plot = calibration.decision_curves(curves, contrast="pretrain", arms=arms)
    assert layout_faults(plot) == []
    assert set(plot.data["arm"].astype(str)) == set(arms)
    own_data = [layer._data for layer in plot.layers if isinstance(layer._data, pd.DataFrame)]
    others = {arm for data in own_data if "arm" in data for arm in data["arm"]}
    assert others
    assert not others & set(arms)


def test_the_roc_figure_shows_the_bands(report: Report) -> None:
    plot = floats.roc(report)
    plot.draw(show=False)
    ribbons = [layer for layer in plot.layers if type(layer.geom).__name__ == "geom_ribbon"]
    assert len(ribbons) == 1
    assert len(ribbons[0].data) == len(report.table("roc_bands"))
