"""Measure a drawn figure: texts that run into each other, or beyond the figure's edge."""

from __future__ import annotations

from copy import deepcopy
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

SLACK = 1.0  # pixels that two boxes may share: the boxes hold room around the letters


def layout_faults(plot: Any) -> list[str]:
    """Every pair of texts that overlap and every text that is cut, each in words; empty is good.

    Parameters
    ----------
    plot : a ggplot, or a matplotlib figure
    """
    figure = plot if isinstance(plot, Figure) else deepcopy(plot).draw()  # drawing changes a ggplot
    FigureCanvasAgg(figure).draw()
    boxes = [(text.get_text(), _corners(text)) for text in shown_texts(figure)]
    width, height = figure.bbox.width, figure.bbox.height
    faults = [
        f"`{words}` is cut at the edge"
        for words, box in boxes
        if box.min() < -SLACK or box[:, 0].max() > width + SLACK or box[:, 1].max() > height + SLACK
    ]
    faults += [
        f"`{first}` runs into `{second}`"
        for (first, one), (second, other) in combinations(boxes, 2)
        if _overlap(one, other)
    ]
    return faults


def shown_texts(figure: Figure) -> list[Text]:
    """All texts that are drawn: ticks outside the limits of their axis are not."""
    ticks: set[Text] = set()
    drawn: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            every = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            ticks |= {label for tick in every for label in (tick.label1, tick.label2)}
            shown = axis._update_ticks() if axes.axison else []
            drawn |= {label for tick in shown for label in (tick.label1, tick.label2)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and (text not in ticks or text in drawn)
    ]


def _corners(text: Text) -> np.ndarray:
    """The four corners of a text's own (turned) rectangle, in pixels, shape (4, 2)."""
    upright = text.get_window_extent()
    centre = np.array([(upright.x0 + upright.x1) / 2, (upright.y0 + upright.y1) / 2])
    angle = text.get_rotation()
    text.set_rotation(0)
    flat = text.get_window_extent()
    text.set_rotation(angle)
    half = np.array([flat.width, flat.height]) / 2
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return centre + (signs * half) @ matrix.T


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two rectangles share more than `SLACK` in every direction of their sides (separating axes)."""
    for box in (one, other):
        for side in (box[1] - box[0], box[3] - box[0]):
            axis = side / (np.linalg.norm(side) or 1.0)
            first, second = one @ axis, other @ axis
            if min(first.max(), second.max()) - max(first.min(), second.min()) <= SLACK:
                return False
    return True
