"""What the manuscript reads: one store (or the published grid) as a `Report` of tidy tables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from data.analysed import ANALYSED, plan_hash, predictions_hash, what_changed
from data.store import Store, local_copy
from manuscript.harmless import harmless

RESULT_TABLES = (
    "metrics",
    "comparisons",
    "estimates",
    "pairs",
    "mixed_fixed",
    "mixed_random",
    "mixed_models",
    "mixed_tests",
    "mixed_shares",
    "selected",
    "split_metrics",
    "detectable",
    "roc",
    "roc_bands",
    "reliability",
    "decision",
    "data_summary",
    "data_flow",
    "data_audit",
    "data_shortcut",
    "audit_findings",
    "findings",
    "saliency",
    "saliency_tests",
    "saliency_randomisation",
    "saliency_stability",
)
PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the manuscript shows. A table that the store does not hold is None.

    Attributes
    ----------
    mode : "store", or "published" for the original study's grid without predictions
    study : the study file as nested dicts
    run : provenance of the run (empty where unknown)
    cells : one row per planned cell, with status ("done", "failed", "open") and reason
    tables : result tables by name
    history : learning history of all done cells, None where there is none
    gradcam : index of the Grad-CAM images, None where there is none
    plan_hash, predictions_hash : SHA-256 of the analysis plan and of all predictions; empty where unknown
    """

    mode: Literal["store", "published"]
    root: Path | None
    study: Mapping[str, Any]
    run: Mapping[str, Any]
    cells: pd.DataFrame
    tables: Mapping[str, pd.DataFrame | None] = field(default_factory=dict)
    history: pd.DataFrame | None = None
    gradcam: pd.DataFrame | None = None
    plan_hash: str = ""
    predictions_hash: str = ""

    def table(self, name: str) -> pd.DataFrame | None:
        """A result table with at least one row, else None."""
        frame = self.tables.get(name)
        return None if frame is None or frame.empty else frame

    def analysis(self, *names: str) -> pd.DataFrame | None:
        """The comparisons of some analyses, else None."""
        frame = self.table("comparisons")
        if frame is None:
            return None
        rows = frame[frame["analysis"].isin(names)]
        return None if rows.empty else rows.reset_index(drop=True)

    def estimates(self, analysis: str) -> pd.DataFrame | None:
        """The values of single arms from one kind of analysis, else None."""
        frame = self.table("estimates")
        if frame is None:
            return None
        rows = frame[frame["analysis"] == analysis]
        return None if rows.empty else rows.reset_index(drop=True)

    @property
    def done(self) -> pd.DataFrame:
        return self.cells[self.cells["status"] == "done"]

    @property
    def failed(self) -> pd.DataFrame:
        return self.cells[self.cells["status"] == "failed"]


def find_store(start: Path | None = None) -> Path | None:
    """The store to show: `STUDY_STORE`, else the newest under `runs/`, else None (the published grid).

    Of a store elsewhere (`STUDY_STORE` is a URL) it is a copy.

    Raises
    ------
    NotADirectoryError : `STUDY_STORE` names no folder
    """
    named = os.environ.get("STUDY_STORE")
    if named == "published":
        return None
    if named:
        root = local_copy(named) if "://" in named else Path(named).expanduser()
        if not root.is_dir():
            raise NotADirectoryError(
                f"`STUDY_STORE` is `{named}`, which is no folder. Give the folder of a run "
                "(runs/<name>), or unset the variable to show the newest run."
            )
        return root
    folders = dict.fromkeys([(start or Path.cwd()) / "runs", PROJECT / "runs"])
    stores = [path.parent for folder in folders for path in folder.glob("*/study.toml")]
    return max(stores, key=_last_written) if stores else None


def load_report(root: Path | None) -> Report:
    """Read a store, or the published grid where `root` is None; texts of a store are made harmless.

    Raises
    ------
    ValueError : the results do not belong to the cells of the store
    """
    if root is None:
        from manuscript.published.report import published_report

        return published_report()
    store = Store.open(root)
    cells = _planned_cells(store)
    written = set(store.results())
    tables = {name: store.read_result(name) if name in written else None for name in RESULT_TABLES}
    tables["architecture"] = store.read_table("architecture.parquet")
    if written & {ANALYSED, "metrics", "findings"}:
        _require_fresh(store, cells)
    any_done = bool((cells["status"] == "done").any())
    return Report(
        mode="store",
        root=root,
        study=harmless(tomllib.loads(store.read_study())),
        run=harmless(store.read_run() if store.has_run() else {}),
        cells=harmless(cells),
        tables=harmless(tables),
        history=harmless(store.read_history()) if any_done else None,
        gradcam=harmless(store.read_table("gradcam/index.parquet")),
        plan_hash=plan_hash(store.read_study()),
        predictions_hash=predictions_hash(store, cells[cells["status"] == "done"]),
    )


def _planned_cells(store: Store) -> pd.DataFrame:
    """Cells of the present grid with their state; cells of an earlier version of the study are left out."""
    cells = store.cells()
    if cells.empty:
        cells = pd.DataFrame(columns=["cell_id", "status", "reason", "task"])
    planned = store.read_grid()
    if planned is None:
        return cells
    planned = planned.drop(columns="study", errors="ignore")
    state = cells[["cell_id", *(name for name in cells.columns if name not in planned.columns)]]
    joined = planned.merge(state, on="cell_id", how="left", validate="1:1")
    return joined.assign(status=joined["status"].astype(object).where(joined["status"].notna(), "open"))


def _last_written(root: Path) -> float:
    """Time of the last change that a run or an analysis makes: its provenance, results, study file."""
    paths = [root / "study.toml", root / "run.json", root / "results", root / "cells"]
    return max(path.stat().st_mtime for path in paths if path.exists())


def _require_fresh(store: Store, cells: pd.DataFrame) -> None:
    """Stop where the results were made from other predictions or another plan than the store holds now."""
    changed = what_changed(store, cells[cells["status"] == "done"])
    if changed:
        raise ValueError(f"The results in `{store.where}` {changed}. Run `study stats {store.where}`.")
