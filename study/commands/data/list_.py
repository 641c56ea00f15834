"""`study data list`: which data sets there are, and how to get one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Root, counts_text, sources_text, steps_text

if TYPE_CHECKING:
    from data.dataset import DatasetInfo
    from data.readers.reader import Option


def list_command(
    name: Annotated[str | None, typer.Argument(help="One data set, with the steps to get it.")] = None,
    data_root: Root = None,
) -> None:
    """List the data sets that a study file may name, or tell all about one.

    Example: study data list busi
    """
    from data.registry import dataset_info, dataset_names, dataset_options

    if name is not None:
        _print_info(dataset_info(name), _place(name, data_root, {}))
        _print_options(dataset_options(name))
        return
    for known in dataset_names():
        info = dataset_info(known)
        typer.echo(f"{known}: {info.title}; {_size(info)}")
        typer.echo(f"    {_place(known, data_root, {})}")
    typer.echo("`study data list NAME` tells how to get one.")


def _size(info: DatasetInfo) -> str:
    if info.class_counts:
        return f"{sum(info.class_counts.values())} images ({counts_text(info.class_counts)})"
    return f"{info.n_groups} {info.unit}s" if info.n_groups else "any number of images"


def _print_info(info: DatasetInfo, place: str) -> None:
    typer.echo(f"{info.name}: {info.title}")
    typer.echo(f"modality: {info.modality}")
    typer.echo(f"task: {info.task}")
    if info.class_counts:
        typer.echo(f"images: {sum(info.class_counts.values())} ({counts_text(info.class_counts)})")
    elif info.classes:
        typer.echo(f"classes: {', '.join(info.classes)}")
    groups = "" if info.n_groups is None else f" ({info.n_groups})"
    typer.echo(f"independent unit: {info.unit}{groups}")
    for label, text in (("licence", info.licence), ("cite", info.citation), ("home", info.homepage)):
        if text:
            typer.echo(f"{label}: {text}")
    if info.sources:
        typer.echo(sources_text(info.sources))
    typer.echo(place)
    typer.echo(steps_text(info))


def _print_options(options: Sequence[Option]) -> None:
    for option in options:
        default = "needed" if option.required else f"default {option.default}"
        choices = f"; one of {', '.join(map(str, option.choices))}" if option.choices else ""
        typer.echo(f"option {option.name}: {option.help} ({default}{choices})")


def _place(name: str, data_root: Path | None, options: Mapping[str, Any]) -> str:
    from data.registry import dataset_available

    if name in ("folder", "manifest"):
        return "your own images; named by the option `path`"
    available, reason = dataset_available(name, data_root, options)
    return reason if available else f"not here: {reason}"
