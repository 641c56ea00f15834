"""`study data split`: how the images of a data set divide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Option, Root, counts_text, load, parse_options

if TYPE_CHECKING:
    from study.config import SplitConfig, TaskConfig

_PARTS = ("train", "val", "test")


def split_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    positive: Annotated[list[str], typer.Option("--positive", "-p", help="Positive class; may be repeated.")],
    train: Annotated[float | None, typer.Option(help="Share for training; default 0.75.")] = None,
    val: Annotated[float | None, typer.Option(help="Share for validation; default 0.15.")] = None,
    test: Annotated[float | None, typer.Option(help="Share for testing; default 0.10.")] = None,
    stratify: Annotated[
        bool | None,
        typer.Option("--stratify/--no-stratify", help="Equal shares of positive images; the rule."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Kept together: patient (or exam; the rule), or image.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draw; default 42.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: test each image in one of so many folds.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="A given split: CSV or parquet with image_id, split and maybe fold.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The split that the data set brings.")
    ] = False,
    others: Annotated[
        str | None,
        typer.Option(help="Images that a given split does not name: refuse (the rule), leave out."),
    ] = None,
    duplicates: Annotated[
        str | None, typer.Option(help="Images of one picture: keep (the rule), drop, or group.")
    ] = None,
    label_conflicts: Annotated[
        str | None, typer.Option(help="Pictures under both labels: keep (the rule), drop, or error.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the split to this CSV or parquet file.")] = None,
    data_root: Root = None,
    option: Option = None,
) -> None:
    """Show how the images of a data set divide, and how far the parts are independent.

    Where the data are not here, the counts come from the published ones. A file from --out is a split that a
    study takes by split = { file = "FILE" }, and --file here: relative to --data-root, or to the current
    folder.

    Example: study data split busi --positive malignant --data-root downloads --out busi-split.csv

    Example: study data split busi --positive malignant --folds 5 --duplicates group
    """
    from data.registry import dataset_available, dataset_info
    from study.run.divide import divide

    draw = {"train": train, "val": val, "test": test, "stratify": stratify, "group": group, "seed": seed}
    given = {"folds": folds, "file": file, "published": published or None, "others": others}
    options = parse_options(option)
    policies = {"duplicates": duplicates, "label_conflicts": label_conflicts}
    config = _task_config(name, positive, options, draw | given, policies)
    info = dataset_info(name)
    available, reason = dataset_available(name, data_root, options)
    if not available and info.class_counts is not None and not config.split.fixed and out is None:
        typer.echo(f"{reason}\nCounts from the published {counts_text(info.class_counts)}:")
        _print_published(info.class_counts, positive, config.split)
        return
    dataset = load(name, data_root, options)
    division = divide(dataset, config, data_root)
    _print_division(division, folds=config.split.folds)
    for note in (*dataset.notes, *division.notes):
        typer.echo(f"note: {note}")
    if out is not None:
        from data.splits.fixed import write_split_file

        typer.echo(f"written: {out} (SHA-256 {write_split_file(out, division.split)})")


def _task_config(
    name: str,
    positive: list[str],
    options: dict[str, Any],
    split: dict[str, Any],
    policies: dict[str, str | None],
) -> TaskConfig:
    """The task as a study file would hold it; what was not given takes the usual value."""
    from study.config import TaskConfig
    from study.config.load import validate

    content = {"dataset": name, "positive": positive, "options": options}
    content["split"] = {key: value for key, value in split.items() if value is not None}
    content |= {key: value for key, value in policies.items() if value is not None}
    return validate(TaskConfig, content, "study data split")


def _print_division(division: Any, *, folds: int | None) -> None:
    from data.splits.folds import fold_split
    from data.splits.split import split_hash

    for fold in range(folds or 1):
        own = fold_split(division.split, fold)
        if folds:
            typer.echo(f"fold {fold}")
        _print_parts(own, division.manifest)
        typer.echo(f"split hash: {split_hash(own)}")
    if len(division.exclusions):
        reasons = division.exclusions["reason"].value_counts().sort_index()
        typer.echo(f"left out: {len(division.exclusions)} images, {counts_text(dict(reasons))}")


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
