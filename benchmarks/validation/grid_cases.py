"""Grids of cells: rank-sum, signed-rank and sign-flip tests, and fixed effects of mixed models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.validation.rates import Case, Row, crossed, many, rate
from stats.lmm.contest import fixed_effects
from stats.lmm.design import build_design
from stats.lmm.fit import fit_design
from stats.lmm.formula import parse_formula
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import rank_sum_test, signed_rank_test

SETTINGS_PER_BACKBONE = 12
TESTS = ("rank-sum", "signed-rank", "sign-flip")


def paired_grid(
    replicates: int, rng: np.random.Generator, *, pairs: int, shared: float, effect: float
) -> list[Row]:
    """Two arms with the same cells; `shared` = share of a cell's variance that both arms have in common.

    `effect` is the difference of the arms in standard deviations of a cell.
    """
    hits: dict[str, list[bool]] = {name: [] for name in TESTS}
    for _ in range(replicates):
        common = np.sqrt(shared) * rng.standard_normal(pairs)
        x, y = common + np.sqrt(1.0 - shared) * rng.standard_normal((2, pairs))
        _add(hits, x + effect, y, rng)
    kind = "power" if effect else "size"
    settings: Row = {"pairs": pairs, "shared": shared, "effect": effect}
    return [rate(h, kind=kind, method=m, **settings) for m, h in hits.items()]


def grouped_grid(replicates: int, rng: np.random.Generator, *, backbones: int, between: float) -> list[Row]:
    """Two arms of equal mean, but each arm's effect differs from backbone to backbone.

    `between` = share of a cell's variance that the 12 cells of one arm and backbone have in common. Beside
    the tests on all cells: the sign-flip test on one difference per backbone.
    """
    hits: dict[str, list[bool]] = {name: [] for name in (*TESTS, "sign-flip of backbone means")}
    group = np.repeat(np.arange(backbones), SETTINGS_PER_BACKBONE)
    for _ in range(replicates):
        own = np.sqrt(between) * rng.standard_normal((2, backbones))[:, group]
        x, y = own + np.sqrt(1.0 - between) * rng.standard_normal((2, group.size))
        _add(hits, x, y, rng)
        means = (values.reshape(backbones, -1).mean(axis=1) for values in (x, y))
        hits["sign-flip of backbone means"].append(sign_flip_test(*means, rng=rng).p_value < 0.05)
    settings: Row = {"backbones": backbones, "between": between}
    return [rate(h, kind="size", method=m, **settings) for m, h in hits.items()]


def mixed_model(
    replicates: int, rng: np.random.Generator, *, levels: int, icc: float, design: str
) -> list[Row]:
    """Size of a fixed effect of 2 arms with a random intercept of `levels` levels, 6 cells each.

    `design` "between": half of the levels belong to each arm (a property of the backbone); "within": both
    arms in every level (a property of the cell).
    """
    level = np.repeat(np.arange(levels), 6)
    arm = level % 2 if design == "between" else np.arange(level.size) % 2
    frame = pd.DataFrame({"arm": np.where(arm == 1, "b", "a"), "level": [f"level {i}" for i in level]})
    frame["y"] = np.arange(float(level.size))
    base = build_design(parse_formula("y ~ arm + (1|level)"), frame)
    hits: dict[str, list[bool]] = {"z": [], "Satterthwaite": [], "Kenward-Roger": []}
    for _ in range(replicates):
        y = np.sqrt(icc) * rng.standard_normal(levels)[level] + np.sqrt(1.0 - icc) * rng.standard_normal(
            level.size
        )
        fit = fit_design(replace(base, y=y))
        by_t = fixed_effects(fit)
        by_kr = fixed_effects(fit, df="kenward-roger")
        hits["z"].append(2.0 * ndtr(-abs(by_t.statistic[1])) < 0.05)
        hits["Satterthwaite"].append(by_t.p_value[1] < 0.05)
        hits["Kenward-Roger"].append(by_kr.p_value[1] < 0.05)
    settings: Row = {"design": design, "levels": levels, "icc": icc}
    return [rate(h, kind="size", method=m, **settings) for m, h in hits.items()]


def cases() -> list[Case]:
    """Return all cases of this file."""
    nulls = crossed(pairs=(22, 88), shared=(0.0, 0.5, 0.9, 0.99), effect=(0.0,))
    effects = crossed(pairs=(22,), shared=(0.0, 0.5, 0.9, 0.99), effect=(0.3,))
    grouped = crossed(backbones=(4, 8), between=(0.0, 0.2, 0.5))
    models = crossed(levels=(4, 6, 10, 20), icc=(0.1, 0.5), design=("between",))
    models += crossed(levels=(4, 10), icc=(0.5,), design=("within",))
    return [
        *many("grid", paired_grid, nulls + effects, 3_000, 20),
        *many("grid groups", grouped_grid, grouped, 2_000, 20),
        *many("mixed", mixed_model, models, 4_000, 20),
    ]


def _add(hits: dict[str, list[bool]], x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    flipped = sign_flip_test(x, y, n_resamples=999, rng=rng)
    found = (rank_sum_test(x, y).p_value, signed_rank_test(x, y).p_value, flipped.p_value)
    for name, p in zip(TESTS, found, strict=True):
        hits[name].append(p < 0.05)
