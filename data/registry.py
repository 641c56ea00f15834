"""The data sets that a study file may name: one entry each, made by its file in `data/readers/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from data.dataset import Dataset, DatasetInfo
from data.readers.assemble import refuse_unreadable
from data.readers.breast_tcia import BREAST_TCIA
from data.readers.breastmnist import BREASTMNIST
from data.readers.bus_bra import BUS_BRA
from data.readers.busi import BUSI
from data.readers.folder import FOLDER
from data.readers.manifest_file import MANIFEST
from data.readers.mrnet import MRNET
from data.readers.phantoms import PHANTOM_BREAST, PHANTOM_KNEE
from data.readers.radimagenet import RADIMAGENET_ACL, RADIMAGENET_BREAST
from data.readers.reader import Option, Reader, checked_options

_READERS: dict[str, Reader] = {
    reader.info.name: reader
    for reader in (
        BUSI,
        RADIMAGENET_BREAST,
        BREASTMNIST,
        BUS_BRA,
        BREAST_TCIA,
        RADIMAGENET_ACL,
        MRNET,
        PHANTOM_BREAST,
        PHANTOM_KNEE,
        FOLDER,
        MANIFEST,
    )
}


def dataset_names() -> tuple[str, ...]:
    """Names that `dataset` in a study file may take."""
    return tuple(_READERS)


def dataset_info(name: str) -> DatasetInfo:
    """Facts about a data set, without touching its files.

    Raises
    ------
    ValueError : unknown name; the allowed ones are listed
    """
    return _reader(name).info


def dataset_options(name: str) -> tuple[Option, ...]:
    """The options that a data set takes.

    Raises
    ------
    ValueError : unknown name; the allowed ones are listed
    """
    return _reader(name).options


def load_dataset(
    name: str,
    *,
    data_root: Path | None = None,
    options: Mapping[str, Any] | None = None,
    unreadable: Literal["raise", "list"] = "raise",
) -> Dataset:
    """Read or make a data set.

    Parameters
    ----------
    name : one of `dataset_names()`
    data_root : folder with the data; phantoms need none
    options : those of `dataset_options(name)`
    unreadable : files that cannot be read are an error ("raise"), or stand in `Dataset.unreadable` ("list")

    Raises
    ------
    ValueError : unknown name, unknown or ill-typed option, data that cannot be used, or files that cannot be
        read (the first five are named, all are counted); with "list" only if no image can be read
    FileNotFoundError, NotADirectoryError : the data are not there
    """
    reader = _reader(name)
    dataset = reader.load(data_root, checked_options(reader, options or {}))
    if unreadable == "raise":
        refuse_unreadable(dataset)
    return dataset


def dataset_available(
    name: str, data_root: Path | None, options: Mapping[str, Any] | None = None
) -> tuple[bool, str]:
    """Tell whether the data are there, and where or why not. Looks at names only, opens no image.

    Raises
    ------
    ValueError : unknown name, unknown or ill-typed option
    """
    reader = _reader(name)
    checked = checked_options(reader, options or {})
    if reader.find is None:
        return True, "made by the program when asked for"
    try:
        return True, f"found in {reader.find(data_root, checked)}"
    except (ValueError, OSError) as error:
        return False, str(error)


def _reader(name: str) -> Reader:
    if name not in _READERS:
        known = ", ".join(_READERS)
        raise ValueError(f"There is no data set {name!r}. Known are {known}. Correct `dataset`.")
    return _READERS[name]
