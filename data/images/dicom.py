"""Single DICOM frames as 8-bit pixels; whatever would need another choice than the window is refused."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.images.window import Window, apply_window, full_range

_FAULTS = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
_NO_WINDOW = "have no window of their own: the full range of their stored bits is shown"
_SEVERAL = "have several windows: the first one is used"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFrame:
    """One frame, ready to use.

    Attributes
    ----------
    pixels : uint8 array (height, width), or (height, width, 3) for RGB
    mode : photometric interpretation of the file
    note : what was decided for want of a statement in the file; completes "3 DICOM files ..."
    """

    pixels: np.ndarray
    mode: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What the header says of the pixels; `windows` are (centre, width)."""

    syntax: Any
    frames: int
    samples: int
    photometric: str
    bits: int
    signed: bool
    slope: float
    intercept: float
    tables: tuple[str, ...]
    windows: tuple[tuple[float, float], ...]
    function: str


def is_dicom(content: bytes) -> bool:
    """Whether these are the bytes of a DICOM file (128 bytes of preamble, then DICM)."""
    return content[128:132] == b"DICM"


def decode_dicom(content: bytes, window: Window = "file") -> DicomFrame:
    """Turn the one frame of a DICOM file into 8-bit pixels.

    Stored values are rescaled (slope, intercept), windowed, and inverted for MONOCHROME1. Without a window of
    its own a file shows the full range of its stored bits, and `note` says so where these are more than 8.

    Parameters
    ----------
    window : "file" (the first window of the file, with its function), "full", or (centre, width)

    Raises
    ------
    ValueError : damaged file, several frames, compressed pixels, colours other than RGB, lookup tables; the
        message is a reason without the file's name

    Notes
    -----
    Source: DICOM PS3.3 C.11.1 (rescale), C.11.2 (window), C.7.6.3.1.2 (photometric interpretation). Checked
    against pydicom's own windowing (tests/data/images/test_dicom.py).
    """
    import pydicom
    from pydicom.errors import BytesLengthException, InvalidDicomError

    faults = (*_FAULTS, BytesLengthException, InvalidDicomError)
    try:
        file = pydicom.dcmread(io.BytesIO(content))
        header = _header(file)
    except faults as error:
        raise ValueError(f"a damaged or incomplete DICOM file: {error}") from error
    _refuse(header)
    try:
        stored = np.asarray(file.pixel_array)
    except faults as error:
        raise ValueError(f"a damaged or incomplete DICOM file: {error}") from error
    if header.samples == 3:
        return DicomFrame(pixels=np.ascontiguousarray(stored), mode=header.photometric)
    grey, note = _grey(stored, header, window)
    pixels = np.rint(grey).astype(np.uint8)
    if header.photometric == "MONOCHROME1":
        pixels = 255 - pixels
    return DicomFrame(pixels=pixels, mode=header.photometric, note=note)


def _grey(stored: np.ndarray, header: _Header, window: Window) -> tuple[np.ndarray, str | None]:
    """Values from 0 to 255, and what had to be decided."""
    values = stored.astype(np.float64) * header.slope + header.intercept
    if isinstance(window, tuple):
        return apply_window(values, *window), None
    if window == "file" and header.windows:
        note = _SEVERAL if len(header.windows) > 1 else None
        return apply_window(values, *header.windows[0], header.function), note
    if window == "file" and "VOI LUT Sequence" in header.tables:
        raise ValueError(
            "it has a lookup table (VOI LUT Sequence) instead of a window; give the option `window`"
        )
    first = -(2 ** (header.bits - 1)) if header.signed else 0
    ends = [end * header.slope + header.intercept for end in (first, first + 2**header.bits - 1)]
    note = _NO_WINDOW if window == "file" and header.bits > 8 else None
    return full_range(values, min(ends), max(ends)), note


def _header(file: Any) -> _Header:
    tables = [
        name
        for name, keyword in (
            ("Modality LUT Sequence", "ModalityLUTSequence"),
            ("VOI LUT Sequence", "VOILUTSequence"),
        )
        if file.get(keyword)
    ]
    centers, widths = _numbers(file.get("WindowCenter")), _numbers(file.get("WindowWidth"))
    if len(centers) != len(widths):
        raise ValueError(f"{len(centers)} window centre(s), but {len(widths)} width(s)")
    return _Header(
        syntax=file.file_meta.TransferSyntaxUID,
        frames=int(file.get("NumberOfFrames") or 1),
        samples=int(file.SamplesPerPixel),
        photometric=str(file.PhotometricInterpretation),
        bits=int(file.BitsStored),
        signed=bool(file.PixelRepresentation),
        slope=next(iter(_numbers(file.get("RescaleSlope"))), 1.0),
        intercept=next(iter(_numbers(file.get("RescaleIntercept"))), 0.0),
        tables=tuple(tables),
        windows=tuple(zip(centers, widths, strict=True)),
        function=str(file.get("VOILUTFunction") or "LINEAR"),
    )


def _refuse(header: _Header) -> None:
    if header.frames > 1:
        raise ValueError(
            f"it holds {header.frames} frames, but one is needed; write the frames into files of their own"
        )
    if header.syntax.is_compressed:
        raise ValueError(
            f"its pixels are compressed ({header.syntax.name}); write it uncompressed first, for example "
            "with gdcmconv --raw"
        )
    if header.photometric not in ("MONOCHROME1", "MONOCHROME2", "RGB"):
        raise ValueError(
            f"its photometric interpretation is {header.photometric}; MONOCHROME1, MONOCHROME2 or RGB is "
            "needed; convert the file first"
        )
    if header.samples != (3 if header.photometric == "RGB" else 1):
        raise ValueError(f"{header.photometric} with {header.samples} sample(s) per pixel is contradictory")
    if header.samples == 3 and header.bits != 8:
        raise ValueError(f"RGB of {header.bits} bits, but 8 bits are needed; convert the file first")
    if header.slope == 0 or not np.isfinite([header.slope, header.intercept]).all():
        raise ValueError(
            f"its rescale slope {header.slope:g} and intercept {header.intercept:g} are impossible; correct "
            "the file"
        )
    if "Modality LUT Sequence" in header.tables:
        raise ValueError(
            "it has a lookup table (Modality LUT Sequence) instead of slope and intercept; convert the file "
            "first"
        )


def _numbers(value: Any) -> list[float]:
    """One number, several, or none, as DICOM fields hold them."""
    if value is None or value == "":
        return []
    try:
        return [float(value)]
    except TypeError:
        return [float(part) for part in value]
