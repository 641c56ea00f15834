import numpy as np
import pandas as pd
import pytest
from plotnine import geom_segment

from manuscript.figures.forest import KINDS, MOST_ROWS, forest_plot, forest_rows
from tests.manuscript.layout import layout_faults


def _row(**changes: object) -> dict[str, object]:
    row = {
        "analysis": "delong",
        "family": "delong pretrain by val_auc, breast",
        "comparison": "pretrain: A - B",
        "task": "breast",
        "arm_a": "A",
        "arm_b": "B",
        "metric": "auc",
        "estimate": 0.05,
        "conf_low": 0.01,
        "conf_high": 0.09,
        "method": "DeLong paired",
    }
    return row | changes


def _frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _goal(goal: str, **changes: object) -> dict[str, object]:
    method = f"DeLong paired, {goal} margin 0.05, one-sided alpha 0.025"
    return _row(analysis=goal, family=f"{goal} pretrain by val_auc, breast", method=method, **changes)


def test_each_kind_of_comparison_has_a_row_with_its_estimate() -> None:
    models, seeds = "these trained models, new images", "these recipes, new seeds and new images"
    rows = forest_rows(
        _frame(
            _row(),
            _row(analysis="recipe", comparison=f"pretrain: A - B, {models}", estimate=0.03),
            _row(analysis="recipe", comparison=f"pretrain: A - B, {seeds}", estimate=0.03),
            _row(analysis="mcnemar", metric="accuracy"),
        )
    )
    assert rows["row"].tolist() == ["A − B"] * 3
    assert rows["kind"].tolist() == [KINDS["delong"], KINDS["recipe, models"], KINDS["recipe, seeds"]]
    assert rows["estimate"].tolist() == [0.05, 0.03, 0.03]


def test_margins_stand_on_the_side_of_their_goal() -> None:
    rows = forest_rows(_frame(_row(), _goal("non-inferiority"), _goal("equivalence", task="knee")))
    assert rows["margin_low"].tolist()[1:] == [-0.05, -0.05]
    assert np.isnan(rows["margin_low"].iloc[0])
    assert np.isnan(rows["margin_high"].iloc[1])
    assert rows["margin_high"].iloc[2] == 0.05


def test_the_margin_line_is_drawn_where_it_is_planned() -> None:
    def margins(plot) -> list[float]:
        parts = [layer.geom.data for layer in plot.layers if isinstance(layer.geom, geom_segment)]
        return [x for part in parts if part is not None and "margin" in part for x in part["margin"]]

    assert margins(forest_plot(_frame(_row(), _goal("non-inferiority")))) == [-0.05]
    assert margins(forest_plot(_frame(_goal("equivalence")))) == [-0.05, 0.05]
    assert margins(forest_plot(_frame(_row()))) == []


def test_several_contrasts_and_several_plans_have_names_of_their_own() -> None:
    other = _row(comparison="head: Conv - Linear", arm_a="Conv", arm_b="Linear")
    by_f1 = _row(family="delong pretrain by val_f1, breast")
    names = forest_rows(_frame(_row(), by_f1, other))["row"].tolist()
    assert names == [
        "Pretraining: A − B, by val_auc, breast",
        "Pretraining: A − B, by val_f1, breast",
        "Head: Conv − Linear",
    ]


def _many(n: int) -> pd.DataFrame:
    rows = [
        _row(task=task, arm_a=f"level number {i}", arm_b="reference", estimate=i / 100, analysis=analysis)
        for i in range(n)
        for task in ("breast", "knee")
        for analysis in ("delong", "recipe")
    ]
    return _frame(*rows)


@pytest.mark.parametrize("n", [1, 3, MOST_ROWS + 4])
def test_any_number_of_comparisons_without_overlap(n: int) -> None:
    plot = forest_plot(_many(n))
    assert layout_faults(plot) == []
    assert plot.data["row"].nunique() == min(n, MOST_ROWS)
    assert ("the last 4 pairs of arms" in plot.labels.caption) == (n > MOST_ROWS)


def test_what_was_not_run_is_counted() -> None:
    not_run = _row(task="knee", estimate=np.nan, conf_low=np.nan, conf_high=np.nan, arm_a=None, arm_b=None)
    plot = forest_plot(_frame(_row(), not_run))
    assert plot.labels.caption == "Not shown: 1 comparison without an estimate; the tables say why."
    with pytest.raises(ValueError, match="No comparison of AUCs has an estimate"):
        forest_plot(_frame(not_run))
