"""Where the numbers come from, and what to run for those that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from manuscript.load import Report
from manuscript.text import join_words

SHORT = 8  # digits of a hash: enough to tell versions of one study apart
_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "statsmodels")


def missing_text(report: Report, what: str, *, planned: bool | None = None) -> str:
    """Why a table or figure is not there, and the command that makes it.

    `planned` tells whether the analysis plan asks for it; None where no plan decides.
    """
    if report.mode == "published":
        return (
            f"*Not available: {what}. The published grid holds metrics of each model and no predictions; "
            "a run of the study (`study run-grid large-grid`) gives them.*"
        )
    if "metrics" not in report.tables or report.tables["metrics"] is None:
        return (
            f"*Not available: {what}. The store has no results yet; run `study stats {store_name(report)}`.*"
        )
    if planned is False:
        return f"*Not available: {what}. The analysis plan of this study does not ask for it.*"
    return f"*Not available: {what}. `study stats {store_name(report)}` says why.*"


def gradcam_missing(report: Report, what: str = "Grad-CAM images", *, options: str = "") -> str:
    """How to make Grad-CAM images, or what is measured of them."""
    if report.mode == "published":
        return missing_text(report, what)
    return f"*No {what} yet; run `study gradcam {store_name(report)}{options}` and render again.*"


def store_name(report: Report) -> str:
    """The store as a user would type it; empty for the published grid."""
    return "" if report.root is None else typed_store(report.root)


def typed_store(root: Path | str) -> str:
    """A store as a user would type it; a full path would tell where the author works, a log-in more."""
    protocol, sign, rest = str(root).partition("://")
    if sign:
        host, slash, path = rest.partition("/")
        return f"{protocol}://{host.rpartition('@')[2]}{slash}{path}"
    parts = Path(root).resolve().parts[-2:]
    return "/".join(parts) if parts[0] == "runs" else f"…/{parts[-1]}"


def provenance_text(report: Report) -> str:
    """Where the numbers come from: store, hashes, commit, versions, machine, dates."""
    if report.mode == "published":
        return (
            "All numbers come from the published results of the original study, shipped with this project "
            f"(`data/published/grid.csv`), and were computed anew for this report. {_made_now()}"
        )
    environment, runs = report.run.get("environment", {}), report.run.get("runs", [])
    last = runs[-1] if runs else {}
    name = report.root.name if report.root else ""
    parts = [f"All numbers come from the store `{name}`"]
    hashes = {
        "study file": last.get("study_hash"),
        "analysis plan": report.plan_hash,
        "predictions": report.predictions_hash,
    }
    parts += [f"{what} `{str(value)[:SHORT]}`" for what, value in hashes.items() if value]
    if environment.get("commit"):
        parts.append(f"code `{_short_commit(str(environment['commit']))}`")
    if "device" in report.cells.columns:
        devices = [str(device) for device in report.cells["device"].dropna().unique()]
        parts += [f"device {join_words(devices)}"] if devices else []
    if last.get("started"):
        parts.append(f"run of {str(last['started'])[:10]}")
    return f"{', '.join(parts)}.{_software(environment)} {_made_now()}"


def _made_now() -> str:
    """When this document was made, and with which versions."""
    made_with = []
    for name in ("transfer-study", "great-tables", "plotnine"):
        with suppress(PackageNotFoundError):  # a checkout on PYTHONPATH has no version
            made_with.append(f"{name} {version(name)}")
    return f"This document was made on {datetime.now(UTC).date().isoformat()} with {join_words(made_with)}."


def _short_commit(commit: str) -> str:
    """The first digits of a commit, with its mark of uncommitted changes."""
    name, _, mark = commit.partition("+")
    return f"{name[:SHORT]}{' with changes' if mark else ''}"


def _software(environment: Mapping[str, Any]) -> str:
    packages = environment.get("packages", {})
    names = [f"{name} {packages[name]}" for name in _PACKAGES if name in packages]
    if environment.get("python"):
        names.insert(0, f"Python {environment['python']}")
    return f" Software: {join_words(names)}." if names else ""
