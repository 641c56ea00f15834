"""Choices that stand in the library, in the study file and on the command line are the same."""

from typing import get_args

import pytest

from stats.multiplicity.adjust import ADJUSTMENTS
from stats.rates.thresholds import RULES
from stats.roc.equivalence import METHODS
from stats.roc.family import AUC_ADJUSTMENTS
from study.commands.test.options import Adjust, AucAdjust, MarginMethod, Rule
from study.config import selected_plans as plans
from study.models.roc import BANDS
from study.models.winner import SELECT_METRICS


def choices(model, field: str) -> set[str]:
    return set(get_args(model.model_fields[field].annotation))


@pytest.mark.parametrize(
    ("option", "known"),
    [(Adjust, ADJUSTMENTS), (AucAdjust, AUC_ADJUSTMENTS), (MarginMethod, METHODS)],
)
def test_options_of_commands_are_those_of_the_library(option, known):
    assert {level.value for level in option} == set(known)


def test_rules_of_thresholds_are_those_of_the_library():
    assert {rule.value for rule in Rule} == set(RULES) - {"fixed"}  # --threshold is the fixed one
    assert choices(plans.ThresholdPlan, "rule") == set(RULES)


def test_choices_of_a_plan_are_those_of_the_library():
    assert choices(plans.McnemarPlan, "adjust") == set(ADJUSTMENTS)
    assert choices(plans.DelongPlan, "adjust") == set(AUC_ADJUSTMENTS)
    assert choices(plans.MarginPlan, "method") == set(METHODS)
    assert choices(plans.RocPlan, "band") == set(BANDS)
    assert set(get_args(plans.SelectionMetric)) == set(SELECT_METRICS)
