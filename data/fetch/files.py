"""The files of a data set, brought to its folder and unpacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from data.fetch.download import download
from data.fetch.source import SourceFile
from data.fetch.unpack import archive_stem, unpack

Progress = Callable[[str, int, int | None], None]
"""Called with (file name, bytes here, bytes in all or None where the server does not say)."""


def fetch_files(
    sources: Sequence[SourceFile], folder: Path, *, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Download files into a folder and unpack archives there; what is there already is kept.

    An archive NAME.zip becomes the folder NAME beside it, and stays.

    Returns
    -------
    paths of the files, for archives of the unpacked folders

    Raises
    ------
    ValueError, OSError : as `data.fetch.download.download` and `data.fetch.unpack.unpack` say
    """
    return tuple(_fetch(source, Path(folder), progress) for source in sources)


def place_of(source: SourceFile, folder: Path) -> Path:
    """Where a file, or the content of an archive, lies below `folder`."""
    return Path(folder) / (archive_stem(source.name) if source.unpack else source.name)


def _fetch(source: SourceFile, folder: Path, progress: Progress | None) -> Path:
    place = place_of(source, folder)
    if source.unpack and place.is_dir():
        return place
    report = None if progress is None else lambda done, total: progress(source.name, done, total)
    file = download(source, folder, progress=report)
    if source.unpack:
        unpack(file, place)
    return place
