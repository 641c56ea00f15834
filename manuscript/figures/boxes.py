"""Boxes and arrows on axes in mm, for diagrams."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from manuscript.theme import INK, MM_PER_INCH

EDGE = "#7A7A7A"
SIZE = 6.5  # points
_LETTER = 0.6  # width of a letter as a share of its size


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of a size in mm, with axes whose units are mm from its lower left corner."""
    # Made by pyplot, which lets a notebook show it as a picture; closed, so that it is shown once.
    figure = plt.figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    plt.close(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def box(
    axes: Axes,
    corner: tuple[float, float],
    extent: tuple[float, float],
    lines: Sequence[str],
    *,
    colour: str = "#FFFFFF",
) -> None:
    """A box with its upper left corner at `corner` (mm), `extent` wide and high, the first line bold."""
    (x, y), (width, height) = corner, extent
    frame = FancyBboxPatch(
        (x + 0.6, y - height + 0.6),
        width - 1.2,
        height - 1.2,
        boxstyle="round,pad=0.6",
        facecolor=colour,
        edgecolor=EDGE,
        linewidth=0.7,
    )
    axes.add_patch(frame)
    shown = [line for line in lines if line]
    step = height / (len(shown) + 0.4)
    for place, line in enumerate(shown):
        axes.text(
            x + width / 2,
            y - step * (place + 0.72),
            line,
            fontsize=fitting(line, width),
            weight="bold" if place == 0 else "normal",
            color=INK,
            ha="center",
            va="center",
        )


def fitting(text: str, width: float) -> float:
    """The size of a text in points: the usual one, or less where it would leave a box `width` mm wide."""
    needed = len(text) * _LETTER * SIZE * MM_PER_INCH / 72
    return SIZE * min(1.0, (width - 1.5) / needed) if needed else SIZE


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow between two points in mm."""
    style = {"arrowstyle": "-|>", "color": EDGE, "linewidth": 0.8, "mutation_scale": 6}
    axes.annotate("", xy=end, xytext=start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
