"""The discordant counts that two accuracies and a printed McNemar test leave possible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc

from stats.claims.check import Check, first_possible, not_run
from stats.claims.printed import Printed, Range, Reading

CODE = "mcnemar"
VARIANTS = ("chi2_corrected", "chi2", "exact", "mid_p")
MOST_TABLES = 5_000_000
_LISTED = 1000

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectPair:
    """How many of n images two models classify correctly, and how many they can disagree on."""

    correct_a: int
    correct_b: int
    fewest: int
    most: int


def pairs_from_counts(counts_a: Iterable[int], counts_b: Iterable[int], n: int) -> list[CorrectPair]:
    """Return the pairs of numbers of correct images, of n."""
    counts_b = list(counts_b)
    return [_pair(a, b, abs(a - b), _most(a, b, n)) for a in counts_a for b in counts_b]


def pairs_from_tables(
    tables_a: Iterable[tuple[int, int]],
    tables_b: Iterable[tuple[int, int]],
    *,
    n_positive: int,
    n_negative: int,
) -> list[CorrectPair]:
    """Return the pairs from (true positives, true negatives) of both models.

    Each class disagrees on its own, which leaves fewer discordant counts than the accuracies alone.
    """
    tables_b = list(tables_b)
    found = {
        _pair(
            tp_a + tn_a,
            tp_b + tn_b,
            abs(tp_a - tp_b) + abs(tn_a - tn_b),
            _most(tp_a, tp_b, n_positive) + _most(tn_a, tn_b, n_negative),
        )
        for tp_a, tn_a in tables_a
        for tp_b, tn_b in tables_b
    }
    return sorted(found, key=lambda pair: (pair.correct_a, pair.correct_b, pair.fewest))


def mcnemar_check(
    pairs: Iterable[CorrectPair],
    *,
    statistic: Printed | None,
    p: Printed | None,
    variant: str | None = None,
    discordant: tuple[int, int] | None = None,
) -> Check:
    """Check that a McNemar statistic and p-value are possible, and list all discordant counts that fit.

    Parameters
    ----------
    pairs : what the models' figures leave possible
    variant : one of VARIANTS, or None where the paper does not say which; all are tried then
    discordant : printed numbers of images that only a and only b classify correctly, where there are

    Raises
    ------
    ValueError : `variant` is none of VARIANTS
    """
    if variant is not None and variant not in VARIANTS:
        raise ValueError(f"`variant` is {variant!r}; allowed: {', '.join(VARIANTS)}.")
    pairs = list(pairs)
    if statistic is None and p is None:
        return not_run(CODE, "The statistic or the p-value is needed.")
    if statistic is not None and variant in ("exact", "mid_p"):
        return not_run(CODE, f"The {variant.replace('_', '-')} form has no statistic; which form gave it?")
    if sum(pair.most - pair.fewest for pair in pairs) > 2 * MOST_TABLES:
        return not_run(CODE, f"More than {MOST_TABLES:,} discordant counts would have to be tried.")
    only_a, only_b = _discordant(pairs)
    if discordant is not None:
        same = (only_a == discordant[0]) & (only_b == discordant[1])
        only_a, only_b = only_a[same], only_b[same]
    said = " and ".join(
        f"{name} {printed.text}"
        for name, printed in (("statistic", statistic), ("p", p))
        if printed is not None
    )

    def ask(reading: Reading) -> Check:
        rows = [
            {"only_a": int(b), "only_b": int(c), "variant": name}
            for name in ((variant,) if variant else VARIANTS)
            for b, c in _fitting(only_a, only_b, name, statistic, p, reading)
        ]
        if rows:
            tables = list(dict.fromkeys((row["only_a"], row["only_b"]) for row in rows))
            listed = ", ".join(f"{b}/{c}" for b, c in tables[:6]) + (", ..." if len(tables) > 6 else "")
            return Check(
                code=CODE,
                verdict="consistent",
                sentence=f"{said}: right by one model alone in {listed} images "
                f"({', '.join(dict.fromkeys(str(row['variant']) for row in rows))}).",
                evidence=tuple(rows[:_LISTED]),
            )
        return Check(
            code=CODE,
            verdict="contradiction",
            sentence=f"No discordant counts that the models' figures allow give {said}"
            f"{f' ({variant})' if variant else ' in any form of the test'}.",
            evidence=tuple(
                {
                    "correct_a": pair.correct_a,
                    "correct_b": pair.correct_b,
                    "fewest": pair.fewest,
                    "most": pair.most,
                }
                for pair in pairs[:_LISTED]
            ),
        )

    return first_possible(ask)


def mcnemar_figures(
    only_a: Counts, only_b: Counts, variant: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return statistic and p-value of discordant counts, shape of the counts; NaN where they do not exist.

    The forms are those of stats.rates.mcnemar; the tests hold them together.
    """
    total, gap = (only_a + only_b).astype(float), np.abs(only_a - only_b).astype(float)
    none = np.full(total.shape, np.nan)
    if variant in ("chi2", "chi2_corrected"):
        less = np.where(gap > 0, 1.0, 0.0) if variant == "chi2_corrected" else 0.0
        statistic = np.divide((gap - less) ** 2, total, out=none, where=total > 0)
        return statistic, chdtrc(1.0, statistic)
    fewer = np.minimum(only_a, only_b).astype(float)
    tail = betainc(total - fewer, fewer + 1.0, 0.5, out=np.ones(total.shape), where=total > fewer)
    exact = np.where(gap == 0, 1.0, np.minimum(1.0, 2.0 * tail))
    if variant == "exact":
        return none, exact
    below = betainc(total - fewer + 1.0, fewer, 0.5, out=np.zeros(total.shape), where=fewer > 0)
    at = tail - below
    return none, np.where(
        total == 0, 1.0, np.where(gap == 0, 1.0 - 0.5 * at, np.minimum(1.0, 2.0 * tail - at))
    )


def _fitting(
    only_a: Counts,
    only_b: Counts,
    variant: str,
    statistic: Printed | None,
    p: Printed | None,
    reading: Reading,
) -> list[tuple[int, int]]:
    found_statistic, found_p = mcnemar_figures(only_a, only_b, variant)
    fits = np.ones(only_a.shape, dtype=bool)
    for printed, value in ((statistic, found_statistic), (p, found_p)):
        if printed is not None:
            fits &= _inside(value, printed.range(reading))
    return [(int(b), int(c)) for b, c in zip(only_a[fits], only_b[fits], strict=True)]


def _inside(values: NDArray[np.float64], allowed: Range) -> NDArray[np.bool_]:
    return (values >= allowed.low - 1e-12) & (values <= allowed.high + 1e-12)


def _discordant(pairs: list[CorrectPair]) -> tuple[Counts, Counts]:
    """Return all discordant counts (only a correct, only b correct) that the pairs allow, each once."""
    found = []
    for pair in pairs:
        gap = pair.correct_a - pair.correct_b
        total = np.arange(pair.fewest, pair.most + 1, 2, dtype=np.int64)
        found.append(np.stack([(total + gap) // 2, (total - gap) // 2], axis=1))
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    both = np.unique(np.concatenate(found), axis=0)
    return both[:, 0], both[:, 1]


def _pair(correct_a: int, correct_b: int, fewest: int, most: int) -> CorrectPair:
    return CorrectPair(correct_a=correct_a, correct_b=correct_b, fewest=fewest, most=most)


def _most(a: int, b: int, n: int) -> int:
    """Return on how many of n images models with a and b correct ones can disagree at most."""
    return min(a, n - b) + min(b, n - a)
