"""Box and points: a metric of every cell for each level of each factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    element_text,
    facet_grid,
    geom_boxplot,
    geom_point,
    ggplot,
    labs,
    position_dodge,
    position_jitterdodge,
    scale_color_manual,
    scale_fill_manual,
    scale_shape_manual,
    theme,
)

from manuscript.grid import as_levels, level_order
from manuscript.text import factor_name
from manuscript.theme import arm_look, theme_study

BOX_FROM = 5  # cells; fewer are shown as points alone
FIT_LETTERS = 85  # letters of all level labels that fit the page side by side


def factor_distribution(
    metrics: pd.DataFrame,
    factors: list[str],
    *,
    study: Mapping[str, Any],
    arm: str,
    value: str = "test_auc",
    label: str = "AUC on test",
) -> ggplot:
    """Box and points of a metric for each level of each factor, coloured by arm, one row per task.

    Cells that do not use a factor are left out of its panel. The box (from `BOX_FROM` cells on) shows
    quartiles and median, its whiskers reach to the last cell within 1.5 times the interquartile range.
    """
    long = _by_factor(metrics, factors, study=study, arm=arm, value=value)
    arms = level_order(study, arm, metrics[arm])
    colours, shapes = arm_look(arms)
    n_tasks = long["task"].nunique()
    dodge = 0.75
    per_box = long.groupby(["task", "factor", "level", "arm"], observed=True)["value"].transform("size")
    return (
        ggplot(long, aes("level", "value", color="arm", fill="arm", shape="arm"))
        + geom_boxplot(
            data=long[per_box >= BOX_FROM],
            position=position_dodge(dodge),
            width=0.6,
            alpha=0.15,
            outlier_shape="",
            size=0.4,
        )
        + geom_point(
            position=position_jitterdodge(jitter_width=0.18, dodge_width=dodge, random_state=0),
            size=_point_size(len(metrics)),
            alpha=0.75,
        )
        + facet_grid("task ~ factor", scales="free_x", space="free_x")
        + scale_color_manual(values=colours, drop=False)
        + scale_fill_manual(values=colours, drop=False)
        + scale_shape_manual(values=shapes, drop=False)
        + labs(x="", y=label, color=factor_name(arm), fill=factor_name(arm), shape=factor_name(arm))
        + theme_study(height_mm=28 + 48 * n_tasks)
        + _level_labels(long)
    )


def _level_labels(long: pd.DataFrame) -> theme:
    """Slanted labels where they would run into each other."""
    labels = long[["factor", "level"]].drop_duplicates()["level"].astype(str)
    slanted = int((labels.str.len() + 2).sum()) > FIT_LETTERS
    return theme(axis_text_x=element_text(rotation=35, ha="right") if slanted else element_text())


def _by_factor(
    metrics: pd.DataFrame, factors: list[str], *, study: Mapping[str, Any], arm: str, value: str
) -> pd.DataFrame:
    """One row per cell and factor: task, arm, factor, level, value."""
    parts, order = [], []
    for name in factors:
        used = metrics[metrics[name].notna() & metrics[value].notna()]
        levels = as_levels(study, name, used[name])
        order += [level for level in levels.cat.categories if level not in order]
        parts.append(
            pd.DataFrame(
                {
                    "task": used["task"].astype(str),
                    "arm": as_levels(study, arm, used[arm]).astype(str),
                    "factor": factor_name(name),
                    "level": levels.astype(str),
                    "value": used[value].astype(float),
                }
            )
        )
    long = pd.concat(parts, ignore_index=True)
    long["level"] = pd.Categorical(long["level"], categories=order)
    long["factor"] = pd.Categorical(long["factor"], categories=[factor_name(name) for name in factors])
    long["arm"] = pd.Categorical(long["arm"], categories=level_order(study, arm, metrics[arm]))
    long["task"] = pd.Categorical(long["task"], categories=level_order(study, "task", metrics["task"]))
    return long


def _point_size(n_cells: int) -> float:
    """Smaller points for larger grids, so that they stay apart."""
    return 1.8 if n_cells <= 60 else 1.2
