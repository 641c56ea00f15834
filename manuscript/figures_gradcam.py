"""The Grad-CAM panel: image and heatmap side by side, with the true and the predicted label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from manuscript.text import number, short_id
from manuscript.theme import INK, MM_PER_INCH

KINDS = ("true positive", "true negative", "false positive", "false negative")
_TILE_MM = 27.0
_TEXT_MM = 11.0


def choose_tiles(index: pd.DataFrame, *, per_kind: int = 1) -> pd.DataFrame:
    """The images to show: per task and cell the most confident of each kind, in a fixed order.

    The rule is confidence, not taste: the highest score for a positive prediction, the lowest for a negative.
    """
    frame = index[index["kind"].isin(KINDS)].copy()
    frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS, ordered=True)
    frame["confidence"] = (frame["score"].astype(float) - 0.5).abs()
    frame = frame.sort_values(
        ["task", "cell_id", "kind", "confidence", "image_id"], ascending=[True, True, True, False, True]
    )
    return frame.groupby(["task", "cell_id", "kind"], observed=True, sort=False).head(per_kind)


def gradcam_panel(tiles: pd.DataFrame, *, root: Path, arms: dict[str, str]) -> Figure:
    """Image and overlay of each chosen tile: a row per task and cell, two columns per kind.

    Parameters
    ----------
    tiles : rows of `choose_tiles`, with true_class, predicted_label, score, image_path, overlay_path
    root : folder that the paths are relative to
    arms : name of the arm of each cell id

    Raises
    ------
    FileNotFoundError : an image of the index is gone
    """
    rows = list(tiles.groupby(["task", "cell_id"], sort=False))
    kinds = [kind for kind in KINDS if (tiles["kind"] == kind).any()]
    width, height = 2 * _TILE_MM * len(kinds), len(rows) * (_TILE_MM + _TEXT_MM) + 4
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=200)
    axes = figure.subplots(len(rows), 2 * len(kinds), squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for line, ((task, cell_id), part) in enumerate(rows):
        for _, tile in part.drop_duplicates("kind").iterrows():
            column = 2 * kinds.index(str(tile["kind"]))
            _draw_tile(axes[line, column], axes[line, column + 1], tile, root)
        arm = arms.get(str(cell_id), "")
        name = f"{task}{f', {arm}' if arm else ''} (cell {short_id(str(cell_id))})"
        axes[line, 0].text(
            0, 1.42, name, transform=axes[line, 0].transAxes, fontsize=7.5, weight="bold", color=INK
        )
    top = 1 - 8.5 / height
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.01, top=top, wspace=0.03, hspace=0.5)
    return figure


def _draw_tile(left: object, right: object, tile: pd.Series, root: Path) -> None:
    """One image beside its overlay; an error is named in a warm colour and in words."""
    left.imshow(_read(root, str(tile["image_path"])), cmap="gray", vmin=0, vmax=255)  # type: ignore[attr-defined]
    right.imshow(_read(root, str(tile["overlay_path"])), vmin=0, vmax=255)  # type: ignore[attr-defined]
    wrong = str(tile["kind"]).startswith("false")
    title = f"{str(tile['kind']).capitalize()}\nscore {number(float(tile['score']), 2)}"
    left.set_title(  # type: ignore[attr-defined]
        title, fontsize=6.5, loc="left", color="#B03A00" if wrong else INK, pad=3, linespacing=1.25
    )
    right.set_title(  # type: ignore[attr-defined]
        f"true: {tile['true_class']}\npredicted: {tile['predicted_label']}",
        fontsize=6.5,
        loc="left",
        color=INK,
        pad=3,
        linespacing=1.25,
    )


def _read(root: Path, name: str) -> np.ndarray:
    path = root / name
    if not path.is_file():
        raise FileNotFoundError(
            f"The Grad-CAM index names `{name}`, which is not in `{root.name}`. Run `study gradcam` again."
        )
    with Image.open(path) as image:
        return np.asarray(image.convert("L" if image.mode in ("L", "1", "I;16") else "RGB"))
