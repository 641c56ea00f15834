"""Reliability and decision curves of the selected models."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from plotnine import (
    aes,
    coord_cartesian,
    element_line,
    facet_grid,
    facet_wrap,
    geom_abline,
    geom_errorbar,
    geom_hline,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_linetype_manual,
    scale_shape_manual,
    theme,
)

from manuscript.text import factor_name
from manuscript.theme import FAINT, LINES, arm_look, theme_study

MOST_THRESHOLD = 0.9  # beyond it net benefit falls without bound and hides the rest


def reliability_curves(bins: pd.DataFrame, *, contrast: str, arms: Sequence[str]) -> ggplot:
    """Share of positives over the mean probability in bins, one panel per task and arm.

    Parameters
    ----------
    bins : task, arm, mean_prob, observed, conf_low, conf_high
    arms : the order of colours and shapes
    """
    arms = list(dict.fromkeys([*arms, *bins["arm"]]))
    colours, shapes = arm_look(arms)
    shown = _ordered(bins, arms)
    return (
        ggplot(shown, aes("mean_prob", "observed", color="arm", shape="arm"))
        + geom_abline(slope=1, intercept=0, color="#BBBBBB", linetype="dotted")
        + geom_errorbar(aes(ymin="conf_low", ymax="conf_high"), width=0, alpha=0.5, na_rm=True)
        + geom_line(alpha=0.6)
        + geom_point(size=1.8)
        + facet_grid("task ~ arm")
        + scale_color_manual(values=colours)
        + scale_shape_manual(values=shapes)
        + coord_cartesian(xlim=(0, 1), ylim=(0, 1))
        + labs(x="Mean probability", y="Share of positives", color=factor_name(contrast), shape="")
        + theme_study(
            width_mm=min(175, 62 * shown["arm"].nunique() + 20),
            height_mm=22 + 52 * shown["task"].nunique(),
        )
        + theme(legend_position="none", panel_grid_major_x=element_line(color=FAINT, size=0.45))
    )


def decision_curves(curves: pd.DataFrame, *, contrast: str, arms: Sequence[str]) -> ggplot:
    """Net benefit with its band over the threshold probability, one panel per task.

    Parameters
    ----------
    curves : task, arm, threshold, net_benefit, net_benefit_low, net_benefit_high; arms that are no level of
        the contrast are the strategies without a model
    arms : the order of colours
    """
    curves = curves[curves["threshold"] <= MOST_THRESHOLD]
    models = curves[curves["arm"].isin(arms)]
    others = curves[~curves["arm"].isin(arms) & (curves["arm"] != "none")]
    colours, _ = arm_look(arms)
    lines = {arm: LINES[i % len(LINES)] for i, arm in enumerate(arms)}
    top = float(models["net_benefit"].max())
    tasks = list(dict.fromkeys(curves["task"]))
    shown = _ordered(models, list(arms))
    rest = others.assign(task=pd.Categorical(others["task"], categories=tasks))
    return (
        ggplot(shown, aes("threshold", "net_benefit"))
        + geom_hline(yintercept=0, color="#888888", size=0.4)
        + geom_line(aes(group="arm"), data=rest, color="#888888", linetype="dotted")
        + geom_ribbon(aes(ymin="net_benefit_low", ymax="net_benefit_high", fill="arm"), alpha=0.12)
        + geom_line(aes(color="arm", linetype="arm"), size=0.7)
        + facet_wrap("task", nrow=1)
        + scale_color_manual(values=colours)
        + scale_fill_manual(values=colours)
        + scale_linetype_manual(values=lines)
        + coord_cartesian(ylim=(-0.15 * top, 1.25 * top))
        + labs(
            x="Threshold probability",
            y="Net benefit",
            color=factor_name(contrast),
            fill=factor_name(contrast),
            linetype=factor_name(contrast),
        )
        + theme_study(width_mm=min(175, 80 * len(tasks) + 10), height_mm=82)
    )


def _ordered(frame: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """Task and arm as categories in the order of the study."""
    return frame.assign(
        arm=pd.Categorical(frame["arm"], categories=arms),
        task=pd.Categorical(frame["task"], categories=list(dict.fromkeys(frame["task"]))),
    )
