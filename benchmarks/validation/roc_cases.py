"""AUC intervals, DeLong's and Obuchowski's tests, the tests of K models, and non-inferiority of AUCs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from benchmarks.validation.rates import Case, Row, crossed, holds, many, rate
from benchmarks.validation.simulate import (
    AUCS,
    CORRELATIONS,
    SETS,
    Codes,
    Floats,
    ImageSet,
    Labels,
    clustered_set,
    scores,
)
from stats.multiplicity.max_t import max_t_test
from stats.roc.auc import auc_interval, newcombe_interval, perfect_auc_bound
from stats.roc.components import AucComponents, auc_components, clustered_components
from stats.roc.delong import delong
from stats.roc.pairs import PairTable, pair_table

BLOCK = 2_000  # test sets handled at once
MARGIN = 0.05
ONE_SIDED = 0.025
MARGIN_TESTS = {
    "delong": "AUC, DeLong",
    "mover-logit": "AUC, MOVER logit",
    "mover-newcombe": "AUC, MOVER Newcombe",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAucs:
    """Two models in R test sets: AUCs and standard errors of the first, shape (R,), and the paired tests."""

    auc: Floats
    std_error: Floats
    pairs: PairTable


def paired_aucs(labels: Labels, table: Floats, patients: Codes | None = None) -> PairedAucs:
    """Return what `delong_test` finds in each of R test sets, table of shape (n, 2 R), in one pass."""
    parts = (
        auc_components(labels, table)
        if patients is None
        else clustered_components(labels, table, patients.tolist())
    )
    a = np.arange(0, table.shape[1], 2)
    b = a + 1
    difference = parts.difference(a, b)
    variance = _variance(
        parts, parts.positive[:, a] - parts.positive[:, b], parts.negative[:, a] - parts.negative[:, b]
    )
    single = _variance(parts, parts.positive[:, a], parts.negative[:, a])
    pairs = pair_table(a, b, difference, variance, adjust="none", conf_level=0.95)
    return PairedAucs(auc=parts.auc[a], std_error=np.sqrt(np.maximum(single, 0.0)), pairs=pairs)


def _variance(parts: AucComponents, p: Floats, n: Floats) -> Floats:
    cross = 2.0 * parts.w_cross * (p * n).sum(axis=0) if parts.w_cross else 0.0
    return parts.w_positive * (p * p).sum(axis=0) + parts.w_negative * (n * n).sum(axis=0) + cross


def auc_intervals(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, spread: float
) -> list[Row]:
    """Coverage of every interval of one AUC."""
    labels, m, n = images.labels, images.n_positive, images.n - images.n_positive
    values, errors = [], []
    for size in _blocks(replicates):
        table = scores(labels, auc=auc, correlation=0.0, replicates=size, rng=rng, models=1, spread=spread)
        parts = auc_components(labels, table)
        values.append(parts.auc)
        errors.append(np.sqrt(_variance(parts, parts.positive, parts.negative)))
    value, error = np.concatenate(values), np.concatenate(errors)
    limits = {name: auc_interval(value, error, conf_level=0.95, interval=name) for name in ("wald", "logit")}
    distinct, back = np.unique(value, return_inverse=True)
    newcombe = np.array([newcombe_interval(float(v), m, n) for v in distinct])[back]
    limits["newcombe"] = (newcombe[:, 0], newcombe[:, 1])
    bound = perfect_auc_bound(1.0, min(m, n))[0]
    settings: Row = {"n": images.n, "auc": auc, "spread": spread, "perfect": float((value == 1.0).mean())}
    rows = []
    for method, (low, high) in limits.items():
        width = float((high - low).mean())
        rows.append(rate(holds(low, high, auc), kind="coverage", method=method, width=width, **settings))
        if method != "newcombe":
            patched = np.where(value == 1.0, bound, low)
            rows.append(
                rate(holds(patched, high, auc), kind="coverage", method=f"{method} + bound", **settings)
            )
    return rows


def delong_pairs(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, correlation: float
) -> list[Row]:
    """Size of DeLong's paired test and coverage of its interval; equal AUCs."""
    labels, found = images.labels, []
    for size in _blocks(replicates):
        table = scores(labels, auc=auc, correlation=correlation, replicates=size, rng=rng)
        found.append(paired_aucs(labels, table).pairs)
    p, low, high = (
        np.concatenate([getattr(pairs, name) for pairs in found])
        for name in ("p_value", "conf_low", "conf_high")
    )
    settings: Row = {"n": images.n, "auc": auc, "correlation": correlation}
    return [
        rate(p < 0.05, kind="size", method="DeLong paired", **settings),
        rate(holds(low, high, 0.0), kind="coverage", method="DeLong paired", **settings),
    ]


