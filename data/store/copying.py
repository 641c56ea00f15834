"""A copy of a store elsewhere on this machine, for programs that read a folder (Quarto)."""

from __future__ import annotations

import shutil
from pathlib import Path

from data.place.remote import RemotePlace
from data.store.aside import DAMAGED
from data.store.layout import CELLS, CHECKPOINTS, FEATURES
from data.store.opening import open_place

_LEFT_OUT = (CHECKPOINTS, FEATURES, DAMAGED, "tensorboard")


def local_copy(url: str) -> Path:
    """Copy a store to the scratch folder, without what only training reads.

    Left out: checkpoints, features, curves for TensorBoard, damaged files.

    Raises
    ------
    FileNotFoundError, OSError, ValueError : see `data.store.opening.open_place`
    """
    place = open_place(url)
    if not isinstance(place, RemotePlace):
        return Path(place.where)
    root = place.scratch(CELLS).parent
    for folder in root.iterdir():
        # What is gone elsewhere must not stay here; features and checkpoints are checked when they are used.
        if folder.is_dir() and folder.name not in (FEATURES, CHECKPOINTS):
            shutil.rmtree(folder)
    (root / CELLS).mkdir(exist_ok=True)
    for name in place.walk():
        if name.partition("/")[0] not in _LEFT_OUT:
            place.local(name)
    return root
