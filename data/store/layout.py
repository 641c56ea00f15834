"""The names of a store's files; every part that comes from outside is checked."""

from __future__ import annotations

from data.names import check_name

STUDY, RUN, GRID, INDEX = "study.toml", "run.json", "grid.parquet", "cells.parquet"
CELLS, CHECKPOINTS, FEATURES, GRADCAM, RESULTS = "cells", "checkpoints", "features", "gradcam", "results"
PACKS = "packs"
RESULT_INDEX = f"{RESULTS}/checksums.json"


def row_name(cell_id: str) -> str:
    """The file that makes a cell exist."""
    return f"{CELLS}/{check_name('cell_id', cell_id)}.json"


def part_name(part: str, task: str, cell_id: str) -> str:
    """Predictions or history of a cell."""
    return f"{part}/task={check_name('task', task)}/{check_name('cell_id', cell_id)}.parquet"


def task_name(folder: str, task: str) -> str:
    """A table of a task: manifest, splits or exclusions."""
    return f"{folder}/{check_name('task', task)}.parquet"


def result_name(table: str, suffix: str = ".parquet") -> str:
    """A result table."""
    return f"{RESULTS}/{check_name('result table', table)}{suffix}"


def checkpoint_name(cell_id: str) -> str:
    """Trained tensors of a cell."""
    return f"{CHECKPOINTS}/{check_name('cell_id', cell_id)}.safetensors"


def features_name(group_key: str) -> str:
    """Folder of a group's cached features."""
    return f"{FEATURES}/{check_name('group_key', group_key)}"


def stem(name: str) -> str:
    """The last part of a file's name without its last suffix, as `Path.stem`."""
    return name.rpartition("/")[2].rpartition(".")[0]
