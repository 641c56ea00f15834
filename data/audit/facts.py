"""One row of facts per image: size, brightness, how much is black or flat, and what is drawn onto it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from data.audit.annotations import find_annotations
from data.dataset import Dataset

FACTS_VERSION = 1  # part of the address of cached facts: raise it with every change of a value
FACT_COLUMNS = (
    "image_id",
    "width",
    "height",
    "aspect",
    "mode",
    "mean",
    "std",
    "black_share",
    "flat_share",
    "annotations",
    "annotation_share",
)
BLACK = 8  # grey levels below this count as black
BLANK_SHARE = 0.995  # an image with a larger flat share shows nothing
_FLAT = 5  # grey levels that count as one
_PIECE = 256  # images that wait for a thread at a time


def image_facts(dataset: Dataset, *, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Read every image of a data set once and measure it.

    Parameters
    ----------
    progress : gets the images done and their number

    Returns
    -------
    frame with FACT_COLUMNS, a row per image in the manifest's order:
    width, height : pixels; aspect : width / height; mode : of the file, as in the manifest
    mean, std : grey levels, 0 to 255 (std with ddof 0); colours count by their luma (ITU-R 601)
    black_share : share of pixels below BLACK; flat_share : largest share within 5 neighbouring grey levels
    annotations : kinds found by `find_annotations`, joined with "+"; "" for none, null where an image is too
        small to be searched
    annotation_share : share of the area that they take, NaN where not searched

    Raises
    ------
    ValueError, OSError : an image cannot be read

    Notes
    -----
    Images are decoded and measured in threads, a few hundred at a time; none is kept.
    """
    manifest = dataset.manifest
    image_ids = manifest["image_id"].tolist()
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(image_ids), _PIECE):
            piece = image_ids[start : start + _PIECE]
            for row in pool.map(lambda image_id: measure(dataset.read_image(image_id)), piece):
                rows.append(row)
                if progress is not None:
                    progress(len(rows), len(image_ids))
    frame = pd.DataFrame(rows).assign(image_id=image_ids, mode=manifest["mode"].to_numpy())
    return frame[list(FACT_COLUMNS)]


def measure(image: np.ndarray) -> dict[str, Any]:
    """The facts of one image, uint8 (height, width) or (height, width, 3), by the names of FACT_COLUMNS."""
    height, width = image.shape[:2]
    grey = image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    levels = np.arange(256)
    mean = float(share @ levels)
    near = np.convolve(share, np.ones(_FLAT), mode="valid")
    variance = float(share @ (levels - mean) ** 2)
    drawn = find_annotations(image)
    return {
        "width": width,
        "height": height,
        "aspect": width / height,
        "mean": mean,
        "std": math.sqrt(variance),
        "black_share": float(share[:BLACK].sum()),
        "flat_share": float(near.max()),
        "annotations": None if drawn is None else "+".join(drawn.kinds),
        "annotation_share": float("nan") if drawn is None else drawn.share,
    }
