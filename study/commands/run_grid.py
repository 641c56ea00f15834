"""`study run-grid`: train every cell of a study into a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.run.train import RunOutcome


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("run-grid")(run_grid_command)


def run_grid_command(
    study: Annotated[
        str, typer.Argument(metavar="[STUDY]", help="Shipped study or path of a study file.")
    ] = "demo",
    store: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL (s3://BUCKET/NAME, extra `remote`) of the store; default runs/NAME."
        ),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder that holds the image data.")] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of weight files; default $STUDY_WEIGHTS or ~/.cache/study/weights."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    backend: Annotated[
        str, typer.Option(help="What runs the frozen backbone: torch, or onnx (CPU, extra `onnx`).")
    ] = "torch",
    only: Annotated[
        list[str] | None, typer.Option(help="Part of the grid: factor=level[,level]; may be repeated.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Who does the work: local (this process), slurm or ray (docs/cluster.md).")
    ] = "local",
    engine_options: Annotated[
        Path | None, typer.Option(help="TOML file: what a task of the engine needs; no part of the study.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only shard I of N, counted from 0; see docs/cluster.md."),
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="Cells per unit of work that runners share; default a whole group."),
    ] = None,
    expiry: Annotated[
        float,
        typer.Option(
            min=1, max=86400, help="Seconds of silence after which other runners take over this one's work."
        ),
    ] = 60.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its cost; train nothing.")
    ] = False,
    gradcam: Annotated[
        bool, typer.Option(help="Explain the best cell of each task by Grad-CAM after training.")
    ] = True,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Learning curves in STORE/tensorboard, a run per cell."),
    ] = False,
) -> None:
    """Train every cell of the grid and store the prediction for every image.

    Cells that the store holds are kept: run the same command again after an interruption. Several machines
    that see the store may run it at the same time: they share the work.

    Example: study run-grid busi-small --data-root ~/data/busi
    """
    from rich.console import Console

    from study.config import load_study
    from study.engines.start import choose_engine
    from study.grid import build_cells, select_cells
    from study.run.portion import Portion
    from study.run.units import parse_shard
    from training.weights_files import default_weights_dir

    loaded = load_study(study)
    chosen = choose_engine(engine, engine_options)
    portion = Portion(shard=None if shard is None else parse_shard(shard), pack=pack, expiry=expiry)
    weights = weights_dir or default_weights_dir()
    if dry_run:
        from study.run.dry_run import print_dry_run

        cells = select_cells(build_cells(loaded.config), only or [], loaded.config)
        print_dry_run(Console(), loaded.config, cells, data_root=data_root, weights_dir=weights)
        return

    from study.run.progress import GridProgress
    from study.run.train import run_grid

    console = Console(stderr=True)
    root = store or str(Path("runs") / loaded.config.name)
    try:
        outcome = run_grid(
            loaded,
            root=root,
            data_root=data_root,
            weights_dir=weights,
            device=device,
            only=only or [],
            progress=GridProgress(console),
            backend=backend,
            tensorboard=tensorboard,
            portion=portion,
            engine=chosen,
        )
    except KeyboardInterrupt:
        typer.echo("Stopped. Finished cells are kept; the same command goes on from here.", err=True)
        raise typer.Exit(130) from None
    if gradcam and not outcome.left:
        from study.gradcam.explain import explain_best

        explain_best(
            outcome.store, loaded.config, data_root=data_root, weights_dir=weights, note=console.print
        )
    _tell(outcome, root, tensorboard=tensorboard)


def _tell(outcome: "RunOutcome", root: str, *, tensorboard: bool) -> None:
    """What came of the run, on stdout; what is wrong with it, on stderr."""
    others = f"{outcome.elsewhere} by other runners, " if outcome.elsewhere else ""
    typer.echo(
        f"{outcome.trained} cells trained, {others}{outcome.found} found done, "
        f"{len(outcome.failed)} failed: {root}"
    )
    for cell_id, where in outcome.collapsed.items():
        typer.echo(f"collapsed {cell_id}: one class is predicted for every image of {where}", err=True)
    for cell_id, reason in outcome.failed.items():
        typer.echo(f"failed {cell_id}: {reason}", err=True)
    if outcome.failed:
        raise typer.Exit(1)
    if tensorboard:
        typer.echo(f"Curves: tensorboard --logdir {root}/tensorboard")
    if outcome.left:
        typer.echo(f"{outcome.left} cells of the grid are left to other shards: study status {root}")
    else:
        typer.echo(f"Next: study stats {root}")
