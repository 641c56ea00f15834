"""Counts behind printed figures: the true ones are always among those found."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from stats.claims.confusion import METRICS, consistent_tables, printed_table_check, table_check
from stats.claims.granularity import auc_check, share_check
from stats.claims.mcnemar_tables import (
    VARIANTS,
    mcnemar_check,
    mcnemar_figures,
    pairs_from_counts,
    pairs_from_tables,
)
from stats.claims.printed import parse_printed
from stats.claims.totals import total_check
from stats.claims.variance import variance_check
from stats.rates.mcnemar import mcnemar_counts

GOLDEN = Path(__file__).parents[2] / "golden"


def printed(value: float, digits: int):
    return parse_printed(f"{value:.{digits}f}")


@st.composite
def tables(draw):
    positive, negative = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    return positive, negative, draw(st.integers(0, positive)), draw(st.integers(0, negative))


def metrics_of(positive: int, negative: int, tp: int, tn: int) -> dict[str, float]:
    counts = (np.array(float(k)) for k in (tp, negative - tn, positive - tp, tn))
    found = [*counts]
    return {name: float(metric(*found)) for name, metric in METRICS.items()}


@settings(max_examples=150, deadline=None)
@given(tables(), st.integers(1, 5), st.sets(st.sampled_from(sorted(METRICS)), min_size=1))
def test_the_true_table_is_always_found(table, digits, names):
    positive, negative, tp, tn = table
    values = metrics_of(*table)
    stated = {name: printed(values[name], digits) for name in sorted(names)}
    sizes = {"n_positive": positive, "n_negative": negative}
    assert (tp, tn) in consistent_tables(stated, **sizes)
    assert table_check(stated, **sizes).verdict == "consistent"
    given_table = {"tp": tp, "fp": negative - tn, "fn": positive - tp, "tn": tn}
    assert printed_table_check(given_table, stated, **sizes).verdict == "consistent"


@settings(max_examples=50, deadline=None)
@given(tables())
def test_metrics_are_those_of_scikit_learn(table):
    positive, negative, tp, tn = table
    truth = np.r_[np.ones(positive), np.zeros(negative)]
    called = np.r_[np.arange(positive) < tp, np.arange(negative) >= tn].astype(float)
    found = metrics_of(*table)
    zero = {"zero_division": 0.0}
    assert found["f1"] == pytest.approx(metrics.f1_score(truth, called, **zero))
    assert found["f1_macro"] == pytest.approx(metrics.f1_score(truth, called, average="macro", **zero))
    assert found["f1_weighted"] == pytest.approx(metrics.f1_score(truth, called, average="weighted", **zero))
    assert found["precision"] == pytest.approx(metrics.precision_score(truth, called, **zero))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(truth, called))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, called))


def test_contradicting_metrics_are_named_with_another_f1_that_fits():
    stated = {"accuracy": parse_printed("0.910"), "f1": parse_printed("0.884")}
    sizes = {"n_positive": 21, "n_negative": 57}
    found = table_check(stated, **sizes)
    assert found.verdict == "contradiction"
    assert "F1 0.884 and accuracy" not in found.sentence
    assert "if what is called f1 is f1_macro, one fits" in found.sentence
    assert table_check({**stated, "f1_macro": stated["f1"]}, **sizes).verdict == "contradiction"


def test_a_printed_table_is_held_against_sizes_and_metrics():
    table = {"tp": 17, "fp": 3, "fn": 4, "tn": 54}
    stated = {"f1": parse_printed("0.8293"), "accuracy": parse_printed("0.92")}
    wrong = printed_table_check(table, stated, n_positive=21, n_negative=57)
    assert wrong.verdict == "contradiction"
    assert "accuracy 0.92" in wrong.sentence
    assert "f1" not in wrong.sentence
    other = printed_table_check(table, {}, n_positive=22, n_negative=None)
    assert other.sentence == "The table has 21 positive images, not 22."


@given(st.integers(1, 400), st.data(), st.integers(1, 6))
def test_a_true_share_is_never_accused(n, data, digits):
    k = data.draw(st.integers(0, n))
    assert share_check(printed(k / n, digits), n=n, what="accuracy").verdict == "consistent"


@given(st.integers(1, 60), st.integers(1, 60), st.data(), st.integers(1, 6))
def test_a_true_auc_is_never_accused(m, n, data, digits):
    halves = data.draw(st.integers(0, 2 * m * n))
    found = auc_check(printed(halves / (2 * m * n), digits), n_positive=m, n_negative=n)
    assert found.verdict == "consistent"


def test_impossible_shares_and_aucs_name_their_neighbours():
    found = share_check(parse_printed("0.8825"), n=150, what="accuracy")
    assert found.verdict == "contradiction"
    assert [row["count"] for row in found.evidence] == [132, 133]
    cut = share_check(parse_printed("0.886"), n=150, what="accuracy")  # 133/150 = 0.88667
    assert cut.verdict == "cut off"
    sizes = {"n_positive": 21, "n_negative": 57}
    assert auc_check(parse_printed("0.96366"), **sizes).verdict == "consistent"  # 1153.5 of 1197
    assert auc_check(parse_printed("0.96366"), **sizes, ties=False).verdict == "contradiction"


@pytest.mark.parametrize("variant", VARIANTS)
def test_mcnemar_figures_are_those_of_the_library(variant):
    counts = [(b, c) for b in range(13) for c in range(13)] + [(15, 1), (200, 150), (3, 900)]
    b, c = np.array(counts).T
    statistic, p = mcnemar_figures(b, c, variant)
    for i, (one, other) in enumerate(counts):
        own = mcnemar_counts(5, one, other, 5)
        names = {"chi2_corrected": "corrected", "chi2": "chi2", "exact": "exact", "mid_p": "mid"}
        assert p[i] == pytest.approx(getattr(own, f"p_{names[variant]}"), rel=1e-10, nan_ok=True)
        if variant == "chi2_corrected":
            assert statistic[i] == pytest.approx(own.statistic_corrected, nan_ok=True)


@pytest.mark.parametrize("digits", [2, 3, 5])
def test_figures_of_r_lead_back_to_the_counts(digits):
    for case in json.loads((GOLDEN / "mcnemar.json").read_text())["cases"]:
        both, b, c, neither = case["counts"]
        if sum(case["counts"]) > 400 or b + c == 0:
            continue
        n = both + b + c + neither
        pairs = pairs_from_counts([both + b], [both + c], n)
        for variant, p in (("chi2_corrected", "p_corrected"), ("exact", "p_exact"), ("mid_p", "p_mid")):
            statistic = printed(case["corrected"], digits) if variant == "chi2_corrected" else None
            found = mcnemar_check(pairs, statistic=statistic, p=printed(case[p], digits), variant=variant)
            assert (b, c) in [(row["only_a"], row["only_b"]) for row in found.evidence], case["counts"]


@settings(max_examples=50, deadline=None)
@given(tables(), st.data(), st.integers(2, 4), st.sampled_from(VARIANTS))
def test_true_paired_counts_are_always_found(table, data, digits, variant):
    positive, negative, tp_a, tn_a = table
    tp_b, tn_b = data.draw(st.integers(0, positive)), data.draw(st.integers(0, negative))
    # overlap of the correct images within each class, as small or large as it can be
    both_p = data.draw(st.integers(max(0, tp_a + tp_b - positive), min(tp_a, tp_b)))
    both_n = data.draw(st.integers(max(0, tn_a + tn_b - negative), min(tn_a, tn_b)))
    b, c = tp_a + tn_a - both_p - both_n, tp_b + tn_b - both_p - both_n
    _, p = mcnemar_figures(np.array([b]), np.array([c]), variant)
    if np.isnan(p[0]):
        return
    stated = printed(float(p[0]), digits)
    sizes = {"n_positive": positive, "n_negative": negative}
    for pairs in (
        pairs_from_tables([(tp_a, tn_a)], [(tp_b, tn_b)], **sizes),
        pairs_from_counts([tp_a + tn_a], [tp_b + tn_b], positive + negative),
    ):
        for said in (variant, None):
            found = mcnemar_check(pairs, statistic=None, p=stated, variant=said)
            assert (b, c) in [(row["only_a"], row["only_b"]) for row in found.evidence]


def test_impossible_mcnemar_figures_are_named():
    pairs = pairs_from_counts([71], [67], 78)
    found = mcnemar_check(pairs, statistic=parse_printed("3.2"), p=parse_printed("0.3428"))
    assert found.verdict == "contradiction"
    stated = mcnemar_check(pairs, statistic=parse_printed("0.9"), p=None, discordant=(8, 4))
    assert stated.verdict == "contradiction"
    assert mcnemar_check(pairs, statistic=None, p=None).verdict == "not run"
    assert mcnemar_check(pairs, statistic=parse_printed("1"), p=None, variant="exact").verdict == "not run"
    with pytest.raises(ValueError, match="allowed: chi2_corrected"):
        mcnemar_check(pairs, statistic=None, p=None, variant="yates")


def test_totals_and_variances():
    assert total_check(10, {"train": 7, "test": 3}).verdict == "consistent"
    assert "(+1)" in total_check(10, {"train": 7, "test": 4}).sentence
    assert variance_check(parse_printed("0.0002303"), parse_printed("0.015175")).verdict == "consistent"
    assert variance_check(parse_printed("0.00023"), parse_printed("0.0160")).verdict == "contradiction"
