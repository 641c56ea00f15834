"""Mixed models beside their peers, on this machine in one run.

Prints milliseconds (best of several) for the published grid, a 176 x 103 crossing and a set of the size of
InstEval (lme4). Peers that are missing (Rscript with lmerTest and pbkrtest, mixedlm) are left out and named.
Run: python benchmarks/bench_lmm.py [--all]   (--all adds R's slow parts: profile intervals, InstEval)
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from data.published_grid import PUBLISHED_GRID, load_published_grid
from stats.lmm import fit_lmm, parse_formula
from stats.lmm.contest import fixed_effects
from stats.lmm.profile import profile_intervals

PRETRAIN = "test_auc ~ pretrain + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"
HEAD = "test_auc ~ clf + (1|task) + (1|pretrain) + (1|backbone) + (1|lrdecay) + (1|numfilters)"
CROSSED = "y ~ arm + (1|model) + (1|image)"
RATINGS = "y ~ service + (1|s) + (1|d) + (1|dept)"

R_CODE = """
suppressMessages({library(lmerTest); library(pbkrtest)})
argument <- jsonlite::fromJSON(commandArgs(TRUE)[1])
d <- read.csv(argument$file); f <- as.formula(argument$formula)
for (v in argument$factors) d[[v]] <- factor(d[[v]])
best <- function(code, k) min(replicate(k, system.time(force(code()))[["elapsed"]])) * 1000
out <- list(fit = best(function() lme4::lmer(f, d), argument$repeats))
out$satterthwaite <- best(function() summary(lmer(f, d)), argument$repeats)
m <- lmer(f, d)
if (argument$kr) out$kenward_roger <- best(function() summary(m, ddf = "Kenward-Roger"), 2)
if (argument$profile) out$profile <- best(function() suppressWarnings(confint(m, quiet = TRUE)), 1)
out$criterion <- lme4::REMLcrit(m)
cat(jsonlite::toJSON(out, auto_unbox = TRUE, digits = I(15)))
"""


def best(action: Callable[[], object], repeats: int) -> float:
    """Milliseconds of the quickest call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def crossed_frame(models: int = 176, images: int = 103) -> pd.DataFrame:
    """Every model on every image."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"model": np.repeat(np.arange(models), images), "image": np.tile(np.arange(images), models)}
    )
    frame["arm"] = np.where(frame["model"] % 2 == 0, "A", "B")
    effects = 0.3 * rng.normal(size=models)[frame["model"]] + rng.normal(size=images)[frame["image"]]
    frame["y"] = effects + 0.1 * (frame["arm"] == "B") + rng.normal(size=len(frame))
    return frame


def ratings_frame(n: int = 73_421) -> pd.DataFrame:
    """Ratings of lecturers by students, the size and the variances of InstEval."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"s": rng.integers(0, 2972, n), "d": rng.integers(0, 1128, n)})
    frame["dept"] = rng.integers(0, 14, 1128)[frame["d"]]
    frame["service"] = np.where(rng.random(n) < 0.43, "y", "n")
    students, lecturers = 0.33 * rng.normal(size=2972), 0.51 * rng.normal(size=1128)
    mean = 3.2 + students[frame["s"]] + lecturers[frame["d"]] + 0.1 * rng.normal(size=14)[frame["dept"]]
    noise = 1.18 * rng.normal(size=n)
    frame["y"] = np.clip(np.round(mean - 0.07 * (frame["service"] == "y") + noise), 1, 5)
    return frame


def ours(formula: str, frame: pd.DataFrame, *, repeats: int, profile: bool) -> dict[str, float]:
    """Our times; `satterthwaite` is fit and table together, `kenward_roger` the table alone."""
    fit = fit_lmm(formula, frame)
    times = {
        "fit": best(lambda: fit_lmm(formula, frame), repeats),
        "satterthwaite": best(lambda: fixed_effects(fit_lmm(formula, frame)), repeats),
        "kenward_roger": best(lambda: fixed_effects(fit, df="kenward-roger"), repeats),
        "criterion": fit.criterion,
    }
    if profile:
        times["profile"] = best(lambda: profile_intervals(fit), 3)
    return times


