"""The Grad-CAM panel: image and heatmap side by side, with the true and the predicted label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps, rcParams
from matplotlib.figure import Figure
from PIL import Image

from data.names import inside
from manuscript.text import number, short_id
from manuscript.theme import INK, MM_PER_INCH, WIDTH_MM

KINDS = ("true positive", "true negative", "false positive", "false negative")
WARM = "#B03A00"
_TEXT_MM = 14.0  # room above a row of images for its name and two lines of labels
_BAR_MM = 9.0  # room below all rows for the colour bar
_TISSUE, _STRONGEST = (
    0.45,
    0.6,
)  # grey of the tissue in the bar, opacity of the overlay where the map is strongest


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


def gradcam_panel(tiles: pd.DataFrame, *, roots: Sequence[Path], arms: Mapping[str, str]) -> Figure:
    """Image and overlay of each chosen tile: a row per task and cell, a pair of columns per kind.

    Parameters
    ----------
    tiles : rows of `choose_tiles`, with true_class, predicted_label, score, image_path, overlay_path
    roots : folders that the paths may be relative to
    arms : name of the arm of each cell id

    Raises
    ------
    FileNotFoundError : an image of the index is gone
    """
    rows = list(tiles.groupby(["task", "cell_id"], sort=False))
    kinds = [kind for kind in KINDS if (tiles["kind"] == kind).any()]
    tile = WIDTH_MM["page"] / (2 * len(KINDS))
    width, height = 2 * tile * len(kinds), len(rows) * (tile + _TEXT_MM) + _BAR_MM
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=rcParams["figure.dpi"])
    for line, ((task, cell_id), part) in enumerate(rows):
        top = height - line * (tile + _TEXT_MM)
        arm = arms.get(str(cell_id), "")
        name = f"{task}{f', {arm}' if arm else ''} (cell {short_id(str(cell_id))})"
        figure.text(0.004, (top - 3.2) / height, name, fontsize=8, weight="bold", color=INK, va="center")
        for _, chosen in part.drop_duplicates("kind").iterrows():
            left = 2 * tile * kinds.index(str(chosen["kind"]))
            bottom = top - _TEXT_MM - tile + 1
            for shift, column in ((0.0, "image_path"), (tile, "overlay_path")):
                box = ((left + shift + 0.5) / width, bottom / height, (tile - 1) / width, (tile - 1) / height)
                _draw(figure, box, _read(roots, str(chosen[column])))
            _write(figure, chosen, x=(left + 0.7) / width, y=(bottom + tile - 0.4) / height)
    _colour_bar(figure, width=width, height=height)
    return figure


def _colour_bar(figure: Figure, *, width: float, height: float) -> None:
    """What the colours of the overlays mean, over grey tissue: opacity rises with the evidence, as there."""
    share = np.linspace(0.0, 1.0, 256)[None, :, None]
    colours = colormaps["plasma"](share[..., 0])[..., :3]
    alpha = _STRONGEST * share
    axes = figure.add_axes((2.0 / width, 5.0 / height, 40.0 / width, 2.6 / height))
    axes.imshow(alpha * colours + (1 - alpha) * _TISSUE, aspect="auto", extent=(0, 1, 0, 1))
    axes.set_yticks([])
    axes.set_xticks([0, 0.5, 1], ["0", "", "maximum of the map"])
    axes.tick_params(labelsize=6.5, length=2, pad=1.5)
    axes.set_label("colour bar")


def _draw(figure: Figure, box: tuple[float, float, float, float], pixels: np.ndarray) -> None:
    axes = figure.add_axes(box)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()


def _write(figure: Figure, tile: pd.Series, *, x: float, y: float) -> None:
    """Kind and score, true and predicted label, above the pair; an error stands in a warm colour."""
    wrong = str(tile["kind"]).startswith("false")
    text = (
        f"{str(tile['kind']).capitalize()}, score {number(float(tile['score']), 2)}\n"
        f"true {tile['true_class']}, predicted {tile['predicted_label']}"
    )
    figure.text(x, y, text, fontsize=6.5, va="bottom", color=WARM if wrong else INK, linespacing=1.3)


def _read(roots: Sequence[Path], name: str) -> np.ndarray:
    path = next((path for root in roots if (path := inside(root, name)).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"The Grad-CAM index names `{name}`, which is not in `{roots[0]}`. Run `study gradcam` again."
        )
    with Image.open(path) as image:
        return np.asarray(image.convert("L" if image.mode in ("L", "1", "I;16") else "RGB"))