def clustered_pairs(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, pure: bool, intra: float
) -> list[Row]:
    """Plain DeLong beside Obuchowski's covariance, 1 to 5 images per patient; models correlated 0.5."""
    labels, patients = clustered_set(images, pure=pure, rng=rng)
    rows: list[Row] = []
    settings: Row = {"n": images.n, "auc": auc, "labels": "pure" if pure else "mixed", "intra": intra}
    found: dict[str, list[PairedAucs]] = {"DeLong": [], "Obuchowski": []}
    for size in _blocks(replicates):
        table = scores(
            labels, auc=auc, correlation=0.5, replicates=size, rng=rng, patients=patients, intra=intra
        )
        found["DeLong"].append(paired_aucs(labels, table))
        found["Obuchowski"].append(paired_aucs(labels, table, patients))
    for method, blocks in found.items():
        p = np.concatenate([block.pairs.p_value for block in blocks])
        value = np.concatenate([block.auc for block in blocks])
        error = np.concatenate([block.std_error for block in blocks])
        rows.append(rate(p < 0.05, kind="size", method=method, **settings))
        for interval in ("wald", "logit"):
            low, high = auc_interval(value, error, conf_level=0.95, interval=interval)
            rows.append(
                rate(holds(low, high, auc), kind="coverage", method=f"{method} {interval}", **settings)
            )
    return rows


def several_models(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, correlation: float
) -> list[Row]:
    """Five models with equal AUCs: global test, and the chance that any of ten pairs is called different."""
    labels = images.labels
    table = scores(labels, auc=auc, correlation=correlation, replicates=replicates, rng=rng, models=5)
    overall, raw, holm = [], [], []
    for r in range(replicates):
        fit = delong(labels, table[:, 5 * r : 5 * r + 5])
        overall.append(fit.overall.p_value < 0.05)
        raw.append(np.nanmin(fit.pairs.p_value, initial=1.0) < 0.05)
        holm.append(np.nanmin(fit.pairs.p_adjusted, initial=1.0) < 0.05)
    settings: Row = {"n": images.n, "auc": auc, "correlation": correlation}
    return [
        rate(overall, kind="size", method="global chi-square", **settings),
        rate(raw, kind="size", method="any pair, no adjustment", **settings),
        rate(holm, kind="size", method="any pair, Holm", **settings),
    ]


def three_models(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, correlation: float
) -> list[Row]:
    """Three models with the same AUC: the chance that max-t calls any different, from one or of all pairs."""
    labels = images.labels
    table = scores(labels, auc=auc, correlation=correlation, replicates=replicates, rng=rng, models=3)
    hits: dict[str, list[bool]] = {}
    for r in range(replicates):
        for reference, method in ((None, "any of 3 pairs, max-t"), ("a", "any of 2 against a third, max-t")):
            fit = max_t_test(
                labels, table[:, 3 * r : 3 * r + 3], names=("a", "b", "c"), reference=reference, rng=rng
            )
            hits.setdefault(method, []).append(bool(np.nanmin(fit.p_adjusted, initial=1.0) < 0.05))
    settings: Row = {"n": images.n, "auc": auc, "correlation": correlation}
    return [rate(own, kind="size", method=method, **settings) for method, own in hits.items()]


def margin_p(found: PairedAucs) -> Floats:
    """Return what `auc_margin_test` finds for non-inferiority by MARGIN in each pair."""
    pairs = found.pairs
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(pairs.std_error > 0.0, (pairs.difference + MARGIN) / pairs.std_error, np.nan)
    return ndtr(-z)


