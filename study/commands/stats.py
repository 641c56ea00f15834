"""`study stats`: the planned comparisons of a store, or the paper's own tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from data.store import Store
    from study.analyses.grid_data import GridData
    from study.config import AnalysisPlan


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("stats")(stats_command)


def stats_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="TOML file with another [analysis] table; what the study did not plan is marked."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Compute the tables of the paper anew (3-5, 8, 9, 11-14).")
    ] = False,
) -> None:
    """Run the analysis plan of a store, write the result tables and say what was found.

    Example: study stats runs/demo
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    if published:
        if store is not None or plan is not None:
            raise ValueError("--published takes no store and no --plan; it works on the shipped grid.")
        _print_published(console)
        return
    from data.analysed import ANALYSED
    from data.store import Store
    from study.analyse import analyse
    from study.analyses.grid_data import load_grid
    from study.analyses.printed import print_results
    from study.gradcam.printed import print_saliency
    from study.gradcam.tables import write_saliency_tables
    from study.imports.study_file import parse_stored_plan
    from study.stores import newest_store

    opened = Store.open(store or newest_store())
    own = parse_stored_plan(opened.read_study(), source=f"{opened.where}/study.toml")
    chosen = own if plan is None else _read_plan(plan)
    data = load_grid(opened)
    opened = data.store
    tables = analyse(opened, chosen, own_plan=own, data=data, record=False)
    print_results(console, tables)
    maps = write_saliency_tables(opened, conf_level=own.conf_level)
    opened.write_result(ANALYSED, tables[ANALYSED])
    print_saliency(console, {"saliency": maps["saliency"]})  # `study gradcam` prints all of them
    _name_missing(opened)
    _referee(console, data)
    console.print(f"\nTables: {opened.where}/results (parquet and CSV)", soft_wrap=True)
    typer.echo(f"Next: study manuscript {opened.where}")


def _referee(console: Console, data: GridData) -> None:
    """Write the referee's findings beside the results and say how many there are, errors by name."""
    from study.referee.report import counts_text
    from study.referee.table import referee_store

    findings = referee_store(data.store, data)
    for finding in findings:
        if finding.severity == "error":
            console.print(f"ERROR {finding.code}: {finding.sentence}", soft_wrap=True)
    console.print(f"\nReferee: {counts_text(findings)} (study audit {data.store.where})", soft_wrap=True)


def _print_published(console: Console) -> None:
    from data.published_grid import load_published_grid
    from manuscript.published.beyond import beyond_published
    from manuscript.published.compare import published_tables
    from study.analyses.printed_published import print_beyond, print_published

    grid = load_published_grid()
    print_published(console, published_tables(grid))
    print_beyond(console, beyond_published(grid))


def _read_plan(path: Path) -> AnalysisPlan:
    from study.config import parse_analysis

    if not path.is_file():
        raise FileNotFoundError(f"There is no plan file '{path}'. Give a TOML file with an [analysis] table.")
    return parse_analysis(path.read_text(encoding="utf-8"), source=str(path))


def _name_missing(store: Store) -> None:
    """Name every failed cell of the grid and count those that have not run, on stderr."""
    from study.analyses.grid_data import planned_grid

    cells = planned_grid(store)
    for row in cells[cells["status"] == "failed"].itertuples():
        typer.echo(f"failed {row.cell_id}: {row.reason}", err=True)
    n_open = int((cells["status"] == "open").sum())
    if n_open:
        typer.echo(f"{n_open} of {len(cells)} planned cells have not run: study run-grid", err=True)
