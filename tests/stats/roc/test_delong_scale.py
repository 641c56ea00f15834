"""DeLong from 4 to 100,000 images, 1 positive per 1000, scores one bit apart or near the ends of float64.

The inputs are formulas that R and Python follow exactly (tests/golden/comparisons_scale.R).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stats.roc.delong import delong, delong_test
from stats.roc.delong_unpaired import delong_unpaired
from stats.roc.partial_auc import partial_auc

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_scale.json").read_text())
CLOSED_FORM = 1e-10  # ranks, sums and one normal tail; the JSON holds 15 digits
STEPS = {
    "plain": lambda s: s,
    "ulp": lambda s: 1.0 + s * 2.0**-52,
    "huge": lambda s: s * 2.0**990,
    "tiny": lambda s: s * 2.0**-1074,
}


def lehmer(n: int, seed: int) -> np.ndarray:
    """Park and Miller's generator, in whole numbers."""
    out, x = np.empty(n), seed
    for i in range(n):
        x = (16807 * x) % 2147483647
        out[i] = x
    return out


def inputs(case: dict) -> tuple[np.ndarray, np.ndarray]:
    m, n, levels = case["m"], case["n"], case["levels"]
    y = np.repeat([1, 0], [m, n])
    common = lehmer(m + n, 12345) % levels
    own = [lehmer(m + n, 1001 + j) % levels + shift * y for j, shift in enumerate(case["shift"])]
    return y, STEPS[case["step"]](np.column_stack([common + scores for scores in own]))


def close(value: float, expected: float | str) -> None:
    assert value == pytest.approx(float(expected), rel=CLOSED_FORM, abs=1e-14, nan_ok=True)


def close_p(value: float, expected: float) -> None:
    assert value == pytest.approx(expected, rel=1e-9, abs=0.0)  # z of 30 loses a digit in its tail


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_proc(case: dict) -> None:
    y, scores = inputs(case)
    fit = delong(y, scores)
    for k, model in enumerate(case["models"]):
        close(fit.auc[k], model["auc"])
        close(fit.std_error[k], model["std_error"])
        close(fit.conf_low[k], model["conf_low"])
        close(fit.conf_high[k], model["conf_high"])
    unpaired = delong_unpaired([(y, s) for s in scores.T], names=[f"m{k}" for k in range(case["k"])])
    for i, pair in enumerate(case["pairs"]):
        close(fit.pairs.statistic[i], pair["statistic"])
        close_p(fit.pairs.p_value[i], pair["p_value"])
        close(fit.pairs.conf_low[i], pair["conf_low"])
        close(fit.pairs.conf_high[i], pair["conf_high"])
        if unpaired.pairs.std_error[i] > 0.0:  # else pROC has NaN
            close(unpaired.pairs.statistic[i], pair["unpaired_statistic"])
            close(unpaired.pairs.df[i], pair["unpaired_df"])
            close_p(unpaired.pairs.p_value[i], pair["unpaired_p"])


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_partial_areas_against_proc(case: dict) -> None:
    y, scores = inputs(case)
    expected = iter(case["partial"])
    for focus in ("specificity", "sensitivity"):
        for correct in (False, True):
            found = partial_auc(y, scores[:, 0], low=0.85, focus=focus, correct=correct)
            wanted = next(expected)
            close(found, "nan" if wanted in ("NA", "NaN", None) else wanted)


@pytest.mark.parametrize(
    ("m", "n", "wins", "printed"),
    [(58, 45, (2602, 2504), (0.9969, 0.9594)), (21, 57, (1154, 1064), (0.9641, 0.8889))],
    ids=["ACL", "breast"],
)
def test_the_paper_table_8(m: int, n: int, wins: tuple[int, int], printed: tuple[float, float]) -> None:
    """AUCs of the paper are these whole numbers of pairs won; any scores that win as many give them."""
    y = np.repeat([1, 0], [m, n])
    scores = np.column_stack([_winning(m, n, w) for w in wins])
    fit = delong(y, scores)
    assert fit.auc.tolist() == [w / (m * n) for w in wins]
    assert np.round(fit.auc, 4).tolist() == list(printed)
    assert fit.pairs.difference[0] == (wins[0] - wins[1]) / (m * n)
    assert delong_test(y, scores[:, 0], scores[:, 1]).estimate == fit.pairs.difference[0]


def _winning(m: int, n: int, wins: int) -> np.ndarray:
    """Scores, positives first, of which a positive image wins exactly `wins` of the m n pairs."""
    whole, rest = divmod(wins, n)
    beaten = np.concatenate([np.full(whole, n), [rest], np.zeros(m)])[:m]
    return np.r_[beaten - 0.5, np.arange(n)]


def test_equal_unpaired_aucs_without_variance_are_no_difference() -> None:
    y, score = [1, 1, 0, 0, 0], [5.0, 4.0, 3.0, 2.0, 1.0]
    pairs = delong_unpaired([(y, score), (y, score)], names=["a", "b"]).pairs
    assert (pairs.statistic[0], pairs.p_value[0]) == (0.0, 1.0)
    worse = delong_unpaired([(y, score), (y, [0.0] * 5)], names=["a", "b"])
    assert np.isnan(worse.pairs.p_value[0])
    assert any("estimated variance of 0" in note for note in worse.notes)


def test_minus_zero_is_zero_and_one_bit_is_a_difference() -> None:
    y = [1, 1, 0, 0]
    assert delong(y, [0.0, -0.0, 0.0, -0.0]).auc[0] == 0.5
    above = np.nextafter(0.3, 1.0)
    assert delong(y, [above, above, 0.3, 0.3]).auc[0] == 1.0
    assert delong(y, [5e-324, 5e-324, 0.0, -0.0]).auc[0] == 1.0
