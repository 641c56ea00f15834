"""McNemar's four forms, paired intervals and margins of accuracies, one proportion, patients, Cochran's Q."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binom, multivariate_normal

from benchmarks.validation.rates import Case, Row, crossed, exact_rate, holds, many, rate
from benchmarks.validation.simulate import CORRELATIONS, SETS, Floats, ImageSet, clustered_set
from stats.rates.cochran import cochran_test
from stats.rates.mcnemar import VARIANTS, mcnemar_counts
from stats.rates.mcnemar_clustered import clustered_mcnemar_test
from stats.rates.paired_proportions import tango_paired_ci, tango_statistic
from stats.rates.proportions import clopper_pearson_ci, wilson_ci

P_OF = {"chi2_corrected": "p_corrected", "chi2": "p_chi2", "exact": "p_exact", "mid_p": "p_mid"}
MARGIN = 0.05
ONE_SIDED = 0.025


def cell_chances(accuracy_a: float, accuracy_b: float, correlation: float) -> Floats:
    """Return P(both right, only a, only b, both wrong) of two thresholded normal scores."""
    bound = ndtri([accuracy_a, accuracy_b])
    both = float(multivariate_normal(cov=[[1.0, correlation], [correlation, 1.0]]).cdf(bound))
    return np.array([both, accuracy_a - both, accuracy_b - both, 1.0 - accuracy_a - accuracy_b + both])


def mcnemar_pairs(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, accuracy: float, correlation: float
) -> list[Row]:
    """Size of every form of McNemar's test; equal accuracies."""
    tables, back = _tables(replicates, rng, images.n, cell_chances(accuracy, accuracy, correlation))
    fits = [mcnemar_counts(*table) for table in tables]
    settings: Row = {"n": images.n, "accuracy": accuracy, "correlation": correlation}
    return [
        rate(
            np.array([getattr(fit, P_OF[variant]) < 0.05 for fit in fits])[back],
            kind="size",
            method=name,
            **settings,
        )
        for variant, name in VARIANTS.items()
    ]


def paired_intervals(
    replicates: int,
    rng: np.random.Generator,
    *,
    images: ImageSet,
    accuracy: float,
    difference: float,
    correlation: float,
) -> list[Row]:
    """Coverage of the intervals of a difference of accuracies: `accuracy` against `accuracy - difference`."""
    chances = cell_chances(accuracy, accuracy - difference, correlation)
    tables, back = _tables(replicates, rng, images.n, chances)
    newcombe = np.array([(fit.conf_low, fit.conf_high) for fit in (mcnemar_counts(*t) for t in tables)])
    tango = np.array([tango_paired_ci(*table) for table in tables])
    settings: Row = {
        "n": images.n, "accuracy": accuracy, "difference": difference, "correlation": correlation,
    }  # fmt: skip
    return [
        rate(
            holds(low_high[back, 0], low_high[back, 1], difference),
            kind="coverage",
            method=method,
            width=float((low_high[back, 1] - low_high[back, 0]).mean()),
            **settings,
        )
        for method, low_high in (("Newcombe", newcombe), ("Tango", tango))
    ]


def accuracy_margin(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, accuracy: float, correlation: float
) -> list[Row]:
    """Size of Tango's non-inferiority test where the new accuracy is lower by exactly the margin."""
    chances = cell_chances(accuracy - MARGIN, accuracy, correlation)
    tables, back = _tables(replicates, rng, images.n, chances)
    n = images.n
    hit = [ndtr(-tango_statistic(int(a), int(b), n, -MARGIN)) < ONE_SIDED for _, a, b, _ in tables]
    settings: Row = {"n": n, "accuracy": accuracy, "correlation": correlation}
    return [rate(np.array(hit)[back], kind="size", method="accuracy, Tango", nominal=ONE_SIDED, **settings)]


def one_proportion(replicates: int, rng: np.random.Generator, *, n: int, proportion: float) -> list[Row]:
    """Coverage of the intervals of one proportion: all outcomes added up, nothing simulated."""
    chance = binom.pmf(np.arange(n + 1), n, proportion)
    rows = []
    for method, interval in (("Wilson", wilson_ci), ("Clopper-Pearson", clopper_pearson_ci)):
        limits = np.array([interval(count, n) for count in range(n + 1)])
        inside = float(chance[holds(limits[:, 0], limits[:, 1], proportion)].sum())
        rows.append(exact_rate(inside, kind="coverage", method=method, n=n, proportion=proportion))
    return rows


