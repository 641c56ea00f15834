"""From an image file, DICOM too, to a uint8 array, without silent conversions."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data.images.dicom import decode_dicom, is_dicom
from data.images.window import Window

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What Pillow's decoders raise on a file that lies about itself; a size that a TIFF lacks is a TypeError.
_DECODER_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, struct.error, zlib.error, Image.DecompressionBombError),
)
# Modes of Pillow that hold 8 bits per channel or less, and what they become without loss.
_LOSSLESS = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "LA": "LA", "RGBA": "RGBA", "PA": "RGBA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What a manifest records of an image file.

    Attributes
    ----------
    sha256 : of its bytes; of a DICOM file that is not shown with its own window, of its bytes and the window
    width, height : in pixels
    mode : Pillow's mode, or the photometric interpretation of a DICOM file
    note : what was decided for want of a statement in the file; completes "3 DICOM file(s) ..."
    """

    sha256: str
    width: int
    height: int
    mode: str
    note: str | None = None


def probe_image(path: Path, *, is_mask: bool = False, window: Window = "file") -> ImageFacts:
    """Check that a file is a readable image of 8 bits, or a DICOM frame, and return its facts.

    PNG files are checked by the checksums that they carry, others by decoding them. A mask may have
    transparent pixels, as `read_mask_files` reads its colours alone.

    Raises
    ------
    ValueError : the file is empty, damaged, or of a kind that `read_pixels` refuses; the message is a
        reason without the file's name
    OSError : the file cannot be opened
    """
    content = path.read_bytes()
    if is_dicom(content):
        return _dicom_facts(content, window)
    with _opened(content) as image:
        width, height = image.size
        mode = image.mode
        opaque = image.mode in ("1", "L", "RGB") and "transparency" not in image.info
        if image.format == "PNG" and opaque:
            with _decoding():
                image.verify()
        else:
            _array(image, ignore_alpha=is_mask)
    return ImageFacts(sha256=hashlib.sha256(content).hexdigest(), width=width, height=height, mode=mode)


def read_pixels(path: Path, *, window: Window = "file") -> np.ndarray:
    """Read an image file.

    `window` : for DICOM files, see `data.images.dicom.decode_dicom`

    Returns
    -------
    uint8 array (height, width) for grey and two-tone files, (height, width, 3) for colour and palette files

    Raises
    ------
    ValueError : damaged file, 16-bit or floating-point values, transparency, several frames
    OSError : the file cannot be opened

    Notes
    -----
    Whatever would need a choice (a window for 16 bits other than DICOM, a background for transparency) is
    refused: that choice belongs to whoever prepares the data.
    """
    return _read(path, window=window)


def read_mask_files(paths: Sequence[Path], *, shape: tuple[int, int]) -> np.ndarray:
    """Merge mask files: a pixel belongs to the mask where any of them is not black, transparent or not.

    Returns
    -------
    bool array of `shape` (height, width)

    Raises
    ------
    ValueError : a mask cannot be read or has another size than its image
    """
    merged = np.zeros(shape, dtype=bool)
    for path in paths:
        pixels = _read(path, ignore_alpha=True)
        mask = pixels > 0 if pixels.ndim == 2 else (pixels > 0).any(axis=2)
        if mask.shape != shape:
            raise ValueError(
                f"The mask '{path}' has {mask.shape[1]} x {mask.shape[0]} pixels, but its image has "
                f"{shape[1]} x {shape[0]}. Masks must have the size of their image."
            )
        merged |= mask
    return merged


def _dicom_facts(content: bytes, window: Window) -> ImageFacts:
    frame = decode_dicom(content, window)
    # Another window makes other pixels of the same file: cached features must not be mistaken for each other.
    told = content if window == "file" else content + f" window={window}".encode()
    return ImageFacts(
        sha256=hashlib.sha256(told).hexdigest(),
        width=frame.pixels.shape[1],
        height=frame.pixels.shape[0],
        mode=frame.mode,
        note=frame.note,
    )


def _read(path: Path, *, ignore_alpha: bool = False, window: Window = "file") -> np.ndarray:
    try:
        content = path.read_bytes()
        if is_dicom(content):
            return decode_dicom(content, window).pixels
        with _opened(content) as image:
            return _array(image, ignore_alpha=ignore_alpha)
    except ValueError as error:
        raise ValueError(f"The image '{path}' cannot be used: {error}.") from error


def _opened(content: bytes) -> Image.Image:
    if not content:
        raise ValueError("it has 0 bytes")
    try:
        image = Image.open(io.BytesIO(content))
    except _DECODER_ERRORS as error:
        raise ValueError("no image, or a damaged one") from error
    deep = content.startswith(_PNG_SIGNATURE) and content[24] == 16
    if deep or image.mode not in _LOSSLESS:
        kind = "16-bit" if deep else f"mode {image.mode}"
        raise ValueError(f"{kind}, but 8-bit grey or RGB is needed; convert the file first")
    with _decoding():
        frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"it holds {frames} frames, but one is needed")
    return image


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever a decoder raises on the content of a file becomes a ValueError that gives the reason."""
    try:
        yield
    except _DECODER_ERRORS as error:
        raise ValueError(f"damaged: {error}") from error


def _array(image: Image.Image, *, ignore_alpha: bool = False) -> np.ndarray:
    with _decoding():
        if image.mode in ("P", "PA", "L", "RGB") and "transparency" in image.info:
            image = image.convert("RGBA")
        pixels = np.asarray(image.convert(_LOSSLESS[image.mode]), dtype=np.uint8)
    if image.mode in ("LA", "RGBA", "PA"):
        if not ignore_alpha and (pixels[..., -1] != 255).any():
            raise ValueError("it has transparent pixels; flatten the file onto a background first")
        pixels = pixels[..., 0] if image.mode == "LA" else pixels[..., :3]
    return np.ascontiguousarray(pixels)
