"""Run the simulations and write docs/statistics/validation.md with its plots.

Run: python -m benchmarks.validation [--quick] [--workers N] [--rates FILE.csv] [--from FILE.csv]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pandas as pd

from benchmarks.validation import (
    bootstrap_cases,
    calibration_cases,
    curve_cases,
    grid_cases,
    metric_cases,
    planning_cases,
    proportion_cases,
    recipe_cases,
    reliability_cases,
    report,
    roc_cases,
    tie_cases,
)
from benchmarks.validation.rates import Case, Row

MODULES = (
    *(curve_cases, metric_cases, planning_cases, grid_cases, bootstrap_cases),
    *(reliability_cases, recipe_cases, calibration_cases, proportion_cases, roc_cases, tie_cases),
)


def all_cases() -> list[Case]:
    """Return every simulation, long ones first."""
    return [case for module in MODULES for case in module.cases()]


def simulate(*, quick: bool, workers: int) -> pd.DataFrame:
    """Return one row per simulated rate; the same numbers for any number of workers."""
    chosen = all_cases()
    started = time.perf_counter()
    rows: list[Row] = []
    with ProcessPoolExecutor(workers) as pool:
        for i, found in enumerate(pool.map(_run, chosen, [quick] * len(chosen)), 1):
            rows += found
            if i % 25 == 0 or i == len(chosen):
                print(f"{i} of {len(chosen)}, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return pd.DataFrame(rows)


def _run(case: Case, quick: bool) -> list[Row]:
    return case.rows(quick=quick)


def main() -> None:
    """Simulate, or read rates that were kept, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few replicates, seconds; writes no page")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rates", type=Path, help="keep the rates in this CSV file")
    parser.add_argument("--from", dest="kept", type=Path, help="write the page from rates that were kept")
    options = parser.parse_args()
    started = time.perf_counter()
    rates = (
        pd.read_csv(options.kept) if options.kept else simulate(quick=options.quick, workers=options.workers)
    )
    if options.rates:
        rates.to_csv(options.rates, index=False)
    if options.quick:
        print(f"{len(rates)} rates in {time.perf_counter() - started:.0f} s; --quick writes no page")
        return
    report.write(rates)


if __name__ == "__main__":
    main()
