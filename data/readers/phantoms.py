"""Procedural images as data sets; the generator is imported only when images are made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.dataset import Dataset
from data.phantoms.info import phantom_info
from data.readers.reader import Option, Reader

_OPTIONS = (
    Option(name="n_patients", kind="whole number", help="patients of 1 to 4 images", default=160),
    Option(name="size", kind="whole number", help="pixels per side, from 32", default=96),
    Option(name="difficulty", kind="number", help="0 = the classes differ most, 1 = not at all", default=0.5),
    Option(name="seed", kind="whole number", help="which images are drawn", default=0),
)


def _load_breast(data_root: Path | None, options: Mapping[str, Any]) -> Dataset:
    from data.phantoms.generate import load_phantoms

    return load_phantoms("breast", **options)


def _load_knee(data_root: Path | None, options: Mapping[str, Any]) -> Dataset:
    from data.phantoms.generate import load_phantoms

    return load_phantoms("knee", **options)


PHANTOM_BREAST = Reader(info=phantom_info("breast"), load=_load_breast, find=None, options=_OPTIONS)
PHANTOM_KNEE = Reader(info=phantom_info("knee"), load=_load_knee, find=None, options=_OPTIONS)
