"""Bootstrap of AUCs beside its peers, on this machine in one run.

Prints milliseconds (best of several), ratios and memory for 2,000 paired samples of 1,000 images, and for 176
models; then permutation and selection bias. Peers: a loop over samples with scikit-learn's `roc_auc_score`
(where it is not installed, with ranks in numpy) and pROC. Missing ones are named.
Run: python benchmarks/bench_resampling.py
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from stats.resampling.bootstrap import auc_difference_bootstrap
from stats.resampling.draws import auc_replicates, sampling_plan
from stats.resampling.permutation import auc_permutation_test
from stats.resampling.selection_bias import selection_bias

SAMPLES = 2000
LOOPED = 200  # samples of the slow loops, scaled up
R_CODE = """
suppressMessages(library(pROC))
argument <- jsonlite::fromJSON(commandArgs(TRUE)[1])
d <- read.csv(argument$file)
curve <- function(s) roc(d$y, s, direction = "<", levels = c(0, 1), quiet = TRUE)
a <- curve(d$a); b <- curve(d$b)
boot <- system.time(roc.test(a, b, method = "bootstrap", boot.n = argument$samples, paired = TRUE,
                             boot.stratified = TRUE, progress = "none"))[["elapsed"]]
swap <- system.time(roc.test(a, b, method = "venkatraman", boot.n = 200, paired = TRUE,
                             progress = "none"))[["elapsed"]]
cat(jsonlite::toJSON(list(bootstrap = 1000 * boot, permutation = 1000 * swap), auto_unbox = TRUE))
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


def counted_auc(y: np.ndarray, score: np.ndarray) -> float:
    """AUC from ranks, as a plain function of one sample."""
    _, where, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[where]
    m = int(y.sum())
    return float((ranks[y == 1].sum() - m * (m + 1) / 2.0) / (m * (y.size - m)))


def by_loop(y: np.ndarray, scores: np.ndarray, samples: int) -> None:
    """One sample after the other, every model anew."""
    metric = counted_auc
    if find_spec("sklearn") is not None:
        from sklearn.metrics import roc_auc_score as metric
    rng = np.random.default_rng(2)
    for _ in range(samples):
        taken = rng.integers(0, y.size, y.size)
        for score in scores.T:
            metric(y[taken], score[taken])


def by_r(y: np.ndarray, scores: np.ndarray) -> dict[str, float] | None:
    """The paired bootstrap and 200 permutations by pROC; None where R or pROC is missing."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        table = np.column_stack([y, scores[:, :2]])
        np.savetxt(file, table, delimiter=",", header="y,a,b", comments="")
        request = json.dumps({"file": str(file), "samples": SAMPLES})
        done = subprocess.run(["Rscript", "--vanilla", "-e", R_CODE, request], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def show(what: str, milliseconds: float | None, here: float | None = None) -> None:
    """One line; the ratio says how many times longer than the line it is compared with."""
    value = "not installed" if milliseconds is None else f"{milliseconds:.1f} ms"
    ratio = f"{milliseconds / here:8.0f}x" if milliseconds is not None and here is not None else ""
    print(f"{what:58}{value:>16}{ratio}")


def bootstrap_table() -> None:
    """2,000 paired samples of 1,000 images."""
    y, scores = data(1000, 2)
    rng = np.random.default_rng(3)
    plan = sampling_plan(y == 1)
    here = best(lambda: auc_replicates(y == 1, scores, plan, n_resamples=SAMPLES, rng=rng), 5)
    print(f"\n{SAMPLES} paired samples of 1,000 images, 2 models")
    show("here, replicates", here)
    whole = best(lambda: auc_difference_bootstrap(y, scores[:, 0], scores[:, 1], rng=rng), 5)
    show("here, interval and test", whole)
    name = "scikit-learn" if find_spec("sklearn") is not None else "numpy ranks"
    loop = best(lambda: by_loop(y, scores, LOOPED), 2) * SAMPLES / LOOPED
    show(f"loop over samples, {name} (from {LOOPED})", loop, whole)
    peer = by_r(y, scores)
    show("pROC roc.test(method = 'bootstrap')", peer and peer["bootstrap"], whole)
    permuted = best(lambda: auc_permutation_test(y, scores[:, 0], scores[:, 1], rng=rng), 3)
    print("\npermutation of two models, 1,000 images")
    show("here, all exchanges counted", permuted)
    show("pROC roc.test(method = 'venkatraman'), 200 exchanges", peer and peer["permutation"], permuted)


def grid_table() -> None:
    """All 176 models of a grid in the same samples."""
    print(f"\n{SAMPLES} paired samples, 176 models")
    for n in (103, 1000):
        y, scores = data(n, 176)
        rng = np.random.default_rng(3)
        plan = sampling_plan(y == 1)
        here = best(
            lambda y=y, s=scores, p=plan, r=rng: auc_replicates(y == 1, s, p, n_resamples=SAMPLES, rng=r), 3
        )
        show(f"here, {n} images", here)
        samples = LOOPED // 20
        loop = best(lambda y=y, s=scores, b=samples: by_loop(y, s, b), 1) * SAMPLES / samples
        show(f"loop over samples, {n} images (from {samples})", loop, here)
        show(f"selection bias (BBC-CV), {n} images", best(lambda y=y, s=scores: bias(y, s), 3))


def bias(y: np.ndarray, scores: np.ndarray) -> object:
    """Best of 176 models."""
    return selection_bias(y, scores, n_resamples=SAMPLES, rng=np.random.default_rng(4))


def main() -> None:
    """Print the tables."""
    print("Milliseconds, best of several runs, one thread; the ratio is to the line of this library above.")
    bootstrap_table()
    grid_table()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nlargest memory of this process: {memory:.0f} MB")


if __name__ == "__main__":
    main()
