"""`study gradcam`: where a stored cell looks, as pictures and as numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from data.store import Store


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("gradcam")(gradcam_command)


def gradcam_command(
    store: Annotated[
        Path | None, typer.Argument(help="Folder of the store; default the newest under runs/.")
    ] = None,
    cell: Annotated[
        list[str] | None,
        typer.Option(help="Id of a cell; may be repeated. Default: the best cell of each task."),
    ] = None,
    per_kind: Annotated[int, typer.Option(help="Pictures per kind (true positive, …) at most.")] = 2,
    data_root: Annotated[Path | None, typer.Option(help="Folder that holds the image data.")] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of weight files; default $STUDY_WEIGHTS or ~/.cache/study/weights."),
    ] = None,
) -> None:
    """Write Grad-CAM overlays of the most confident test images of each kind, and print what they show.

    The best cell of a task has the highest validation AUC. `energy` is the share of a map inside the lesion
    mask, `mask` the mask's share of the image: what a map without any preference would give.

    Example: study gradcam runs/demo --per-kind 3
    """
    from rich.console import Console

    from data.store import Store
    from study.config import parse_study
    from study.rich_tables import print_table
    from study.run.explain import explain_cell
    from study.stores import newest_store
    from training.weights_files import default_weights_dir

    opened = Store.open(store or newest_store())
    config = parse_study(opened.read_study(), source=str(opened.root / "study.toml"))
    folder = weights_dir or default_weights_dir()
    found = []
    for row in _chosen(opened, cell or []).itertuples():
        rows = explain_cell(opened, config, row, data_root=data_root, weights_dir=folder, per_kind=per_kind)
        found += [_line(item) for item in rows.itertuples()]
    columns = ("task", "cell", "kind", "image", "true class", "score", "energy", "mask")
    print_table(Console(), "Grad-CAM of the predicted class, test images", columns, found, texts=5)
    typer.echo(f"Pictures and maps: {opened.gradcam_dir()}")


def _chosen(store: "Store", names: list[str]) -> "pd.DataFrame":
    """The named cells, or the best of each task; all have a checkpoint."""
    from study.run.explain import best_cells
    from study.stores import planned_cells

    planned = planned_cells(store)
    kept = [name for name in planned["cell_id"] if store.checkpoint_path(name).exists()]
    if not kept:
        raise ValueError(
            f"No cell of '{store.root}' has a checkpoint. Run `study run-grid` to the end first."
        )
    without = [name for name in names if name not in kept]
    if without:
        raise ValueError(
            f"Cell {', '.join(without)} has no checkpoint in '{store.root}'; "
            f"these have one: {', '.join(kept)}."
        )
    return planned[planned["cell_id"].isin(names)] if names else best_cells(store)


def _line(item: Any) -> tuple[str, ...]:
    import pandas as pd

    from study.rich_tables import number

    shares = (item.energy_in_mask, item.mask_share)
    energy, share = (None if pd.isna(value) else float(value) for value in shares)
    words = (item.task, item.cell_id, item.kind, item.image_id, item.true_class)
    return (*words, number(item.score, 3), number(energy, 3), number(share, 3))
