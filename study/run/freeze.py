"""The study file, the planned grid and the networks of its cells as the store keeps them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from data.store import Store
from study.config import LoadedStudy, parse_study, study_hash
from study.run.prepare import PlannedCell, grid_frame

_ARCHITECTURE = "architecture.parquet"


def freeze_study(store: Store, study: LoadedStudy) -> tuple[str, ...]:
    """Write the study file into the store; an earlier version is kept beside it and named in a note."""
    if not store.has_study():
        store.write_study(study.text)
        return ()
    earlier = store.read_study()
    if earlier == study.text:
        return ()
    before = parse_study(earlier, source=f"{store.where}/study.toml")
    store.write_study(study.text)
    if study_hash(before) == study.hash:
        return ()
    kept = f"study.{study_hash(before)[:8]}.toml"
    store.write_file(kept, earlier.encode("utf-8"))
    what = "analysis plan" if before.analysis != study.config.analysis else "grid or protocol"
    return (
        f"The {what} differs from the one that this store held; the earlier study file is kept as {kept}.",
    )


def freeze_grid(
    store: Store, study: LoadedStudy, planned: Sequence[PlannedCell], *, backend: str = "torch"
) -> None:
    """Write the planned cells; a run on a part of the grid adds to what the same study planned before.

    Cells planned with another backend are no part of the grid any more: it never mixes two.
    """
    planner = study.hash if backend == "torch" else f"{study.hash} {backend}"
    frame = grid_frame(planned).assign(study=planner)
    earlier = store.read_grid()
    if earlier is not None:
        same = earlier[(earlier["study"] == planner) & ~earlier["index"].isin(frame["index"])]
        if len(same):
            frame = pd.concat([same, frame]).sort_values("index", ignore_index=True)
    store.write_grid(frame)


def freeze_architecture(store: Store, planned: Sequence[PlannedCell]) -> None:
    """Write the layers of every different network of the planned cells as `architecture.parquet`.

    Networks of earlier runs stay; the columns are those of `training.architecture.architecture`.
    """
    from training.architecture import NETWORK_COLUMNS, architecture
    from training.settings import CellSettings

    frame = architecture(CellSettings(**item.cell.columns) for item in planned)
    earlier = store.read_table(_ARCHITECTURE)
    if earlier is not None:
        known = set(_rows(frame, NETWORK_COLUMNS))
        other = earlier[[network not in known for network in _rows(earlier, NETWORK_COLUMNS)]]
        if len(other):
            frame = pd.concat([other.astype(frame.dtypes.to_dict()), frame], ignore_index=True)
    store.write_table(_ARCHITECTURE, frame)


def _rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Values of some columns, a tuple per row, with None for whatever stands for a missing value."""
    rows = frame[list(columns)].itertuples(index=False, name=None)
    return [tuple(None if pd.isna(value) else value for value in row) for row in rows]
