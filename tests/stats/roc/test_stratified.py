"""Mean AUCs over strata: DeLong's test within each, and what follows from independence between them."""

import numpy as np
import pytest

from stats.roc.delong import delong
from stats.roc.stratified import stratified_delong

CLOSED_FORM = 1e-12


def images(seed: int = 0, n: int = 120):
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    scores = rng.normal(size=(n, 3)) + labels[:, None] * np.array([1.0, 0.6, 0.2])
    return labels, scores, np.arange(n) // 3 % 4


def test_one_stratum_is_delongs_test():
    labels, scores, _ = images()
    whole = delong(labels, scores, names="abc")
    found = stratified_delong(labels, scores, np.zeros(len(labels)), names="abc")
    for row, expected in zip(found.results, whole.pair_results(), strict=True):
        for name in ("estimate_a", "estimate", "std_error", "statistic", "p_value", "p_adjusted", "conf_low"):
            assert getattr(row, name) == pytest.approx(getattr(expected, name), rel=CLOSED_FORM)
    np.testing.assert_allclose(found.conf_low, whole.conf_low, rtol=CLOSED_FORM)


def test_variances_of_strata_add_up():
    labels, scores, fold = images()
    found = stratified_delong(labels, scores, fold, names="abc")
    fits = [delong(labels[fold == k], scores[fold == k]) for k in range(4)]
    c = np.array([1.0, -1.0, 0.0])
    variance = sum(c @ fit.covariance @ c for fit in fits) / 16
    assert found.results[0].std_error == pytest.approx(np.sqrt(variance), rel=CLOSED_FORM)
    assert found.results[0].estimate == pytest.approx(np.mean([f.auc[0] - f.auc[1] for f in fits]))
    np.testing.assert_allclose(found.by_stratum, [fit.auc for fit in fits], rtol=CLOSED_FORM)


def test_another_scale_of_scores_in_every_stratum_changes_nothing():
    labels, scores, fold = images()
    moved = scores * (1 + fold[:, None]) + 50 * fold[:, None]
    before, after = (stratified_delong(labels, s, fold, names="abc") for s in (scores, moved))
    assert [r.p_value for r in before.results] == [r.p_value for r in after.results]
    # Pooled, the same change ruins the AUCs.
    assert abs(delong(labels, moved).auc - delong(labels, scores).auc).max() > 0.05


def test_clusters_count_within_their_stratum():
    labels, scores, fold = images()
    patients = [f"p{i // 3}" for i in range(len(labels))]
    found = stratified_delong(labels, scores, fold, names="abc", group=patients)
    assert found.results[0].n_groups == 40
    assert found.method == "Obuchowski clustered paired, mean over strata"
    alone = stratified_delong(labels, scores, fold, names="abc", group=list(range(len(labels))))
    plain = stratified_delong(labels, scores, fold, names="abc")
    assert alone.results[0].estimate == pytest.approx(plain.results[0].estimate)


def test_equal_models_have_no_difference():
    labels, scores, fold = images()
    found = stratified_delong(labels, scores[:, [0, 0]], fold, names="ab").results[0]
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert "variance of their difference is 0" in str(found.note)


def test_what_cannot_be_stratified_is_refused():
    labels, scores, fold = images()
    with pytest.raises(ValueError, match="group 'p0' is in the strata 0 and 1"):
        stratified_delong(labels, scores, fold, names="abc", group=["p0"] * len(labels))
    with pytest.raises(ValueError, match="`stratum` has 3 values for 120 images"):
        stratified_delong(labels, scores, [0, 1, 2], names="abc")
    lonely = np.where(np.arange(len(labels)) == 0, 9, fold)
    with pytest.raises(ValueError, match="Stratum 9"):
        stratified_delong(labels, scores, lonely, names="abc")
