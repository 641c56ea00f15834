"""Predictions of a stored cell on image files: which files, what could not be read, one row per image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.images.decode import square_image
from data.images.pixels import IMAGE_SUFFIXES, read_pixels
from data.images.window import Window, parse_window

if TYPE_CHECKING:
    from study.config import TaskConfig

# As in folders of a data set: segmentations lie beside their image.
_MASK_STEM = re.compile(r"(?P<image>.+)_mask(_\d+)?")
COLUMNS = ("image", "score", "logit_0", "logit_1")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePredictions:
    """Predictions and what is missing from them.

    Attributes
    ----------
    cell_id : the cell that predicted;  positive : the classes that `score` speaks of, empty if unknown
    rows : frame with COLUMNS, one row per readable image in the order of `image_files`; score float64,
        logits float32
    unreadable : file -> reason
    """

    cell_id: str
    positive: tuple[str, ...]
    rows: pd.DataFrame
    unreadable: dict[str, str]


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths`, and the images in the folders among them, each once.

    Folders are searched as a whole, in the order of their paths, for files that end in .png, .jpg, .bmp, .tif
    or .dcm. Hidden files are left out, and masks (`x_mask.png` or `x_mask_1.png` beside an image `x`).

    Raises
    ------
    FileNotFoundError : a path that does not exist
    ValueError : a folder without images
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder '{path}'.")
        if path.is_dir():
            inside = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in IMAGE_SUFFIXES
                and not _is_mask(file)
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
            if not inside:
                raise ValueError(
                    f"The folder '{path}' holds no image; files must end in {', '.join(IMAGE_SUFFIXES)}."
                )
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def predict_files(
    checkpoint: Path, paths: Sequence[Path], *, weights_dir: Path, device: str = "auto"
) -> FilePredictions:
    """Score image files with the cell of a checkpoint.

    Images are resized and preprocessed as those of the run were, DICOM files with the window of its task;
    nothing is augmented.

    Raises
    ------
    ValueError, OSError : see `image_files`, `training.predict.load_cell`, `training.group_input`
    """
    from training.group_input import resolve_device
    from training.metrics import positive_score
    from training.predict import BATCH, load_cell, predict_images

    where = resolve_device(device)
    files = image_files(paths)
    cell = load_cell(checkpoint, weights_dir=weights_dir)
    unreadable: dict[str, str] = {}
    names: list[str] = []
    logits = [np.empty((0, 2), dtype=np.float32)]
    task = _task(checkpoint, cell.settings.task)
    window = parse_window(task.options.get("window", "file") if task else "file")
    for read, images in _batches(files, cell.settings.image_size, BATCH, unreadable, window):
        names += read
        logits.append(predict_images(cell, images, device=where))
    found = np.concatenate(logits)
    rows = pd.DataFrame(
        {"image": names, "score": positive_score(found), "logit_0": found[:, 0], "logit_1": found[:, 1]},
        columns=list(COLUMNS),
    )
    positive = task.positive if task else ()
    return FilePredictions(cell_id=cell.cell_id, positive=positive, rows=rows, unreadable=unreadable)


def _is_mask(file: Path) -> bool:
    found = _MASK_STEM.fullmatch(file.stem)
    return found is not None and any(
        file.with_name(found["image"] + suffix).is_file() for suffix in (*IMAGE_SUFFIXES, file.suffix)
    )


def _batches(
    files: Sequence[Path], size: int, n: int, unreadable: dict[str, str], window: Window
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Names and pixels uint8 (n, 3, size, size) of n readable images at a time; the others are noted."""
    names: list[str] = []
    images: list[np.ndarray] = []
    for file in files:
        try:
            image = square_image(read_pixels(file, window=window), size)
        except (ValueError, OSError) as error:
            unreadable[str(file)] = _reason(error, file)
            continue
        names.append(str(file))
        images.append(np.stack([image] * 3) if image.ndim == 2 else image.transpose(2, 0, 1))
        if len(images) == n:
            yield names, np.stack(images)
            names, images = [], []
    if images:
        yield names, np.stack(images)


def _reason(error: ValueError | OSError, file: Path) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).removeprefix(f"The image '{file}' cannot be used: ").rstrip(".")


def _task(checkpoint: Path, task: str) -> TaskConfig | None:
    """The task in the study file of the store that the checkpoint lies in; None where there is none."""
    from study.config import parse_study

    study = checkpoint.resolve().parent.parent / "study.toml"
    if not study.is_file():
        return None
    try:
        config = parse_study(study.read_text(encoding="utf-8"), source=str(study))
    except (ValueError, OSError):
        return None
    return config.tasks.get(task)
