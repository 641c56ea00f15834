"""`study data`: which data sets there are, whether they are here and sound, and how they divide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from data.dataset import Dataset, DatasetInfo
    from study.config import SplitConfig

_PARTS = ("train", "val", "test")

_Root = Annotated[Path | None, typer.Option("--data-root", help="Folder with the data.")]
_Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="Option of the data set, key=value; may be repeated."),
]

app = typer.Typer(no_args_is_help=True, help="List, check and divide data sets.")


def register(root: typer.Typer) -> None:
    """Put the commands on the root application."""
    root.add_typer(app, name="data")


@app.command("list")
def list_command(
    name: Annotated[str | None, typer.Argument(help="One data set, with the steps to get it.")] = None,
    data_root: _Root = None,
) -> None:
    """List the data sets that a study file may name, or tell all about one.

    Example: study data list busi
    """
    from data.registry import dataset_info, dataset_names

    if name is not None:
        _print_info(dataset_info(name), _place(name, data_root, {}))
        return
    for known in dataset_names():
        info = dataset_info(known)
        counts = info.class_counts
        images = f"{sum(counts.values())} images ({_counts(counts)})" if counts else "any number of images"
        typer.echo(f"{known}: {info.title}; {images}")
        typer.echo(f"    {_place(known, data_root, {})}")
    typer.echo("`study data list NAME` tells how to get one.")


@app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    data_root: _Root = None,
    option: _Option = None,
) -> None:
    """Open every image of a data set and report its counts and defects.

    Example: study data check busi --data-root downloads
    """
    from data.dataset import manifest_hash

    dataset = _load(name, data_root, _options(option))
    manifest = dataset.manifest
    typer.echo(f"{name}: {len(manifest)} images, all readable")
    typer.echo(f"classes: {_counts(dataset.info.class_counts or _class_counts(dataset))}")
    sizes = [_range(manifest[side]) for side in ("width", "height")]
    typer.echo(
        f"pixels: {sizes[0]} wide, {sizes[1]} high; {int(manifest['mask_path'].notna().sum())} with mask"
    )
    groups = manifest["group_id"].nunique()
    typer.echo(f"patients or exams: {groups if groups else 'no ids'}")
    typer.echo(f"manifest hash: {manifest_hash(manifest)}")
    for note in dataset.notes:
        typer.echo(f"note: {note}")


@app.command("split")
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
    data_root: _Root = None,
    option: _Option = None,
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

    options = _options(option)
    config = _split_config(train, val, test, stratify=stratify, group=group, seed=seed, folds=folds)
    info = dataset_info(name)
    available, reason = dataset_available(name, data_root, options)
    if not available and info.class_counts is not None:
        typer.echo(f"{reason}\nCounts from the published {_counts(info.class_counts)}:")
        _print_published(info.class_counts, positive, config)
        return
    dataset = _load(name, data_root, options)
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
        classes = _counts(dict(zip(rows["class"], rows["n_images"], strict=True)))
        typer.echo(f"{part:>5} {int(rows['n_images'].sum()):6} images, {n_positive} positive: {classes}")


def _load(name: str, data_root: Path | None, options: Mapping[str, Any]) -> Dataset:
    from data.registry import dataset_info, load_dataset

    try:
        return load_dataset(name, data_root=data_root, options=options)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}\n{_steps(dataset_info(name))}") from error


def _print_info(info: DatasetInfo, place: str) -> None:
    typer.echo(f"{info.name}: {info.title}")
    typer.echo(f"modality: {info.modality}")
    if info.class_counts:
        typer.echo(f"images: {sum(info.class_counts.values())} ({_counts(info.class_counts)})")
    elif info.classes:
        typer.echo(f"classes: {', '.join(info.classes)}")
    groups = "" if info.n_groups is None else f" ({info.n_groups})"
    typer.echo(f"independent unit: {info.unit}{groups}")
    for label, text in (("licence", info.licence), ("cite", info.citation), ("home", info.homepage)):
        if text:
            typer.echo(f"{label}: {text}")
    typer.echo(place)
    typer.echo(_steps(info))


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


def _place(name: str, data_root: Path | None, options: Mapping[str, Any]) -> str:
    from data.registry import dataset_available

    if name in ("folder", "manifest"):
        return "your own images; named by the option `path`"
    available, reason = dataset_available(name, data_root, options)
    return reason if available else f"not here: {reason}"


def _steps(info: DatasetInfo) -> str:
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(info.steps, start=1))


def _options(texts: list[str] | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in texts or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise ValueError(f"`--option` must be key=value, but {text!r} came; for example path=images.csv.")
        options[key] = _number(value)
    return options


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _class_counts(dataset: Dataset) -> dict[str, int]:
    return {str(name): int(n) for name, n in dataset.manifest["class"].value_counts().sort_index().items()}


def _range(values: Any) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
