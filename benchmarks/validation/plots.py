"""The plots of docs/statistics/validation.md: rates in percent with 2 Monte Carlo errors."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from plotnine import (
    aes,
    element_text,
    facet_grid,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_linerange,
    geom_point,
    ggplot,
    labs,
    scale_color_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_x_continuous,
    theme,
)

from manuscript.theme import LINES, arm_look, theme_study

DODGE = 0.12  # of one step of the axis, between methods, so that equal rates stay visible


def rate_plot(
    rates: pd.DataFrame,
    *,
    x: str,
    series: str,
    facets: Sequence[str],
    promised: float,
    axes: tuple[str, str],
    height_mm: float = 70,
) -> ggplot:
    """Return the rates over x, one line per value of `series`, one panel per combination of `facets`.

    Parameters
    ----------
    rates : rows of one family; `x` and `series` in the order of their first row
    facets : one column (panels in a row) or two (rows, columns)
    promised : rate drawn as a line, in percent
    axes : titles of both axes
    """
    frame = rates.copy()
    places = list(dict.fromkeys(frame[x]))
    names = [str(value) for value in dict.fromkeys(frame[series])]
    frame[series] = pd.Categorical(frame[series].astype(str), categories=names)
    for facet in facets:
        frame[facet] = pd.Categorical(frame[facet], categories=list(dict.fromkeys(frame[facet])))
    shift = (frame[series].cat.codes - (len(names) - 1) / 2.0) * DODGE
    frame["place"] = frame[x].map({value: i for i, value in enumerate(places)}) + shift
    frame["percent"], frame["reach"] = 100.0 * frame["rate"], 200.0 * frame["error"]
    frame["low"] = (frame["percent"] - frame["reach"]).clip(lower=0.0)
    frame["high"] = (frame["percent"] + frame["reach"]).clip(upper=100.0)
    colours, shapes = arm_look(names)
    look = dict(zip(names, LINES, strict=False))
    panels = facet_wrap(facets[0], nrow=1) if len(facets) == 1 else facet_grid(facets[0], facets[1])
    return (
        ggplot(frame, aes("place", "percent", color=series, shape=series, linetype=series))
        + geom_hline(yintercept=promised, color="#666666", size=0.4, show_legend=False)
        + geom_line(size=0.6)
        + geom_linerange(aes(ymin="low", ymax="high"), size=0.5, linetype="solid", show_legend=False)
        + geom_point(size=1.8)
        + panels
        + _axis(places)
        + scale_color_manual(values=colours)
        + scale_shape_manual(values=shapes)
        + scale_linetype_manual(values=look)
        + labs(x=axes[0], y=axes[1], color="", shape="", linetype="")
        + theme_study(8, height_mm=height_mm)
        + theme(
            legend_position="bottom",
            legend_title=element_text(size=0.1),
            legend_key_width=26,
            legend_box_spacing=0.02,
        )
    )


def _axis(places: list[object]) -> scale_x_continuous:
    return scale_x_continuous(
        breaks=list(range(len(places))), labels=[f"{v:g}" if isinstance(v, float) else str(v) for v in places]
    )
