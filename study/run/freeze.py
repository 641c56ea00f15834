"""The study file, the planned grid and the networks of its cells as the store keeps them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from data.atomic import write_parquet, write_text
from data.store import Store
from data.tables import read_table
from study.config import LoadedStudy, parse_study, study_hash
from study.run.prepare import PlannedCell, grid_frame


def freeze_study(store: Store, study: LoadedStudy) -> tuple[str, ...]:
    """Write the study file into the store; an earlier version is kept beside it and named in a note."""
    path = store.root / "study.toml"
    if not path.exists():
        store.write_study(study.text)
        return ()
    earlier = store.read_study()
    if earlier == study.text:
        return ()
    before = parse_study(earlier, source=str(path))
    store.write_study(study.text)
    if study_hash(before) == study.hash:
        return ()
    kept = path.with_name(f"study.{study_hash(before)[:8]}.toml")
    write_text(kept, earlier)
    what = "analysis plan" if before.analysis != study.config.analysis else "grid or protocol"
    return (
        f"The {what} differs from the one that this store held; "
        f"the earlier study file is kept as {kept.name}.",
    )


def freeze_grid(
    store: Store, study: LoadedStudy, planned: Sequence[PlannedCell], *, backend: str = "torch"
) -> None:
    """Write the planned cells; a run on a part of the grid adds to what the same study planned before.

    Cells planned with another backend are no part of the grid any more: it never mixes two.
    """
    planner = study.hash if backend == "torch" else f"{study.hash} {backend}"
    frame = grid_frame(planned).assign(study=planner)
    path = grid_path(store)
    if path.exists():
        earlier = read_table(path)
        same = earlier[(earlier["study"] == planner) & ~earlier["index"].isin(frame["index"])]
        if len(same):
            frame = pd.concat([same, frame]).sort_values("index", ignore_index=True)
    write_parquet(path, frame)


def freeze_architecture(store: Store, planned: Sequence[PlannedCell]) -> None:
    """Write the layers of every different network of the planned cells as `architecture.parquet`.

    Networks of earlier runs stay; the columns are those of `training.architecture.architecture`.
    """
    from training.architecture import NETWORK_COLUMNS, architecture
    from training.settings import CellSettings

    frame = architecture(CellSettings(**item.cell.columns) for item in planned)
    path = store.root / "architecture.parquet"
    if path.exists():
        earlier = read_table(path)
        known = set(_rows(frame, NETWORK_COLUMNS))
        other = earlier[[network not in known for network in _rows(earlier, NETWORK_COLUMNS)]]
        if len(other):
            frame = pd.concat([other.astype(frame.dtypes.to_dict()), frame], ignore_index=True)
    write_parquet(path, frame)


def _rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Values of some columns, a tuple per row, with None for whatever stands for a missing value."""
    rows = frame[list(columns)].itertuples(index=False, name=None)
    return [tuple(None if pd.isna(value) else value for value in row) for row in rows]


def grid_path(store: Store) -> Path:
    """Where the store keeps its planned grid."""
    return store.root / "grid.parquet"
