"""`study gradcam`: where a stored cell looks, as pictures and as numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from data.store import Store

_NO_LESION = "no test image has a lesion mask: pictures only, nothing to measure"


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("gradcam")(gradcam_command)


def gradcam_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    cells: Annotated[
        list[str] | None,
        typer.Option(
            "--cells",
            "--cell",
            help="Ids of cells (repeat or separate by commas). Default: the best cell of "
            "each task and pretraining by validation AUC.",
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="Ids of test images to show instead (repeat or separate by commas)."),
    ] = None,
    per_kind: Annotated[int, typer.Option(help="Pictures per kind (true positive, …) at most.")] = 2,
    threshold: Annotated[
        float, typer.Option(help="Share of a map's maximum from which a pixel is marked, for the overlap.")
    ] = 0.5,
    tolerance: Annotated[
        float, typer.Option(help="Pixels beside the lesion that the pointing game still counts as a hit.")
    ] = 0.0,
    draws: Annotated[
        int, typer.Option(help="Random networks per cell for the randomisation test; 0 leaves it out.")
    ] = 1,
    seeds: Annotated[
        bool,
        typer.Option(
            "--seeds", help="Compare with the same cell of other seeds too; trains them again if needed."
        ),
    ] = False,
    data_root: Annotated[Path | None, typer.Option(help="Folder that holds the image data.")] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of weight files; default $STUDY_WEIGHTS or ~/.cache/study/weights."),
    ] = None,
) -> None:
    """Write Grad-CAM overlays of the most confident test images of each kind, and measure the maps.

    Where images have lesion masks, every such test image is measured: energy inside the lesion, pointing game
    and overlap (IoU), beside a uniform map, a centre prior and the mean mask of the training images. The
    network is then randomised from the head down: a map that stays as it was does not show what was learned.

    Example: study gradcam runs/demo --per-kind 3 --seeds
    """
    from rich.console import Console

    from data.store import Store
    from study.config import parse_study
    from study.gradcam.explain import compare_seeds, explain_row, measure_row, randomise_row
    from study.gradcam.printed import print_pictures, print_saliency
    from study.gradcam.source import CellSource
    from study.gradcam.tables import write_saliency_tables
    from study.stores import newest_store
    from training.weights_files import default_weights_dir

    opened = Store.open(store or newest_store())
    config = parse_study(opened.read_study(), source=f"{opened.where}/study.toml")
    _check(threshold=threshold, tolerance=tolerance, draws=draws)
    source = CellSource(
        store=opened,
        config=config,
        data_root=data_root,
        weights_dir=weights_dir or default_weights_dir(),
    )
    progress = Console(stderr=True, markup=False, highlight=False)
    shown = []
    for row in _chosen(opened, _split(cells)).itertuples():
        progress.print(f"{row.task}: cell {row.cell_id} ({row.pretrain}, {row.backbone})", soft_wrap=True)
        cell, rows = explain_row(source, row, per_kind=per_kind, image_ids=_split(images) or None)
        shown.append(rows)
        if not measure_row(source, cell, threshold=threshold, tolerance=tolerance):
            progress.print(f"{row.task}: {_NO_LESION}")
        if draws:
            _randomise(source, cell, draws, progress, randomise_row)
        if seeds and not compare_seeds(source, cell, note=progress.print):
            progress.print(f"{row.task}: cell {row.cell_id} has no twin of another seed")
    tables = write_saliency_tables(opened, conf_level=config.analysis.conf_level)
    console = Console(markup=False, highlight=False)
    print_pictures(console, shown)
    print_saliency(console, tables)
    typer.echo(f"Pictures and maps: {opened.where}/gradcam")


def _randomise(source: Any, cell: Any, draws: int, progress: "Console", randomise_row: Any) -> None:
    """The randomisation test, or why this cell has none."""
    if len(cell.test) < 2 or "+" in cell.settings.pretrain:
        progress.print(f"cell {cell.cell_id}: no randomisation (a fusion of trunks, or fewer than 2 images)")
        return
    randomise_row(source, cell, draws=draws)


def _check(*, threshold: float, tolerance: float, draws: int) -> None:
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"--threshold {threshold}: allowed are shares of the maximum in (0, 1].")
    if not tolerance >= 0.0:
        raise ValueError(f"--tolerance {tolerance}: allowed are pixels from 0.")
    if draws < 0:
        raise ValueError(f"--draws {draws}: allowed are whole numbers from 0.")


def _split(words: list[str] | None) -> list[str]:
    """Names from repeated options and from lists with commas, each once."""
    names = [name.strip() for word in words or [] for name in word.split(",")]
    return list(dict.fromkeys(name for name in names if name))


def _chosen(store: "Store", names: list[str]) -> "pd.DataFrame":
    """The named cells, or the best of each task and pretraining; all have a checkpoint."""
    from study.gradcam.cells import best_cells_per_pretraining, named_cells

    found = best_cells_per_pretraining(store)
    if found.empty:
        raise ValueError(
            f"No cell of '{store.where}' has a checkpoint. Run `study run-grid` to the end first."
        )
    return named_cells(store, names) if names else found