def clustered_correct(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, intra: float
) -> list[Row]:
    """Plain and clustered McNemar tests, 1 to 5 images per patient; accuracy 0.8, models correlated 0.5."""
    _, patients = clustered_set(images, pure=False, rng=rng)
    hits: dict[str, list[bool]] = {
        name: [] for name in ("mid-p", "Obuchowski", "Durkalski", "permutation of patients")
    }
    for _ in range(replicates):
        right = _right(patients, intra, rng)
        a, b = right.T
        plain = mcnemar_counts(*(int(c.sum()) for c in (a & b, a & ~b, ~a & b, ~a & ~b)))
        fit = clustered_mcnemar_test(a, b, patients.tolist(), n_resamples=999, rng=rng)
        found = (plain.p_mid, fit.p_obuchowski, fit.p_durkalski, fit.p_permutation)
        for name, p in zip(hits, found, strict=True):
            hits[name].append(p < 0.05)
    return [rate(h, kind="size", method=m, n=images.n, intra=intra) for m, h in hits.items()]


def cochran_models(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, accuracy: float
) -> list[Row]:
    """Size of Cochran's Q for five models, correlated 0.5."""
    p = {"chi-square": [], "permutation": []}  # type: dict[str, list[float]]
    for _ in range(replicates):
        common = rng.standard_normal((images.n, 1))
        right = np.sqrt(0.5) * common + np.sqrt(0.5) * rng.standard_normal((images.n, 5)) < ndtri(accuracy)
        fit = cochran_test(right, n_resamples=999, rng=rng)
        for name, value in zip(p, (fit.p_chi2, fit.p_permutation), strict=True):
            p[name].append(value)
    return [
        rate(np.array(v) < 0.05, kind="size", method=f"Cochran's Q, {m}", n=images.n, accuracy=accuracy)
        for m, v in p.items()
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    tested = crossed(images=SETS, accuracy=(0.8, 0.95), correlation=CORRELATIONS)
    shifted = crossed(images=SETS, accuracy=(0.8, 0.95), difference=(0.0, 0.1), correlation=(0.0, 0.5, 0.9))
    single = crossed(n=(21, 58, 103, 500), proportion=(0.6, 0.8, 0.9, 0.96, 0.99))
    return [
        *many("mcnemar", mcnemar_pairs, tested, 20_000),
        *many("paired", paired_intervals, shifted, 10_000),
        *many(
            "margin",
            accuracy_margin,
            crossed(images=SETS, accuracy=(0.8, 0.95), correlation=(0.5, 0.9)),
            20_000,
        ),
        *many("proportion", one_proportion, single, 1, 1),
        *many(
            "clustered mcnemar", clustered_correct, crossed(images=SETS[1:], intra=(0.0, 0.5, 0.8)), 3_000, 20
        ),
        *many("cochran", cochran_models, crossed(images=SETS, accuracy=(0.8, 0.95)), 2_000, 20),
    ]


def _tables(
    replicates: int, rng: np.random.Generator, n: int, chances: Floats
) -> tuple[list[list[int]], np.ndarray]:
    """Distinct 2 x 2 tables of the simulated sets and which of them each set has."""
    chances = np.maximum(chances, 0.0)
    drawn = rng.multinomial(n, chances / chances.sum(), size=replicates)
    tables, back = np.unique(drawn, axis=0, return_inverse=True)
    return tables.tolist(), back.ravel()


def _right(patients: np.ndarray, intra: float, rng: np.random.Generator) -> np.ndarray:
    """Which of two models is right on each image, (n, 2), with accuracy 0.8."""

    def noise(rows: int) -> Floats:
        return np.sqrt(0.5) * rng.standard_normal((rows, 1)) + np.sqrt(0.5) * rng.standard_normal((rows, 2))

    latent = (
        np.sqrt(1.0 - intra) * noise(patients.size) + np.sqrt(intra) * noise(patients.max() + 1)[patients]
    )
    return latent < ndtri(0.8)
