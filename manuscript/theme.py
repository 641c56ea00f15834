"""One look for every figure: sizes from one base size, widths in mm, colour and shape per arm."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import rcParams
from plotnine import element_blank, element_line, element_rect, element_text, theme, theme_bw

MM_PER_INCH = 25.4
WIDTH_MM = {"column": 85, "wide": 125, "page": 175}

# Okabe & Ito 2008, without the yellow that vanishes on white; the order keeps the first pairs far apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
SHAPES = ("o", "^", "s", "D", "v", "P", "X")
LINES = ("solid", "dashed", "dashdot", "dotted", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
# What tells metrics apart where no arms are shown: the other end of both lists.
METRIC_COLOURS = (COLOURS[6], COLOURS[3], COLOURS[4], COLOURS[5])
METRIC_SHAPES = (SHAPES[3], SHAPES[4], SHAPES[5], SHAPES[6])
INK = "#222222"
FAINT = "#DDDDDD"

# A name with two dollar signs is a name and no formula.
rcParams["text.parse_math"] = False


def theme_study(base_size: float = 9, *, width_mm: float = WIDTH_MM["page"], height_mm: float = 80) -> theme:
    """The theme of all figures.

    Parameters
    ----------
    base_size : size of the text in points; every other size follows from it
    width_mm, height_mm : size of the figure on paper
    """
    return theme_bw(base_size=base_size, base_family="DejaVu Sans") + theme(
        figure_size=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH),
        text=element_text(color=INK),
        panel_grid_minor=element_blank(),
        panel_grid_major_x=element_blank(),
        panel_grid_major_y=element_line(color=FAINT, size=base_size / 20),
        panel_border=element_rect(color="#888888", size=base_size / 15),
        strip_background=element_rect(fill="#F2F2F2", color="#888888", size=base_size / 15),
        strip_text=element_text(size=base_size * 0.88, weight="bold"),
        axis_title=element_text(size=base_size),
        axis_text=element_text(size=base_size * 0.88),
        axis_ticks=element_line(size=base_size / 20),
        axis_ticks_minor=element_blank(),
        panel_spacing=0.02,
        legend_position="bottom",
        legend_title=element_text(size=base_size),
        legend_text=element_text(size=base_size * 0.94),
        legend_key=element_blank(),
        plot_caption=element_text(size=base_size * 0.82, color="#555555", ha="left"),
    )


def arm_look(arms: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Colour and shape of each arm; the same arms give the same look in every figure.

    From the eighth arm on colours return with other shapes, so that the pair still tells the arm.
    """
    n = len(COLOURS)
    colours = {arm: COLOURS[i % n] for i, arm in enumerate(arms)}
    shapes = {arm: SHAPES[(i + i // n) % n] for i, arm in enumerate(arms)}
    return colours, shapes
