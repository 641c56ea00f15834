"""One pass over the images: hashes of files and pixels, and a small picture of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from data.dataset import Dataset

Progress = Callable[[int, int], None]

THUMBNAIL = 64  # pixels per side
# A thumbnail with a smaller standard deviation, in grey levels, shows nothing that could be recognised.
FLAT_STD = 2.0
THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What the search for duplicates keeps of n images.

    Attributes
    ----------
    image_ids : n names, in the order of the manifest
    file_hashes : SHA-256 of the files, as in the manifest
    pixel_hashes : SHA-256 of size and grey or colour values; the same for a grey file and its RGB copy
    thumbnails : uint8 (n, 64, 64), luminance, the whole image squeezed into a square
    shapes : int (n, 2), height and width in pixels
    flat : bool (n,), True where the thumbnail is blank or constant (standard deviation below FLAT_STD)
    """

    image_ids: tuple[str, ...]
    file_hashes: tuple[str, ...]
    pixel_hashes: tuple[str, ...]
    thumbnails: np.ndarray
    shapes: np.ndarray
    flat: np.ndarray


def read_fingerprints(dataset: Dataset, *, progress: Progress | None = None) -> Fingerprints:
    """Read every image once, in threads.

    Parameters
    ----------
    progress : called with (images read, images in all)

    Raises
    ------
    ValueError, OSError : an image cannot be read
    """
    image_ids = tuple(str(image_id) for image_id in dataset.manifest["image_id"])
    n = len(image_ids)
    thumbnails = np.empty((n, THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    shapes = np.empty((n, 2), dtype=np.int64)
    hashes: list[str] = []

    def read(row: int) -> str:
        image = dataset.read_image(image_ids[row])
        thumbnails[row] = shrink(luminance(image), THUMBNAIL)
        shapes[row] = image.shape[:2]
        return _pixel_hash(image)

    with ThreadPoolExecutor(THREADS) as pool:
        for done, digest in enumerate(pool.map(read, range(n)), start=1):
            hashes.append(digest)
            if progress is not None:
                progress(done, n)
    spread = np.array([thumbnail.std() for thumbnail in thumbnails])
    return Fingerprints(
        image_ids=image_ids,
        file_hashes=tuple(dataset.manifest["sha256"]),
        pixel_hashes=tuple(hashes),
        thumbnails=thumbnails,
        shapes=shapes,
        flat=spread < FLAT_STD,
    )


def luminance(image: np.ndarray) -> np.ndarray:
    """Grey levels uint8 (h, w) of an image uint8 (h, w) or (h, w, 3), with the weights of ITU-R 601-2."""
    if image.ndim == 2:
        return image
    if _is_grey(image):
        return np.ascontiguousarray(image[..., 0])
    return np.asarray(Image.fromarray(image).convert("L"))


def shrink(grey: np.ndarray, size: int) -> np.ndarray:
    """The image uint8 (h, w) as a square uint8 (size, size), antialiased where it shrinks."""
    return np.asarray(Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR))


def _is_grey(image: np.ndarray) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())


def _pixel_hash(image: np.ndarray) -> str:
    values = image[..., 0] if image.ndim == 3 and _is_grey(image) else image
    digest = hashlib.sha256(repr(values.shape).encode("ascii"))
    digest.update(values.tobytes())
    return digest.hexdigest()
