"""The findings in words: direction, numbers, limits, and what could not be tested."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from stats.lmm.terms import TermMeaning
from stats.results import ComparisonResult
from study.analyses.sentences import comparison_sentence, mixed_sentence, p_words


def sentence(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "analysis": "delong",
        "method": "DeLong paired",
        "task": "breast",
        "comparison": "pretrain: ImageNet - RadImageNet",
        "arm_a": "ImageNet",
        "arm_b": "RadImageNet",
        "metric": "auc",
        "estimate_a": 0.9641,
        "estimate_b": 0.8889,
        "estimate": 0.0752,
        "p_value": 0.04838,
        "p_adjusted": 0.04838,
        "conf_low": 0.0005,
        "conf_high": 0.1498,
        "n": 78,
    }
    return comparison_sentence(asdict(ComparisonResult(**(fields | changes))), alpha=0.05)


def test_a_difference_is_told_with_estimate_interval_p_and_limit() -> None:
    assert sentence() == (
        "breast: the best ImageNet cell ranks the test images better than the best RadImageNet cell: test "
        "AUC 0.964 against 0.889, difference +0.075 (95% interval 0.001 to 0.150; p = 0.048). This compares "
        "two trained models on these images; how much a second training would differ is not in it."
    )


def test_the_better_arm_follows_the_sign() -> None:
    text = sentence(estimate_a=0.8889, estimate_b=0.9641, estimate=-0.0752, conf_low=-0.15, conf_high=-0.001)
    assert "the best RadImageNet cell ranks the test images better than the best ImageNet cell" in text
    assert "difference -0.075" in text


def test_no_difference_is_not_called_equality() -> None:
    text = sentence(p_value=0.2, p_adjusted=0.2)
    assert text.startswith("breast: no difference was found between the best ImageNet cell and")
    assert "equal" not in text


def test_the_adjusted_p_decides_and_both_are_given() -> None:
    text = sentence(p_value=0.03, p_adjusted=0.09)
    assert "no difference was found" in text
    assert "p = 0.030, adjusted p = 0.090" in text


def test_mcnemar_names_the_threshold() -> None:
    text = sentence(analysis="mcnemar", method="McNemar chi-square", metric="accuracy")
    assert "is right on more test images" in text
    assert "This holds at threshold 0.5 and for these two trained models only." in text


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("Wilcoxon rank-sum, exact", ("over 78 cells", "its p is no strong evidence")),
        (
            "Wilcoxon signed-rank, exact",
            ("over 78 pairs of cells that differ in nothing else", "one test set"),
        ),
    ],
)
def test_wilcoxon_says_what_it_assumes(method: str, wanted: tuple[str, str]) -> None:
    text = sentence(analysis="wilcoxon", method=method, metric="test_auc")
    assert "test_auc is higher with ImageNet than with RadImageNet" in text
    assert all(part in text for part in wanted)


def test_levels_that_are_numbers_carry_the_factors_name() -> None:
    text = sentence(comparison="filters: 4 - 16", arm_a="4", arm_b="16")
    assert "the best filters 4 cell" in text


def test_failed_and_collapsed_cells_stand_in_the_text() -> None:
    loud = "1 failed cells left out: c03 (NaN); 2 of 10 cells predict one class for every test image"
    text = sentence(note=f"exact p 0.3; {loud}")
    assert text.endswith(f"Note: {loud}.")
    assert "exact p" not in text


def test_what_could_not_run_is_told_with_the_reason() -> None:
    text = sentence(p_value=float("nan"), note="not run: no done cell of ImageNet")
    assert text == (
        "breast: pretrain: ImageNet - RadImageNet could not be tested (DeLong paired): "
        "no done cell of ImageNet."
    )


def test_a_global_test_speaks_of_all_arms() -> None:
    text = sentence(
        comparison="head: all arms equal", arm_a=None, arm_b=None, statistic=9.2, df=2.0, p_value=0.0101
    )
    assert text == "breast: the arms of head taken together differ (chi-square 9.20, df 2, p = 0.010)."


DIFFERENCE: dict[str, Any] = {
    "kind": "difference",
    "factor": "pretrain",
    "level": "RadImageNet",
    "baseline": "ImageNet",
}


def mixed(**changes: Any) -> str:
    row: dict[str, Any] = {
        "term": "pretrain[RadImageNet]",
        "n": 176,
        "df_method": "satterthwaite",
        "estimate": 0.01642,
        "df": 167.046,
        "p_value": 0.0543,
        "conf_low": -0.0003,
        "conf_high": 0.03315,
    }
    meaning = changes.pop("meaning", TermMeaning(**DIFFERENCE))
    return mixed_sentence(row | changes, response="test_auc", alpha=0.05, note=None, meaning=meaning)


def test_a_fixed_effect_names_both_levels() -> None:
    assert mixed() == (
        "Over 176 cells test_auc shows no difference with pretrain RadImageNet against ImageNet: +0.016 "
        "(95% interval 0.000 to 0.033; p = 0.054, 167.0 df by Satterthwaite). All cells of a task share one "
        "test set, whose sampling error is not in the interval."
    )
    assert "is 0.016 higher with pretrain RadImageNet than with ImageNet" in mixed(p_value=0.01)
    assert "is 0.016 lower" in mixed(p_value=0.01, estimate=-0.01642)


def test_a_model_without_p_values_claims_nothing() -> None:
    text = mixed(df_method="none", p_value=None, df=None)
    assert "no test was asked for" in text
    assert "higher" not in text


def test_p_is_never_rounded_to_zero() -> None:
    assert [p_words(p) for p in (1e-9, 0.00123, 0.0123, 0.3)] == [
        "p < 0.0001",
        "p = 0.0012",
        "p = 0.012",
        "p = 0.300",
    ]


def test_an_effect_inside_an_interaction_names_where_it_holds() -> None:
    meaning = TermMeaning(**DIFFERENCE, conditions=(("head", "Conv"), ("lr", "0")))
    text = mixed(p_value=0.01, meaning=meaning)
    assert "higher with pretrain RadImageNet than with ImageNet, where head is Conv and lr is 0" in text


def test_a_mean_is_no_difference() -> None:
    text = mixed(estimate=0.878, meaning=TermMeaning(kind="mean", factor="head", level="Conv"))
    assert "the mean of test_auc with head Conv is 0.878" in text
    assert "higher" not in text


def test_slopes_and_interactions_name_their_term() -> None:
    slope = TermMeaning(kind="slope", factor="lr", conditions=(("head", "Conv"),))
    assert "per unit of lr, where head is Conv" in mixed(p_value=0.01, meaning=slope)
    assert "for the term pretrain[RadImageNet]" in mixed(meaning=TermMeaning(kind="interaction"))


def test_a_sliced_contrast_names_its_slice() -> None:
    text = sentence(
        analysis="contrast",
        metric="test_auc",
        comparison="4 - 16",
        family="filters | backbone = ResNet50",
        arm_a="4",
        arm_b="16",
        note="within backbone = ResNet50; exact",
    )
    assert (
        "the mean of test_auc is higher with filters 4 than with filters 16, within backbone = ResNet50"
        in text
    )