def mover_lower(labels: Labels, table: Floats) -> dict[str, Floats]:
    """Return the lower limits at ONE_SIDED of MOVER in each of R test sets, table of shape (n, 2 R)."""
    parts = auc_components(labels, table)
    m, n = int(labels.sum()), int((~labels).sum())
    a = np.arange(0, table.shape[1], 2)
    error = np.sqrt(np.maximum(_variance(parts, parts.positive, parts.negative), 0.0))
    cross = parts.w_positive * (parts.positive[:, a] * parts.positive[:, a + 1]).sum(axis=0)
    cross += parts.w_negative * (parts.negative[:, a] * parts.negative[:, a + 1]).sum(axis=0)
    both = error[a] * error[a + 1]
    r = np.clip(np.divide(cross, both, out=np.zeros_like(both), where=both > 0.0), -1.0, 1.0)
    low, high = auc_interval(parts.auc, error, conf_level=1.0 - 2.0 * ONE_SIDED, interval="logit")
    bound = perfect_auc_bound(1.0, min(m, n), conf_level=1.0 - ONE_SIDED)[0]
    distinct, back = np.unique(parts.auc, return_inverse=True)
    newcombe = np.array([newcombe_interval(float(v), m, n) for v in distinct])[back]
    limits = {
        "mover-logit": (np.where(parts.auc == 1.0, bound, low), high),
        "mover-newcombe": (newcombe[:, 0], newcombe[:, 1]),
    }
    found = {}
    for name, (lower, upper) in limits.items():
        one, other = parts.auc[a] - lower[a], upper[a + 1] - parts.auc[a + 1]
        reach = np.sqrt(np.maximum(one**2 - 2.0 * r * one * other + other**2, 0.0))
        found[name] = parts.auc[a] - parts.auc[a + 1] - reach
    return found


def auc_margin(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, correlation: float
) -> list[Row]:
    """Size of the non-inferiority tests where the new AUC is lower by exactly the margin."""
    labels = images.labels
    hits: dict[str, list[Floats]] = {name: [] for name in MARGIN_TESTS.values()}
    for size in _blocks(replicates):
        table = scores(labels, auc=(auc - MARGIN, auc), correlation=correlation, replicates=size, rng=rng)
        found = paired_aucs(labels, table)
        hits[MARGIN_TESTS["delong"]].append(margin_p(found) < ONE_SIDED)
        for name, lower in mover_lower(labels, table).items():
            hits[MARGIN_TESTS[name]].append((lower > -MARGIN) & (found.pairs.std_error > 0.0))
    settings: Row = {"n": images.n, "auc": auc, "correlation": correlation}
    return [
        rate(np.concatenate(own), kind="size", method=name, nominal=ONE_SIDED, **settings)
        for name, own in hits.items()
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    sets = {"images": SETS}
    small = {"images": SETS[:2]}
    paired = crossed(**sets, auc=AUCS, correlation=CORRELATIONS)
    few = crossed(**sets, auc=(0.8, 0.96), correlation=(0.5,))
    groups = crossed(images=SETS[1:], auc=(0.8, 0.96), pure=(True, False), intra=(0.0, 0.5, 0.8))
    margins = crossed(**sets, auc=(0.8, 0.9, 0.96, 0.99), correlation=(0.5, 0.9))
    spreads = crossed(**sets, auc=AUCS, spread=(1.0,)) + crossed(**small, auc=AUCS, spread=(2.0,))
    return [
        *many("auc", auc_intervals, spreads, 20_000),
        *many("delong", delong_pairs, paired, 10_000),
        *many("clustered", clustered_pairs, groups, 5_000),
        *many("models", several_models, few, 3_000),
        *many("models", three_models, few, 1_500, 5),
        *many("margin", auc_margin, margins, 10_000),
    ]


def _blocks(replicates: int) -> list[int]:
    whole, rest = divmod(replicates, BLOCK)
    return [BLOCK] * whole + ([rest] if rest else [])