def by_r(
    formula: str, frame: pd.DataFrame, *, repeats: int, kr: bool, profile: bool
) -> dict[str, float] | None:
    """The same by lme4, lmerTest and pbkrtest; None where R or a package is missing."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        frame.to_csv(file, index=False)
        factors = ["model", "image", "s", "d", "dept", "numfilters"]
        request = {
            "file": str(file),
            "formula": formula,
            "factors": [name for name in factors if name in frame.columns],
            "repeats": repeats,
            "kr": kr,
            "profile": profile,
        }
        done = subprocess.run(
            ["Rscript", "--vanilla", "-e", R_CODE, json.dumps(request)], capture_output=True, text=True
        )
    return json.loads(done.stdout) if done.returncode == 0 else None


def by_mixedlm(formula: str, frame: pd.DataFrame, *, repeats: int) -> dict[str, float] | None:
    """The same by mixedlm (its fit with Satterthwaite's table)."""
    if find_spec("mixedlm") is None:
        return None
    import mixedlm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "fit": best(lambda: mixedlm.lmer(formula, frame), repeats),
            "satterthwaite": best(lambda: str(mixedlm.lmer(formula, frame)), repeats),
        }


def by_statsmodels(formula: str, frame: pd.DataFrame, *, repeats: int) -> dict[str, float]:
    """The fit alone by statsmodels from formula and frame, crossed as in its manual (z-tests only)."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    parsed = parse_formula(formula)
    fixed = f"{parsed.response} ~ {' + '.join(':'.join(term) for term in parsed.terms) or '1'}"
    components = {part.label: f"0 + C({part.label})" for part in parsed.random}

    def fit() -> object:
        return MixedLM.from_formula(fixed, frame, groups=np.ones(len(frame)), vc_formula=components).fit()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"fit": best(fit, repeats), "criterion": -2.0 * fit().llf}


def show(title: str, rows: dict[str, dict[str, float] | str | None]) -> None:
    """One table; times in milliseconds. A text says why a peer was left out; None is a peer not installed."""
    columns = ["fit", "satterthwaite", "kenward_roger", "profile", "criterion"]
    print(f"\n{title}")
    print(f"{'':16}" + "".join(f"{name:>16}" for name in columns))
    for name, times in rows.items():
        if times is None or isinstance(times, str):
            print(f"{name:16}" + (times or "not installed").rjust(16))
            continue
        cells = [
            f"{times[c]:16.6f}" if c == "criterion" else f"{times[c]:16.2f}" for c in columns if c in times
        ]
        filled = iter(cells)
        print(f"{name:16}" + "".join(next(filled) if c in times else " " * 15 + "-" for c in columns))


def whole_process() -> float:
    """Milliseconds of `study test lmm` on the published grid, start to end."""
    command = [
        sys.executable,
        "-m",
        "study.cli",
        "test",
        "lmm",
        str(PUBLISHED_GRID),
        "--formula",
        PRETRAIN,
        "--json",
    ]
    if shutil.which("study") is not None:
        command = ["study", *command[3:]]
    return best(lambda: subprocess.run(command, check=True, capture_output=True), 3)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also R's slow parts (about two minutes)")
    slow = parser.parse_args().all
    grid = load_published_grid()
    print("Milliseconds, best of several runs; 'satterthwaite' includes the fit, 'kenward_roger' does not.")
    for title, formula in (("published grid, pretrain", PRETRAIN), ("published grid, clf", HEAD)):
        show(
            title,
            {
                "here": ours(formula, grid, repeats=50, profile=True),
                "mixedlm": by_mixedlm(formula, grid, repeats=20),
                "statsmodels": by_statsmodels(formula, grid, repeats=3),
                "R": by_r(formula, grid, repeats=5, kr=True, profile=slow),
            },
        )
    print(f"\n`study test lmm` on the published grid, whole process: {whole_process():.0f} ms")
    crossed = crossed_frame()
    show(
        f"176 models x 103 images, {len(crossed)} rows",
        {
            "here": ours(CROSSED, crossed, repeats=10, profile=False),
            "mixedlm": by_mixedlm(CROSSED, crossed, repeats=2),
            "R": by_r(CROSSED, crossed, repeats=2, kr=False, profile=False),
        },
    )
    ratings = ratings_frame()
    here = ours(RATINGS, ratings, repeats=3, profile=False)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(
        f"InstEval's size, {len(ratings)} rows",
        {
            "here": here,
            "mixedlm": by_mixedlm(RATINGS, ratings, repeats=1),
            "R": by_r(RATINGS, ratings, repeats=1, kr=False, profile=False) if slow else "with --all",
        },
    )
    print(f"largest memory of this process before the peers of the last table: {memory:.0f} MB")


if __name__ == "__main__":
    main()
