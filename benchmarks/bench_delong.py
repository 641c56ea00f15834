"""All pairs of many AUCs beside pROC, on this machine in one run.

Prints milliseconds (best of several) and ratios: every pair of 176 models with test, interval and Holm, one
pair at 100,000 images, and ten models at 1,000,000. pROC takes pairs one by one: some are timed and scaled.
Run: python benchmarks/bench_delong.py
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from stats.roc.delong import delong

MODELS = 176
R_CODE = """
suppressMessages(library(pROC))
argument <- jsonlite::fromJSON(commandArgs(TRUE)[1])
d <- read.csv(argument$file)
pairs <- combn(ncol(d) - 1, 2)[, seq_len(argument$pairs), drop = FALSE]
curve <- function(s) roc(d$y, s, direction = "<", levels = c(0, 1), quiet = TRUE)
curves <- system.time(k <- lapply(d[-1], curve))
one <- function(i) roc.test(k[[pairs[1, i]]], k[[pairs[2, i]]], method = "delong", paired = TRUE)
tests <- system.time(for (i in seq_len(ncol(pairs))) one(i))
cat(jsonlite::toJSON(list(curves = 1000 * curves[["elapsed"]], tests = 1000 * tests[["elapsed"]]),
                     auto_unbox = TRUE))
"""


def best(action: Callable[[], object], repeats: int) -> float:
    """Milliseconds of the quickest call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def data(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two equal classes and scores of k models, half of their noise shared."""
    rng = np.random.default_rng(1)
    y = rng.permutation(np.arange(n) % 2)
    return y, rng.normal(size=(n, 1)) + rng.normal(size=(n, k)) + 1.2 * y[:, None]


def by_r(y: np.ndarray, scores: np.ndarray, pairs: int) -> dict[str, float] | None:
    """The curves of all models and the first `pairs` tests by pROC; None where R or pROC is missing."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        names = ",".join(["y", *(f"m{i}" for i in range(scores.shape[1]))])
        np.savetxt(file, np.column_stack([y, scores]), delimiter=",", header=names, comments="")
        request = json.dumps({"file": str(file), "pairs": pairs})
        done = subprocess.run(["Rscript", "--vanilla", "-e", R_CODE, request], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def row(what: str, here: float, peer: float | None) -> None:
    """One line: milliseconds here and by pROC, and their ratio."""
    other = f"{peer:14,.0f} ms{peer / here:8.1f}x" if peer is not None else "  not installed"
    print(f"{what:52}{here:12,.1f} ms{other}")


def main() -> None:
    """Print the table."""
    print(f"{'':52}{'here':>15}{'pROC':>17}")
    count = MODELS * (MODELS - 1) // 2
    for n, timed in ((103, 300), (10_000, 100)):
        y, scores = data(n, MODELS)
        peer = by_r(y, scores, timed)
        scaled = None if peer is None else peer["curves"] + peer["tests"] * count / timed
        row(
            f"{count:,} pairs, {n:,} images (pROC from {timed})",
            best(lambda y=y, s=scores: delong(y, s), 5),
            scaled,
        )
    y, scores = data(100_000, 2)
    peer = by_r(y, scores, 1)
    row(
        "one pair, 100,000 images",
        best(lambda: delong(y, scores), 5),
        peer and peer["curves"] + peer["tests"],
    )
    y, scores = data(1_000_000, 10)
    row("45 pairs, 1,000,000 images", best(lambda: delong(y, scores), 1), None)
    print(
        f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
