"""The cost of a store by its size: 10^5 and 10^6 predictions, with --all 10^7 and 10^8 (2.6 GB on the disk).

Each store has cells of 10,000 images. Prints size and files; seconds for the metrics of all cells, then for
DeLong's test of one contrast in the same process; for compacting the store, and the same as before on what
that leaves; and for the whole of `study stats`; with the time of all processors together and the largest
memory. Every line is a process of its own.
Run: python benchmarks/bench_store.py [--all] [--folder FOLDER]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

N_IMAGES = 10_000
CELLS = (10, 100)
MORE_CELLS = (1_000, 10_000)


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="10^7 and 10^8 predictions too")
    parser.add_argument("--folder", type=Path, help="where the stores are made; default a temporary folder")
    parser.add_argument("--part", nargs=2, metavar=("PART", "STORE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, root = options.part
        print(json.dumps(PARTS[part](root)))
        return
    for n_cells in CELLS + (MORE_CELLS if options.all else ()):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            measure(Path(folder) / "store", n_cells)


def measure(root: Path, n_cells: int) -> None:
    """Make one store, print what it costs."""
    from benchmarks.synthetic_store import make_store

    _, made, _ = timed(lambda: make_store(root, n_cells, N_IMAGES))
    print(f"{n_cells * N_IMAGES:.0e} predictions: {size(root)}, made in {made:.1f} s", flush=True)
    for part in ("metrics", "compact", "metrics", "stats"):
        command = [sys.executable, __file__, "--part", part, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        for line in json.loads(done.stdout.splitlines()[-1]):
            print(f"  {line}", flush=True)


def size(root: Path) -> str:
    """Files and bytes of a store."""
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    return f"{len(sizes)} files, {sum(sizes) / 1e6:.0f} MB"


def timed(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """What an action returns, its seconds, and those of the processors."""
    wall, processors = time.perf_counter(), time.process_time()
    found = action()
    return found, time.perf_counter() - wall, time.process_time() - processors


def metrics_and_delong(root: str) -> list[str]:
    """The pass over all predictions, then one contrast on what it found."""
    from data.store import Store
    from study.analyses.grid_data import load_grid
    from study.analyses.paired_tests import delong_rows
    from study.analyses.selection import select_cells
    from study.imports.study_file import parse_stored_plan

    store = Store.open(root)
    entry = parse_stored_plan(store.read_study(), source=root).delong[0]
    data, *metrics = timed(lambda: load_grid(store))

    def contrast() -> object:
        chosen = select_cells(data, task=data.tasks[0], contrast=entry.contrast, select=entry.select)
        return delong_rows(data, chosen, entry, conf_level=0.95, planned=True)

    _, *delong = timed(contrast)
    return [_line("metrics of all cells", *metrics), _line("DeLong of one contrast", *delong)]


def compact(root: str) -> list[str]:
    """`study store compact`."""
    from data.store import Store

    _, *seconds = timed(Store.open(root).compact)
    return [f"{_line('compaction', *seconds)}; then {size(Path(root))}"]


def stats(root: str) -> list[str]:
    """`study stats`, importing included in the processor time alone."""
    from typer.testing import CliRunner

    from study.cli import app

    done, *seconds = timed(lambda: CliRunner().invoke(app, ["stats", root]))
    if done.exit_code != 0:
        raise RuntimeError(done.output)
    return [_line("study stats", *seconds)]


def _line(what: str, wall: float, processors: float) -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{what}: {wall:.2f} s (processors {processors:.2f} s), peak memory {peak:.0f} MB"


PARTS: dict[str, Callable[[str], list[str]]] = {
    "metrics": metrics_and_delong,
    "compact": compact,
    "stats": stats,
}

if __name__ == "__main__":
    main()
