"""`study data split`: how the images of a data set divide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Option, Root, counts_text, load, parse_options

if TYPE_CHECKING:
    from study.config import SplitConfig

_PARTS = ("train", "val", "test")


def split_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    positive: Annotated[list[str], typer.Option("--positive", "-p", help="Positive class; may be repeated.")],
    train: Annotated[float | None, typer.Option(help="Share for training; default 0.75.")] = None,
    val: Annotated[float, typer.Option(help="Share for validation.")] = 0.15,
    test: Annotated[float | None, typer.Option(help="Share for testing; default 0.10.")] = None,
    stratify: Annotated[bool, typer.Option(help="Equal shares of positive images.")] = True,
    group: Annotated[str, typer.Option(help="Kept together: patient (or exam), or image.")] = "patient",
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 42,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: test each image in one of so many folds.")
    ] = None,
    data_root: Root = None,
    option: Option = None,
) -> None:
    """Show how the images of a data set divide, and how far the parts are independent.

    Where the data are not here, the counts come from the published ones.

    Example: study data split busi --positive malignant --data-root downloads

    Example: study data split busi --positive malignant --folds 5 --val 0.15
    """
    from data.labels import with_labels
    from data.registry import dataset_available, dataset_info
    from data.splits.folds import fold_split
    from data.splits.split import split_hash
    from study.run.prepare import divide, division_notes

    options = parse_options(option)
    config = _split_config(train, val, test, stratify=stratify, group=group, seed=seed, folds=folds)
    info = dataset_info(name)
    available, reason = dataset_available(name, data_root, options)
    if not available and info.class_counts is not None:
        typer.echo(f"{reason}\nCounts from the published {counts_text(info.class_counts)}:")
        _print_published(info.class_counts, positive, config)
        return
    dataset = load(name, data_root, options)
    manifest = with_labels(dataset.manifest, positive)
    split = divide(manifest, config)
    for fold in range(config.folds or 1):
        own = fold_split(split, fold)
        if config.folds:
            typer.echo(f"fold {fold}")
        _print_parts(own, manifest)
        typer.echo(f"split hash: {split_hash(own)}")
    for note in (*dataset.notes, *division_notes(split, manifest, config)):
        typer.echo(f"note: {note}")


def _split_config(train: float | None, val: float, test: float | None, **others: Any) -> SplitConfig:
    """The split as a study file would hold it; shares that were not given take the usual ones."""
    from study.config import SplitConfig
    from study.config.load import validate

    given = {"train": train, "val": val, "test": test} | others
    return validate(SplitConfig, {k: v for k, v in given.items() if v is not None}, "study data split")


def _print_parts(split: Any, manifest: Any) -> None:
    from data.splits.split import split_report

    report = split_report(split, manifest)
    for part in _PARTS:
        rows = report[report["split"] == part]
        n_positive = int(rows.loc[rows["label"] == 1, "n_images"].sum())
        classes = counts_text(dict(zip(rows["class"], rows["n_images"], strict=True)))
        typer.echo(f"{part:>5} {int(rows['n_images'].sum()):6} images, {n_positive} positive: {classes}")


def _print_published(class_counts: Mapping[str, int], positive: list[str], config: SplitConfig) -> None:
    from data.labels import check_positive
    from data.splits.folds import fold_counts
    from data.splits.split import label_counts

    check_positive(positive, list(class_counts))
    n_positive = sum(class_counts[name] for name in set(positive))
    counts = {"positive": n_positive, "negative": sum(class_counts.values()) - n_positive}
    if config.folds:
        for fold, parts in enumerate(fold_counts(sum(counts.values()), folds=config.folds, val=config.val)):
            typer.echo(f"fold {fold}: {', '.join(f'{part} {n}' for part, n in parts.items())} images")
        return
    shares = {part: getattr(config, part) for part in _PARTS}
    for part, row in label_counts(counts, **shares).items():
        typer.echo(f"{part:>5} {sum(row.values()):6} images, {row['positive']} positive")
