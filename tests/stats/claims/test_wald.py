"""Figures of one test: honest rounding is never accused, and R's own figures are consistent."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as distributions

from stats.claims.printed import Range, parse_printed
from stats.claims.wald import WaldFigures, wald_check

GOLDEN = Path(__file__).parents[2] / "golden"
DIGITS = st.integers(1, 6)


def printed(value: float, digits: int):
    return parse_printed(f"{value:.{digits}f}")


def cut_off(value: float, digits: int):
    text = f"{abs(value):.{digits + 12}f}"[:-12]
    return parse_printed(("-" if value < 0 else "") + text)


def figures(estimate, std_error, df, alternative, level, write, digits) -> WaldFigures:
    law = distributions.norm if df is None else distributions.t(df)
    ratio = estimate / std_error
    tail = {"two-sided": 2 * law.sf(abs(ratio)), "greater": law.sf(ratio), "less": law.cdf(ratio)}[
        alternative
    ]
    width = float(law.isf((1 - level) / 2)) * std_error
    return WaldFigures(
        estimate=write(estimate, digits[0]),
        std_error=write(std_error, digits[1]),
        statistic=write(ratio, digits[2]),
        p=write(float(tail), digits[3]),
        low=write(estimate - width, digits[0]),
        high=write(estimate + width, digits[0]),
        distribution="z" if df is None else "t",
        df=None if df is None else write(df, digits[4]),
        level=level,
        alternative=alternative,
    )


HONEST = {
    "estimate": st.floats(-0.5, 0.5),
    "std_error": st.floats(1e-4, 0.3),
    "df": st.none() | st.floats(1.5, 400),
    "alternative": st.sampled_from(["two-sided", "greater", "less"]),
    "level": st.sampled_from([0.9, 0.95, 0.99]),
    "digits": st.tuples(DIGITS, DIGITS, DIGITS, DIGITS, st.integers(0, 3)),
}


@settings(max_examples=150, deadline=None)
@given(**HONEST)
def test_no_honest_rounding_is_accused(**drawn):
    assert wald_check(figures(write=printed, **drawn)).verdict == "consistent"


@settings(max_examples=100, deadline=None)
@given(**HONEST)
def test_digits_that_were_dropped_are_a_note_at_most(**drawn):
    assert wald_check(figures(write=cut_off, **drawn)).verdict in ("consistent", "cut off")


@settings(max_examples=50, deadline=None)
@given(**HONEST)
def test_an_unstated_alternative_is_never_accused(**drawn):
    stated = figures(write=printed, **drawn)
    names = ("estimate", "std_error", "statistic", "p", "low", "high", "distribution", "df", "level")
    silent = WaldFigures(**{name: getattr(stated, name) for name in names})
    assert wald_check(silent).verdict in ("consistent", "doubtful")


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
def test_figures_of_proc_are_consistent(digits):
    for case in json.loads((GOLDEN / "delong.json").read_text())["cases"]:
        for pair in case["pairs"]:
            if not math.isfinite(float(pair["statistic"] or "nan")):
                continue
            a, b = (case["models"][pair[side]]["auc"] for side in "ab")
            found = wald_check(
                WaldFigures(
                    statistic=printed(pair["statistic"], digits),
                    p=printed(pair["p_value"], digits),
                    low=printed(pair["conf_low"], digits),
                    high=printed(pair["conf_high"], digits),
                    known_estimate=("AUCs", printed(a, digits).range() - printed(b, digits).range()),
                )
            )
            assert found.verdict == "consistent", (case["name"], found.sentence)


def test_duality_is_named_where_interval_and_p_disagree():
    low, high = parse_printed("-0.012"), parse_printed("0.074")
    found = wald_check(WaldFigures(low=low, high=high, p=parse_printed("<0.001")))
    assert (found.code, found.verdict) == ("duality", "contradiction")
    apart = wald_check(
        WaldFigures(
            low=low, high=high, p=parse_printed("<0.001"), estimate=parse_printed("0.031"), same_method=False,
            statistic=parse_printed("4.1"),
        )
    )  # fmt: skip
    assert (apart.code, apart.verdict) == ("duality", "doubtful")
    outside = WaldFigures(low=parse_printed("0.012"), high=parse_printed("0.074"), p=parse_printed("0.23"))
    assert wald_check(outside).code == "duality"
    border = WaldFigures(low=parse_printed("0.00"), high=parse_printed("0.07"), p=parse_printed("0.049"))
    assert wald_check(border).verdict == "consistent"


@pytest.mark.parametrize(
    ("given_figures", "culprits"),
    [
        ({"statistic": "2.10", "p": "0.012"}, "Statistic 2.10 and p 0.012 cannot belong together."),
        ({"estimate": "0.03", "low": "0.05", "high": "0.09"}, "Estimate 0.03 and lower limit 0.05"),
        ({"std_error": "0.010", "low": "0.01", "high": "0.09"}, "Standard error 0.010, lower limit 0.01 and"),
        ({"low": "0.09", "high": "0.01", "estimate": "0.05"}, "lower limit 0.09"),
        ({"statistic": "2.1", "p": "1.3"}, "p 1.3 is impossible."),
    ],
)
def test_the_smallest_set_of_contradicting_figures_is_named(given_figures, culprits):
    found = wald_check(WaldFigures(**{name: parse_printed(text) for name, text in given_figures.items()}))
    assert found.verdict == "contradiction"
    assert culprits in found.sentence


@pytest.mark.parametrize(
    ("given_figures", "words"),
    [
        ({"statistic": "2.10", "p": "0.0179"}, "p is one-sided"),
        ({"statistic": "-2.10", "estimate": "0.021", "std_error": "0.010"}, "opposite difference"),
        (
            {"estimate": "0.0200", "std_error": "0.0100", "low": "0.0000", "high": "0.0400"},
            "2 instead of 1.96",
        ),
    ],
)
def test_readings_that_are_not_stated_are_doubtful(given_figures, words):
    found = wald_check(WaldFigures(**{name: parse_printed(text) for name, text in given_figures.items()}))
    assert found.verdict == "doubtful"
    assert words in found.sentence


def test_an_interval_of_a_normal_beside_a_t_test_is_doubtful():
    texts = {"estimate": "0.100", "std_error": "0.050", "low": "0.002", "high": "0.198", "df": "4"}
    found = wald_check(WaldFigures(**{k: parse_printed(v) for k, v in texts.items()}, distribution="t"))
    assert found.verdict == "doubtful"
    assert "that of a normal" in found.sentence


def test_a_limit_cut_off_at_1_may_lie_further_out():
    texts = {"estimate": "0.970", "std_error": "0.030", "low": "0.911", "high": "1.000"}
    drawn = {name: parse_printed(text) for name, text in texts.items()}
    assert wald_check(WaldFigures(**drawn)).verdict == "contradiction"
    assert wald_check(WaldFigures(**drawn, limits=(0.0, 1.0))).verdict == "consistent"


def test_a_standard_error_beyond_its_bound_is_a_contradiction():
    found = wald_check(
        WaldFigures(
            estimate=parse_printed("0.94"),
            low=parse_printed("0.82"),
            high=parse_printed("1.00"),
            limits=(0.0, 1.0),
            known_spread=("the bound", Range(0.0, 0.035)),
        )
    )
    assert found.verdict == "contradiction"


def test_too_few_figures_cannot_be_checked():
    assert wald_check(WaldFigures(p=parse_printed("0.03"))).verdict == "not run"
    found = wald_check(WaldFigures(p=parse_printed("0.03"), statistic=parse_printed("2"), distribution="t"))
    assert found.verdict == "not run"
    assert "need df" in found.sentence
