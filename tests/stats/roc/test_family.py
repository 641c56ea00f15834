"""Which comparisons a family holds, and that the adjustment covers exactly these."""

from itertools import combinations

import numpy as np
import pytest

from stats.multiplicity.adjust import adjust_p
from stats.multiplicity.max_t import max_t_test
from stats.roc.delong import delong, delong_test
from stats.roc.family import auc_family

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    labels = np.arange(90) % 3 == 0
    common = rng.normal(size=(90, 1))
    return labels, common + rng.normal(size=(90, 4)) + np.outer(labels, [0.2, 0.9, 1.2, 1.8])


def test_all_pairs_with_holm_are_those_of_delong(data):
    family = auc_family(*data, names=NAMES)
    fit = delong(*data, names=NAMES, adjust="holm")
    assert [(r.arm_a, r.arm_b) for r in family.results] == list(combinations(NAMES, 2))
    np.testing.assert_array_equal([r.p_adjusted for r in family.results], fit.pairs.p_adjusted)
    assert family.max_t is None


def test_a_reference_compares_every_other_model_with_it_and_adjusts_over_these(data):
    labels, scores = data
    family = auc_family(labels, scores, names=NAMES, reference="b")
    assert [(r.arm_a, r.arm_b) for r in family.results] == [("a", "b"), ("c", "b"), ("d", "b")]
    alone = [delong_test(labels, scores[:, k], scores[:, 1]) for k in (0, 2, 3)]
    for row, other in zip(family.results, alone, strict=True):
        assert row.estimate == pytest.approx(other.estimate, abs=1e-15)
        assert row.estimate_a == other.estimate_a
        assert (row.statistic, row.conf_low, row.conf_high) == pytest.approx(
            (other.statistic, other.conf_low, other.conf_high), rel=1e-12
        )
    expected = adjust_p([row.p_value for row in family.results], "holm")
    np.testing.assert_array_equal([row.p_adjusted for row in family.results], expected)


@pytest.mark.parametrize("reference", [None, "c"])
def test_max_t_takes_its_p_and_limits_from_the_joint_distribution(data, reference):
    family = auc_family(*data, names=NAMES, adjust="max-t", reference=reference)
    joint = max_t_test(*data, names=NAMES, reference=reference)
    np.testing.assert_array_equal([r.p_adjusted for r in family.results], joint.p_adjusted)
    assert family.max_t is not None
    bonferroni = adjust_p([r.p_value for r in family.results], "bonferroni")
    assert all(r.p_value < r.p_adjusted for r in family.results)
    assert (np.array([r.p_adjusted for r in family.results]) < bonferroni).all()
    first = family.results[0]
    assert f"{joint.conf_low[0]:.4f} to {joint.conf_high[0]:.4f} (max-t)" in str(first.note)
    assert joint.conf_low[0] < first.conf_low


def test_max_t_of_two_models_is_the_comparison_alone(data):
    labels, scores = data
    family = auc_family(labels, scores[:, :2], names=("a", "b"), adjust="max-t")
    assert family.results[0].p_adjusted == pytest.approx(family.results[0].p_value, rel=1e-6)


def test_unknown_names_and_adjustments_are_refused(data):
    with pytest.raises(ValueError, match="`reference` is 'x'; the models are 'a', 'b', 'c', 'd'"):
        auc_family(*data, names=NAMES, reference="x")
    with pytest.raises(ValueError, match="max-t"):
        auc_family(*data, names=NAMES, adjust="dunnett")
