"""A contact sheet: images of a data set as small squares, by class, with their ids and mask outlines."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from data.dataset import Dataset
from data.images.border import mask_border
from data.images.decode import square_image

TILE = 160  # pixels per side of an image on the sheet
MOST_IMAGES = 2000
_COLUMNS = 6
_NARROWEST = 600  # pixels: room for the title
_GAP = 10
_LABEL = 20  # height of the id below an image
_HEADING = 30  # height of the line above a class
_INK, _PAPER = (20, 20, 20), (255, 255, 255)
_OUTLINE = (255, 200, 0)  # stands out from grey tissue, with colour-vision deficiency too
_THREADS = 2


def choose_images(manifest: pd.DataFrame, *, n: int, seed: int) -> dict[str, list[str]]:
    """Draw up to `n` images of each class; the same seed draws the same ones.

    Returns
    -------
    image_ids by class, both sorted

    Raises
    ------
    ValueError : `n` below 1, or more than MOST_IMAGES in all
    """
    if n < 1:
        raise ValueError(f"`n` must be at least 1 image per class, but {n} came.")
    chosen: dict[str, list[str]] = {}
    for name, rows in manifest.groupby("class", sort=True):
        ids = sorted(rows["image_id"])
        # A generator for each class: the draw does not depend on the other classes.
        rng = np.random.default_rng(seed)
        chosen[str(name)] = sorted(rng.choice(ids, size=min(n, len(ids)), replace=False).tolist())
    _check_number(sum(map(len, chosen.values())))
    return chosen


def images_by_class(manifest: pd.DataFrame, image_ids: Sequence[str]) -> dict[str, list[str]]:
    """Sort named images by class, in the order named.

    Raises
    ------
    ValueError : the data set has no such image; more than MOST_IMAGES
    """
    classes = manifest.set_index("image_id")["class"]
    chosen: dict[str, list[str]] = {}
    for image_id in image_ids:
        if image_id not in classes.index:
            near = difflib.get_close_matches(image_id, classes.index, n=3) or list(classes.index[:3])
            raise ValueError(
                f"The data set has no image '{image_id}'. Near ids: {', '.join(map(repr, near))}."
            )
        chosen.setdefault(str(classes[image_id]), []).append(image_id)
    _check_number(len(image_ids))
    return chosen


def contact_sheet(dataset: Dataset, chosen: Mapping[str, Sequence[str]], *, title: str) -> bytes:
    """Draw the sheet as PNG.

    Images are squeezed to squares with the filter of training, so proportions are those that a model sees.
    Masks are drawn as their outline, over the image.

    Parameters
    ----------
    chosen : image_ids by class, in the order wanted
    title : first line; characters outside ASCII are written as escapes, here and in ids

    Raises
    ------
    ValueError : an image or mask that cannot be read
    """
    columns = max(1, min(_COLUMNS, max(map(len, chosen.values()), default=1)))
    width = max(_GAP + columns * (TILE + _GAP), _NARROWEST)
    n_rows = {name: -(-len(ids) // columns) for name, ids in chosen.items()}
    row_height = TILE + _LABEL + _GAP
    height = _HEADING + sum(_HEADING + rows * row_height for rows in n_rows.values()) + _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    _write(sheet, (_GAP, _GAP), title, size=14)
    top = _HEADING
    counts = dataset.manifest["class"].value_counts()
    with ThreadPoolExecutor(_THREADS) as pool:
        for name, ids in chosen.items():
            _write(sheet, (_GAP, top + _GAP), f"{name}: {len(ids)} of {counts[name]}", size=14)
            top += _HEADING
            for position, tile in enumerate(pool.map(lambda image_id: _tile(dataset, image_id), ids)):
                row, column = divmod(position, columns)
                corner = (_GAP + column * (TILE + _GAP), top + row * row_height)
                sheet.paste(tile, corner)
                _write(sheet, (corner[0], corner[1] + TILE + 2), ids[position], size=12, widest=TILE)
            top += n_rows[name] * row_height
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _tile(dataset: Dataset, image_id: str) -> Image.Image:
    pixels = square_image(dataset.read_image(image_id), TILE)
    colour = np.array(pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1))
    mask = dataset.read_mask(image_id)
    if mask is not None:
        colour[mask_border(mask, TILE)] = _OUTLINE
    return Image.fromarray(colour)


def _write(
    sheet: Image.Image, place: tuple[int, int], text: str, *, size: int, widest: int | None = None
) -> None:
    font = ImageFont.load_default(size)
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    room = sheet.width - place[0] - _GAP if widest is None else widest
    ImageDraw.Draw(sheet).text(place, _shortened(plain, font, room), fill=_INK, font=font)


def _shortened(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, room: int) -> str:
    """The text, cut in its middle where it is wider than `room` pixels: ids differ at their ends."""
    if font.getlength(text) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
        if font.getlength(shorter) <= room:
            return shorter
    return "..."


def _check_number(n: int) -> None:
    if n > MOST_IMAGES:
        raise ValueError(
            f"A sheet holds at most {MOST_IMAGES} images, but {n} were asked for. Lower `n` or name fewer."
        )
