"""A decision threshold chosen on validation images, once and for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import check_choice, checked_labels, checked_scores
from stats.results import joined_notes
from stats.roc.resampled import observed_curve

Floats = NDArray[np.float64]

RULES = {
    "fixed": "fixed at 0.5 or as given, not chosen on data",
    "youden": "largest sensitivity + specificity - 1; ties: closest sensitivity and specificity, then the "
    "higher sensitivity",
    "sensitivity": "highest threshold that reaches the target sensitivity",
    "specificity": "lowest threshold that reaches the target specificity",
}
_SAME_COUNT = 1e-9  # a target this close to a whole number of images is that number


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenThreshold:
    """A threshold, how it was chosen, and what it reached where it was chosen.

    score >= threshold is called positive; -inf calls all images positive, inf none. `sensitivity` and
    `specificity` are those of the images it was chosen on, hence flattered; `n_tied` counts the thresholds
    with the same Youden index.
    """

    threshold: float
    rule: str
    target: float | None
    sensitivity: float
    specificity: float
    n_tied: int
    n_positive: int
    n_negative: int
    method: str
    note: str | None


def choose_threshold(
    y_true: ArrayLike, score: ArrayLike, *, rule: str = "youden", target: float | None = None
) -> ChosenThreshold:
    """Choose a decision threshold on validation images. Never give it test images.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    rule : one of RULES
    target : the sensitivity or specificity to reach, in (0, 1]; for "fixed" the threshold (default 0.5)

    Raises
    ------
    ValueError : unknown rule; a target that is missing, not allowed or out of range; lengths differ; a score
        is not finite; one class only

    Notes
    -----
    Candidates lie halfway between neighbouring distinct scores, and at -inf and inf, as in pROC: all
    thresholds that split the validation images alike are equal there, and the middle is the least arbitrary.
    Counts are compared, not rates, so that ties are exact. Source of the index: Youden 1950 (Cancer 3:32).
    Equals pROC `coords("best")` where the maximum is unique (tests/golden/roc.json).
    """
    check_choice("rule", rule, tuple(RULES))
    _check_target(rule, target)
    labels = checked_labels(y_true)
    scores = checked_scores(score, n=labels.size, names=["score"])[:, 0]
    if rule == "fixed":
        threshold = 0.5 if target is None else float(target)
        called = scores >= threshold
        hits, rejected, tied = int((called & labels).sum()), int((~called & ~labels).sum()), 1
    else:
        curve = observed_curve(labels, scores)
        true = curve.true_positive[0].astype(np.int64)
        kept = (~labels).sum() - curve.false_positive[0].astype(np.int64)
        place, tied = _best_place(rule, target, true, kept)
        threshold, hits, rejected = _candidates(scores)[place], int(true[place]), int(kept[place])
    m, n = int(labels.sum()), int((~labels).sum())
    alike = (hits, rejected) in ((m, 0), (0, n))
    return ChosenThreshold(
        threshold=float(threshold),
        rule=rule,
        target=target,
        sensitivity=hits / m,
        specificity=rejected / n,
        n_tied=tied,
        n_positive=m,
        n_negative=n,
        method=RULES[rule],
        note=joined_notes(
            f"{tied} thresholds share the largest Youden index; taken by rule" if tied > 1 else None,
            "this threshold calls every validation image alike" if alike else None,
        ),
    )


def _check_target(rule: str, target: float | None) -> None:
    if rule in ("sensitivity", "specificity"):
        if target is None or not 0.0 < target <= 1.0:
            raise ValueError(
                f"rule={rule!r} needs a `target` above 0 and up to 1, for example 0.9; got {target}."
            )
    elif rule == "youden" and target is not None:
        raise ValueError(f"rule='youden' takes no `target`; got {target}.")
    elif target is not None and np.isnan(target):
        raise ValueError("`target` is NaN; give the threshold as a number.")


def _best_place(
    rule: str, target: float | None, true: NDArray[np.int64], kept: NDArray[np.int64]
) -> tuple[int, int]:
    """Index of the chosen candidate and the number of candidates tied with it.

    true, kept : positives called positive and negatives called negative at falling thresholds.
    """
    m, n = int(true[-1]), int(kept[0])
    if rule == "sensitivity" and target is not None:
        return int(np.flatnonzero(true >= target * m - _SAME_COUNT * m)[0]), 1
    if rule == "specificity" and target is not None:
        return int(np.flatnonzero(kept >= target * n - _SAME_COUNT * n)[-1]), 1
    index = true * n + kept * m  # (sensitivity + specificity) x m n, a whole number
    tied = np.flatnonzero(index == index.max())
    gap = np.abs(true[tied] * n - kept[tied] * m)
    return int(tied[np.lexsort((-true[tied], gap))[0]]), int(tied.size)


def _candidates(scores: Floats) -> Floats:
    """Thresholds from inf down to -inf, halfway between distinct scores."""
    distinct = np.unique(scores)
    middle = distinct[:-1] / 2.0 + distinct[1:] / 2.0
    # neighbours in float64 have no number between them: the upper one separates them by >=
    middle = np.where(middle > distinct[:-1], np.minimum(middle, distinct[1:]), distinct[1:])
    return np.r_[-np.inf, middle, np.inf][::-1]
