"""What the commands of `study data` share: options, steps, and words for counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from data.dataset import Dataset, DatasetInfo
    from data.fetch.source import SourceFile

Root = Annotated[Path | None, typer.Option("--data-root", help="Folder with the data.")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="Option of the data set, key=value; may be repeated."),
]


def load(
    name: str,
    data_root: Path | None,
    options: Mapping[str, Any],
    *,
    unreadable: Literal["raise", "list"] = "raise",
) -> Dataset:
    """Read a data set; where it is missing, the error holds the steps to get it.

    `unreadable` : see `data.registry.load_dataset`

    Raises
    ------
    ValueError : unknown name or option, or data that cannot be used
    FileNotFoundError, NotADirectoryError : the data are not there
    """
    from data.registry import dataset_info, load_dataset

    try:
        return load_dataset(name, data_root=data_root, options=options, unreadable=unreadable)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}\n{steps_text(dataset_info(name))}") from error


def steps_text(info: DatasetInfo) -> str:
    """The steps to get a data set, numbered, one per line."""
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(info.steps, start=1))


def sources_text(sources: Iterable[SourceFile]) -> str:
    """Name, size, hash and address of the files of a data set, one per line."""
    from data.fetch.source import hash_text, size_text

    return "\n".join(
        f"file {source.name}: {size_text(source.size)}, {hash_text(source)}, {source.url}"
        for source in sources
    )


def parse_options(texts: list[str] | None) -> dict[str, Any]:
    """Options given as key=value; a value that reads as a number becomes one.

    Raises
    ------
    ValueError : a text without "=" or without a key
    """
    options: dict[str, Any] = {}
    for text in texts or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise ValueError(f"`--option` must be key=value, but {text!r} came; for example path=images.csv.")
        options[key] = _number(value)
    return options


def counts_text(counts: Mapping[str, int]) -> str:
    """Counts per class in words: "benign 437, malignant 210"."""
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
