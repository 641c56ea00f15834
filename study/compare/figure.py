"""The picture of `study compare`: ROC curves, AUC differences, reliability and decision curves."""

from __future__ import annotations

from typing import Any

import pandas as pd
from plotnine import (
    aes,
    coord_cartesian,
    coord_equal,
    element_line,
    element_text,
    geom_abline,
    geom_errorbar,
    geom_errorbarh,
    geom_hline,
    geom_line,
    geom_point,
    geom_step,
    geom_vline,
    ggplot,
    guide_legend,
    guides,
    labs,
    scale_color_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_y_discrete,
    theme,
)

from manuscript.theme import FAINT, LINES, MM_PER_INCH, arm_look, theme_study
from study.compare.tables import CompareOptions, Comparison

MOST_PAIRS = 28  # pairs that a forest plot still shows legibly
PANEL_MM = 85


def compare_figure(found: Comparison, options: CompareOptions) -> Any:
    """Draw the panels side by side; without probabilities there are two, else four.

    Returns
    -------
    a plotnine composition with its size, to be saved by `save(path, dpi=...)`
    """
    names = found.tables["auc"]["arm_a"].tolist()
    whole = _roc(found, names) | _forest(found, options)
    if "reliability" in found.tables:
        whole = whole / (_reliability(found, names) | _decision(found, names))
    width, height = _size_mm(found)
    return whole + theme(figure_size=(width / MM_PER_INCH, height / MM_PER_INCH))  # the last panel sets it


def _size_mm(found: Comparison) -> tuple[float, float]:
    """Width and height of the whole picture."""
    rows = 1 if "reliability" not in found.tables else 2
    n_pairs = min(len(found.tables["auc_pairs"]), MOST_PAIRS)
    return 2 * PANEL_MM + 40, rows * (PANEL_MM + 10) + 5 * len(found.tables["auc"]) + max(0, n_pairs - 10) * 3


def _look(names: list[str]) -> list[Any]:
    colours, shapes = arm_look(names)
    lines = {name: LINES[i % len(LINES)] for i, name in enumerate(names)}
    return [
        scale_color_manual(values=colours, limits=names, name=""),
        scale_linetype_manual(values=lines, limits=names, name=""),
        scale_shape_manual(values=shapes, limits=names, name=""),
        theme_study(8.5, width_mm=PANEL_MM, height_mm=PANEL_MM),
        theme(
            legend_direction="vertical",
            panel_grid_major_x=element_line(color=FAINT, size=0.4),
            plot_title=element_text(size=9.5, weight="bold"),
        ),
    ]


def _roc(found: Comparison, names: list[str]) -> ggplot:
    auc = found.tables["auc"].set_index("arm_a")
    shown = {
        name: f"{name}: {auc.loc[name, 'estimate']:.3f} ({auc.loc[name, 'conf_low']:.3f} to "
        f"{auc.loc[name, 'conf_high']:.3f})"
        for name in names
    }
    curves = found.tables["roc"].assign(model=lambda f: f["model"].map(shown))
    return (
        ggplot(curves, aes("fpr", "tpr", color="model", linetype="model"))
        + geom_abline(slope=1, intercept=0, color="#BBBBBB", linetype="dotted")
        + geom_step(size=0.7)
        + coord_equal()
        + labs(
            x="1 − specificity",
            y="Sensitivity",
            title="ROC curves, AUC with interval",
            color="",
            linetype="",
        )
        + guides(color=guide_legend(ncol=1), linetype=guide_legend(ncol=1))
        + _look(list(shown.values()))
    )


def _forest(found: Comparison, options: CompareOptions) -> ggplot:
    tables = found.tables
    pairs = tables["auc_pairs"] if options.margin is None else tables["noninferiority"]
    pairs = pairs[pairs["arm_b"].notna()]
    title = (
        "Differences of AUCs" if options.margin is None else f"Differences of AUCs, margin {options.margin:g}"
    )
    if len(pairs) > MOST_PAIRS:
        title += f", the {MOST_PAIRS} largest of {len(pairs)}"
        pairs = pairs.loc[pairs["estimate"].abs().nlargest(MOST_PAIRS).index].sort_index()
    order = pairs["comparison"].tolist()[::-1]
    plot = (
        ggplot(pairs, aes(x="estimate", y="comparison"))
        + geom_vline(xintercept=0, color="#888888")
        + geom_errorbarh(aes(xmin="conf_low", xmax="conf_high"), height=0.2, size=0.6, na_rm=True)
        + geom_point(size=2)
        + scale_y_discrete(limits=order)
        + labs(x="AUC difference, with interval", y="", title=title)
        + _look([])[3:]
    )
    if options.margin is not None:
        plot = plot + geom_vline(xintercept=-options.margin, linetype="dashed", color="#D55E00")
    return plot


def _reliability(found: Comparison, names: list[str]) -> ggplot:
    return (
        ggplot(found.tables["reliability"], aes("mean_prob", "observed", color="model", shape="model"))
        + geom_abline(slope=1, intercept=0, color="#BBBBBB", linetype="dotted")
        + geom_errorbar(aes(ymin="conf_low", ymax="conf_high"), width=0, alpha=0.5, show_legend=False)
        + geom_line(aes(linetype="model"), alpha=0.7, show_legend=False)
        + geom_point(size=1.8)
        + coord_cartesian(xlim=(0, 1), ylim=(0, 1))
        + labs(x="Mean probability", y="Share of positives", title="Reliability in ten bins")
        + _look(names)
        + theme(legend_position="none")
    )


def _decision(found: Comparison, names: list[str]) -> ggplot:
    curves = found.tables["decision"]
    others = [name for name in dict.fromkeys(curves["strategy"]) if name not in names]
    shown = curves[curves["threshold"] <= 0.9]
    top = float(shown["net_benefit"].max())
    treat_all = pd.DataFrame(shown[shown["strategy"].isin(others)])
    return (
        ggplot(shown[shown["strategy"].isin(names)], aes("threshold", "net_benefit"))
        + geom_hline(yintercept=0, color="#888888", size=0.4)
        + geom_line(aes(group="strategy"), data=treat_all, color="#888888", linetype="dotted")
        + geom_line(aes(color="strategy", linetype="strategy"), size=0.7)
        + coord_cartesian(ylim=(-0.1 * top, 1.05 * top))
        + labs(
            x="Threshold probability",
            y="Net benefit",
            title="Decision curves (dotted: treat all)",
            color="",
            linetype="",
        )
        + _look(names)
        + theme(legend_position="none")
    )
