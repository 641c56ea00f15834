"""Write a comparison: every table as CSV and parquet, and the picture as PNG and SVG."""

from __future__ import annotations

import warnings
from pathlib import Path

from data.atomic import write_parquet, write_text
from data.tables import csv_text
from study.compare.tables import CompareOptions, Comparison


def write_comparison(found: Comparison, options: CompareOptions, folder: Path) -> list[Path]:
    """Return the files written.

    Raises
    ------
    NotADirectoryError : `folder` is a file
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"'{folder}' is a file; give a folder with --out.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in found.tables.items():
        for path, write in ((folder / f"{name}.csv", write_text), (folder / f"{name}.parquet", None)):
            if write is None:
                write_parquet(path, table)
            else:
                write(path, csv_text(table))
            written.append(path)
    return written + _pictures(found, options, folder)


def _pictures(found: Comparison, options: CompareOptions, folder: Path) -> list[Path]:
    from study.compare.figure import compare_figure

    figure = compare_figure(found, options)
    paths = [folder / "comparison.png", folder / "comparison.svg"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="plotnine")
        for path in paths:
            figure.save(path, dpi=200)
    return paths
