"""The paper's Tables 8, 9 and 14, for which no predictions were published, from its own printed figures.

A test set of m positive and n negative images allows few values: an AUC is a whole number of half pairs over
m n, an accuracy a whole number of images over m + n. The nearest such value to a printed one is the value
before rounding, if it rounds to the print. From these follow the counts that McNemar's test had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from manuscript.published.from_grid import Key
from manuscript.published.value import Computed
from stats.rates.mcnemar import McnemarResult, mcnemar_counts

ARMS = ("ImageNet", "RadImageNet")
CONF_LEVEL = 0.95
PAIRS, COUNTS = "pairs of images", "counts of images"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """Images of a test set by true class."""

    n_positive: int
    n_negative: int

    @property
    def n(self) -> int:
        return self.n_positive + self.n_negative

    def nearest_auc(self, auc: float) -> float:
        """The possible AUC next to a rounded one; ties count half a pair."""
        half_pairs = 2 * self.n_positive * self.n_negative
        return round(auc * half_pairs) / half_pairs

    def nearest_correct(self, accuracy: float) -> int:
        """The number of correct images next to a rounded accuracy."""
        return round(accuracy * self.n)

    def nearest_f1(self, f1: float, *, n_correct: int) -> float:
        """The F1 next to a rounded one among those that `n_correct` correct images allow."""
        n_wrong = self.n - n_correct
        fewest = max(0, self.n_positive - n_wrong)
        possible = [
            2 * true_positive / (2 * true_positive + n_wrong)
            for true_positive in range(fewest, min(self.n_positive, n_correct) + 1)
            if true_positive + n_wrong
        ]
        return min(possible, key=lambda value: abs(value - f1))


def summary_values(
    printed: Mapping[Key, str], test_images: Mapping[str, tuple[int, int]]
) -> dict[Key, Computed]:
    """Return every value of Tables 8, 9 (test images) and 14 that other printed figures determine.

    Parameters
    ----------
    printed : text in the paper by (table, row, quantity)
    test_images : positive and negative test images per task
    """
    values: dict[Key, Computed] = {}
    for task, (n_positive, n_negative) in test_images.items():
        images = ImageCounts(n_positive=n_positive, n_negative=n_negative)
        for arm in ARMS:
            values |= _performance(printed, f"{task} {arm}", images)
        values |= _delong(printed, task, images) | _mcnemar(printed, task, images)
    return values


def reconstructed_mcnemar(printed: Mapping[Key, str], task: str, images: ImageCounts) -> McnemarResult:
    """McNemar's test from the counts that the printed accuracies and statistic of a task allow.

    The accuracies give the difference of the discordant counts; their sum is the one whose statistic, with
    continuity correction, is next to the printed one.
    """
    correct = [images.nearest_correct(float(printed["9", f"{task} {arm}", "test accuracy"])) for arm in ARMS]
    gap = correct[0] - correct[1]
    statistic = float(printed["14", task, "chi-square"])

    possible = []
    for n_discordant in range(abs(gap), images.n + 1, 2):
        only_a = (n_discordant + gap) // 2
        both = correct[0] - only_a
        counts = (both, only_a, only_a - gap, images.n - both - n_discordant)
        if n_discordant and min(counts) >= 0:
            possible.append(mcnemar_counts(*counts))
    return min(possible, key=lambda result: abs(result.statistic_corrected - statistic))


def _performance(printed: Mapping[Key, str], row: str, images: ImageCounts) -> dict[Key, Computed]:
    auc, f1, accuracy = (float(printed["9", row, f"test {name}"]) for name in ("AUC", "F1", "accuracy"))
    correct = images.nearest_correct(accuracy)
    return {
        ("9", row, "test AUC"): _possible(images.nearest_auc(auc), PAIRS),
        ("9", row, "test F1"): _possible(images.nearest_f1(f1, n_correct=correct), COUNTS),
        ("9", row, "test accuracy"): _possible(correct / images.n, COUNTS),
    }


def _possible(value: float, unit: str) -> Computed:
    return Computed(value=value, source=unit)


def _delong(printed: Mapping[Key, str], task: str, images: ImageCounts) -> dict[Key, Computed]:
    """AUCs from pairs of images; z from them and the interval; p and the interval from the printed z."""
    texts = {name: printed["8", task, name] for name in ("Z", "lower limit", "upper limit")}
    z, low, high = (float(texts[name]) for name in texts)
    quantile = float(ndtri((1 + CONF_LEVEL) / 2))
    aucs = {arm: images.nearest_auc(float(printed["8", task, f"AUC {arm}"])) for arm in ARMS}
    difference = aucs[ARMS[0]] - aucs[ARMS[1]]
    slack = _half_unit(texts["lower limit"]) + _half_unit(texts["upper limit"])
    narrow, width, wide = (2 * quantile * difference / (high - low + d) for d in (slack, 0.0, -slack))
    half_width = quantile * difference / z
    interval = "AUCs, printed Z"
    values = {("8", task, f"AUC {arm}"): _possible(value, PAIRS) for arm, value in aucs.items()}
    return values | {
        ("8", task, "Z"): Computed(value=width, source="AUCs, printed interval", low=narrow, high=wide),
        ("8", task, "p"): Computed(
            value=2 * float(ndtr(-abs(z))), source="printed Z", **_p_range(texts["Z"])
        ),
        ("8", task, "lower limit"): Computed(value=difference - half_width, source=interval),
        ("8", task, "upper limit"): Computed(value=difference + half_width, source=interval),
    }


def _p_range(z: str) -> dict[str, float]:
    smallest, largest = abs(float(z)) - _half_unit(z), abs(float(z)) + _half_unit(z)
    return {"low": 2 * float(ndtr(-largest)), "high": 2 * float(ndtr(-smallest))}


def _mcnemar(printed: Mapping[Key, str], task: str, images: ImageCounts) -> dict[Key, Computed]:
    result = reconstructed_mcnemar(printed, task, images)
    row = result.to_result(variant="chi2_corrected")
    source = f"counts {result.only_a} and {result.only_b}"
    values = {"chi-square": row.statistic, "df": row.df, "p": row.p_value}
    return {("14", task, name): Computed(value=float(value), source=source) for name, value in values.items()}


def _half_unit(printed: str) -> float:
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])
