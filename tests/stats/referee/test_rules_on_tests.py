"""Rules on tests, models, clusters and optimism, each against the fault that it is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stats.lmm import fit_lmm
from stats.referee.subject import PlannedTest
from stats.results import results_frame
from tests.stats.referee.conftest import FORMULA, comparison, sound_metrics, sound_subject

METRICS = sound_metrics()


def plan(*tests: PlannedTest) -> tuple[PlannedTest, ...]:
    return (*sound_subject().plan, *tests)


# Models and tests


def mixed(metrics: pd.DataFrame, formula: str = FORMULA) -> dict:
    return {
        "metrics": metrics,
        "plan": plan(PlannedTest(kind="mixed", formula=formula)),
        "fits": {formula: fit_lmm(formula, metrics)},
    }


def test_random_factors_with_two_levels(found) -> None:
    codes = found(**mixed(METRICS, "test_auc ~ pretrain + (1|head) + (1|lr_decay)"))
    assert codes["few-levels"][0].evidence == ({"factor": "lr_decay", "levels": 2},)
    assert "few-levels" not in found(**mixed(METRICS))


def test_an_interaction_that_reverses_the_effect(found) -> None:
    turned = METRICS.assign(
        test_auc=METRICS["test_auc"] - 0.1 * ((METRICS["pretrain"] == "B") & METRICS["head"].isin(["a", "b"]))
    )
    formula = "test_auc ~ pretrain + (1|head) + (1|task)"
    (finding,) = found(**mixed(turned, formula))["reversed-effect"]
    effects = {row["level"]: row["effect"] for row in finding.evidence}
    assert effects["a"] == pytest.approx(-0.05, abs=0.01)
    assert effects["e"] == pytest.approx(0.05, abs=0.01)
    assert "main effect of B" in finding.sentence
    assert "reversed-effect" not in found(**mixed(METRICS, formula))


def test_residuals_of_unequal_spread(found) -> None:
    wild = np.random.default_rng(1).normal(0, 0.2, len(METRICS)) * (METRICS["pretrain"] == "B")
    (finding,) = found(**mixed(METRICS.assign(test_auc=METRICS["test_auc"] + wild)))["unequal-spread"]
    assert {row["factor"] for row in finding.evidence} == {"pretrain"}
    assert "unequal-spread" not in found(**mixed(METRICS))


def test_singular_and_unfitted_models(found) -> None:
    rng = np.random.default_rng(2)
    flat = METRICS.assign(test_auc=0.8 + rng.permutation(np.linspace(-0.01, 0.01, len(METRICS))))
    formula = "test_auc ~ pretrain + (1|seed) + (1|head) + (1|task)"
    assert "singular-fit" in found(**mixed(flat, formula))
    test = PlannedTest(kind="mixed", formula=FORMULA)
    assert "model-not-fitted" in found(plan=plan(test), unfitted={FORMULA: "too few rows."})


def test_rank_sum_on_matched_cells(found) -> None:
    ranks = PlannedTest(kind="wilcoxon", contrast="pretrain", value="test_auc")
    (finding,) = found(plan=plan(ranks))["rank-sum-on-grid"]
    assert finding.severity == "warning"
    assert finding.evidence[0]["pairs"] == 20
    assert finding.evidence[0]["correlation"] > 0.9
    both = plan(ranks, PlannedTest(kind="permutation", contrast="pretrain", value="test_auc", paired=True))
    assert found(plan=both)["rank-sum-on-grid"][0].severity == "note"


def test_clusters_that_a_test_ignores(found) -> None:
    bare = plan(PlannedTest(kind="mcnemar", contrast="pretrain"))
    assert found(plan=bare)["ignored-clusters"][0].severity == "warning"
    effects = ({"cell_id": "c00", "design_effect": 1.02},)
    calm = tuple(replace(facts, design_effects=effects) for facts in sound_subject().tasks)
    assert found(plan=bare, tasks=calm)["ignored-clusters"][0].severity == "note"
    assert "ignored-clusters" not in found()


def test_unadjusted_many_and_unplanned_comparisons(found) -> None:
    bare = [comparison(p_adjusted=float("nan")), comparison(task="knee", p_adjusted=float("nan"))]
    assert "2 p-values" in found(comparisons=results_frame(bare))["unadjusted-comparisons"][0].sentence
    same = [comparison(comparison=f"head: a - {x}") for x in "bc"]
    asked = plan(PlannedTest(kind="delong", contrast="head", by_patient=True, adjust="none"))
    assert "unadjusted-comparisons" in found(comparisons=results_frame(same), plan=asked)
    empty = results_frame([comparison(p_value=float("nan"))])
    assert "unadjusted-comparisons" not in found(comparisons=empty, plan=asked)
    many = [comparison(family=f"family {i}") for i in range(6)]
    codes = found(comparisons=results_frame([*many, comparison(planned=False)]))
    assert codes["many-families"][0].severity == "note"
    assert "1 of 7" in codes["unplanned-comparisons"][0].sentence
    assert "no-plan" in found(planned=False)
    assert not {"unadjusted-comparisons", "many-families", "unplanned-comparisons"} & set(found())


# Optimism


def test_the_winner_is_optimistic(found) -> None:
    assert found()["winners-curse"][0].severity == "note"
    (finding,) = found(estimates=None)["winners-curse"]
    assert finding.severity == "warning"
    assert finding.evidence[0]["candidates"] == 40
    assert finding.evidence[0]["optimism_correlated"] < finding.evidence[0]["optimism_independent"]


def test_a_difference_below_what_the_test_images_show(found) -> None:
    row = comparison(estimate=-0.05, std_error=0.02)
    (finding,) = found(comparisons=results_frame([row]))["small-test-set"]
    assert finding.evidence[0]["detectable"] == pytest.approx((1.959963984540054 + 0.8416212335729143) * 0.02)
    assert "small-test-set" not in found()


def test_what_was_not_judged_is_told(found) -> None:
    (finding,) = found(not_judged=("there are no result tables",))["not-judged"]
    assert finding.sentence == "The comparisons were not judged: there are no result tables."
