"""The networks as a diagram: the trunk as a chain of layer groups, the heads below it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from manuscript.figures.boxes import EDGE, SIZE, arrow, box, canvas, fitting
from manuscript.networks import FEATURES, Block, amount, blocks, heads, trunks
from manuscript.theme import INK, WIDTH_MM

FROZEN, TRAINED, SOME, EMPTY = "#E4E4E4", "#CFE3F3", "#F8DFC8", "#FFFFFF"
_CHAIN_MM, _ROW_MM, _TITLE_MM, _LEGEND_MM = 18.0, 15.0, 17.0, 8.0
_BOX_MM, _GAP_MM = 12.0, 2.6


def architecture_diagram(layers: pd.DataFrame, *, order: Sequence[str]) -> Figure:
    """Draw every trunk and every head of a table of layers.

    Parameters
    ----------
    layers : columns of `architecture.parquet`; shapes of a head on several trunks stand in the order of the
        trunks, joined by a bar
    order : the heads from left to right
    """
    chains = trunks(layers)
    columns = [(name, text, [blocks(o) for o in on]) for name, text, on in heads(layers, order)]
    depth = max(max(_rows(on[0]).values()) for _, _, on in columns)
    width = WIDTH_MM["page"]
    height = len(chains) * _CHAIN_MM + _TITLE_MM + (depth - 1) * _ROW_MM + _BOX_MM + _LEGEND_MM
    figure, axes = canvas(width, height)
    top = height
    for name, rows in chains:
        _chain(axes, name, rows, top=top, width=width)
        top -= _CHAIN_MM
    shares = [1.75 if _side(on[0]) else 1.0 for _, _, on in columns]
    unit = min(width / sum(shares), 60.0)
    left = (width - unit * sum(shares)) / 2
    for (name, text, on), share in zip(columns, shares, strict=True):
        _head(axes, name, text, on, top=top, left=left, width=share * unit)
        left += share * unit
    _legend(axes, chains)
    return figure


def _chain(axes: Axes, name: str, rows: pd.DataFrame, *, top: float, width: float) -> None:
    """One trunk: the image, its layer groups and the pooled features, from left to right."""
    size = name.rpartition(", ")[2].partition(" ")[0]
    axes.text(1, top - 2.6, name, fontsize=SIZE + 1, weight="bold", color=INK, va="center")
    boxes = [("image", f"3 × {size} × {size}", "", EMPTY)]
    for group, own in rows.groupby("group", sort=False):
        n = int(own["n_parameters"].sum())
        title = FEATURES if own["kind"].iloc[-1] == "global average" else str(group)
        boxes.append((title, str(own["output"].iloc[-1]), amount(n) if n else "global average", _colour(own)))
    step = (width - 2) / len(boxes)
    for place, (title, shape, note, colour) in enumerate(boxes):
        x = 1 + place * step
        box(axes, (x, top - 5.0), (step - _GAP_MM, _BOX_MM), [title, shape, note], colour=colour)
        if place:
            arrow(axes, (x - _GAP_MM, top - 5.0 - _BOX_MM / 2), (x, top - 5.0 - _BOX_MM / 2))


def _colour(rows: pd.DataFrame) -> str:
    """Whether cells train a layer group: none, all or some of them."""
    if not int(rows["n_parameters"].sum()):
        return EMPTY
    if not int(rows["most"].sum()):
        return FROZEN
    return TRAINED if (rows["least"] == rows["n_parameters"]).all() else SOME


def _head(
    axes: Axes, name: str, text: str, on: Sequence[list[Block]], *, top: float, left: float, width: float
) -> None:
    """One head from the features down, with what is added on the right of the path that it is added to."""
    total = " | ".join(amount(sum(block.n_parameters for block in own)) for own in on)
    middle = left + width / 2
    axes.text(
        middle, top - 3.0, name, fontsize=SIZE + 1.5, weight="bold", color=INK, ha="center", va="center"
    )
    axes.text(middle, top - 6.2, f"{total} parameters", fontsize=SIZE, color=INK, ha="center", va="center")
    settings = text.replace(", kernel", ",\nkernel") if len(text) * 1.1 > width else text
    axes.text(middle, top - 7.8, settings, fontsize=SIZE - 0.5, color=INK, ha="center", va="top")
    rows, side = _rows(on[0]), _side(on[0])
    inner = (width - _GAP_MM) / (2 if side else 1)
    at = {}
    for own in zip(*on, strict=True):
        block = own[0]
        x = left + _GAP_MM / 2 + (inner if block.layer in side else 0.0)
        y = top - _TITLE_MM - (rows[block.layer] - 1) * _ROW_MM
        lines = [_title(block), *_broken(block.kinds[1:], inner), " | ".join(part.output for part in own)]
        colour = TRAINED if block.n_parameters else EMPTY
        box(axes, (x, y), (inner - 1.0, _BOX_MM), lines, colour=colour)
        at[block.layer] = (x + (inner - 1.0) / 2, y)
        for read in block.reads:
            if read == FEATURES:
                arrow(axes, (at[block.layer][0], y + _ROW_MM - _BOX_MM - 0.2), at[block.layer])
            else:
                _joined(axes, at[read], at[block.layer], half=(inner - 1.0) / 2)


def _title(block: Block) -> str:
    """A module by its name and class, an operation by what it does."""
    return f"{block.layer}: {block.kinds[0]}" if block.n_parameters else block.kinds[0]


def _broken(kinds: Sequence[str], width: float) -> list[str]:
    """What follows the first operation of a block, on two lines where one is too long."""
    line = ", ".join(kinds)
    if len(kinds) < 3 or fitting(line, width) == SIZE:
        return [line]
    return [f"{', '.join(kinds[:-1])},", kinds[-1]]


def _joined(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, half: float) -> None:
    """An arrow from the lower edge of a box to the next: to its top, or from another column to its side."""
    if start[0] == end[0]:
        arrow(axes, (start[0], start[1] - _BOX_MM), end)
        return
    middle = end[1] - _BOX_MM / 2
    axes.plot([start[0], start[0]], [start[1] - _BOX_MM, middle], color=EDGE, linewidth=0.8)
    arrow(axes, (start[0], middle), (end[0] + half, middle))


def _main(own: list[Block]) -> list[str]:
    """The path from the output back along the first input of each block."""
    known = {block.layer: block for block in own}
    path = [own[-1].layer]
    while known[path[-1]].reads[0] != FEATURES:
        path.append(known[path[-1]].reads[0])
    return path


def _side(own: list[Block]) -> set[str]:
    """Blocks beside the main path."""
    return {block.layer for block in own} - set(_main(own))


def _rows(own: list[Block]) -> dict[str, int]:
    """Row of each block, from 1: one more than the lowest of what it reads."""
    rows = {FEATURES: 0}
    for block in own:
        rows[block.layer] = 1 + max(rows[read] for read in block.reads)
    return rows


def _legend(axes: Axes, chains: Sequence[tuple[str, pd.DataFrame]]) -> None:
    drawn = {_colour(own) for _, rows in chains for _, own in rows.groupby("group")} | {TRAINED, EMPTY}
    names = {FROZEN: "frozen", TRAINED: "trained", SOME: "trained in some cells", EMPTY: "without parameters"}
    patches = [
        Patch(facecolor=colour, edgecolor=EDGE, label=name)
        for colour, name in names.items()
        if colour in drawn
    ]
    axes.legend(handles=patches, loc="lower center", ncols=len(patches), fontsize=SIZE, frameon=False)
