"""`study data check`: whether a data set is here and sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Option, Root, counts_text, load, parse_options

if TYPE_CHECKING:
    from data.dataset import Dataset


def check_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    data_root: Root = None,
    option: Option = None,
) -> None:
    """Open every image of a data set and report its counts, its defects, and all files that cannot be read.

    Exit code 2 if there are such files: `study run-grid` would refuse the set.

    Example: study data check busi --data-root downloads
    """
    from data.dataset import manifest_hash

    dataset = load(name, data_root, parse_options(option), unreadable="list")
    manifest = dataset.manifest
    n_unreadable = len(dataset.unreadable)
    state = f"{n_unreadable} more cannot be read" if n_unreadable else "all readable"
    typer.echo(f"{name}: {len(manifest)} images, {state}")
    typer.echo(f"classes: {counts_text(dataset.info.class_counts or _class_counts(dataset))}")
    sizes = [_range(manifest[side]) for side in ("width", "height")]
    typer.echo(
        f"pixels: {sizes[0]} wide, {sizes[1]} high; {int(manifest['mask_path'].notna().sum())} with mask"
    )
    groups = manifest["group_id"].nunique()
    typer.echo(f"patients or exams: {groups if groups else 'no ids'}")
    typer.echo(f"manifest hash: {manifest_hash(manifest)}")
    for note in dataset.notes:
        typer.echo(f"note: {note}")
    for path, reason in dataset.unreadable.itertuples(index=False, name=None):
        typer.echo(f"cannot be read: '{path}' ({reason})")
    if n_unreadable:
        raise typer.Exit(2)


def _class_counts(dataset: Dataset) -> dict[str, int]:
    return {str(name): int(n) for name, n in dataset.manifest["class"].value_counts().sort_index().items()}


def _range(values: Any) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
