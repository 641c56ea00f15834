"""The optimism of the best of K models against loops in R, by simulation, and by what must not change it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.resampling import selection_bias as module
from stats.resampling.selection_bias import selection_bias
from stats.results import RESULT_COLUMNS
from stats.roc.auc import auc

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "selection_bias.json").read_text())
SAME_SAMPLES = 1e-12

datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _seeded() -> np.random.Generator:
    return np.random.default_rng(21)


def _equal_models(rng: np.random.Generator, n: int, k: int, shift: float = 1.0):
    """K models of the same true AUC, half of their noise shared."""
    y = np.arange(n) % 2
    return y, np.sqrt(0.5) * (rng.normal(size=(n, 1)) + rng.normal(size=(n, k))) + shift * y[:, None]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_loops_in_r_on_the_same_samples(case: dict, monkeypatch) -> None:
    counts, codes = np.array(case["counts"], dtype=float), np.array(case["group"]) - 1

    def blocks(plan, *, n_resamples, rng):
        yield counts[:40][:, codes]
        yield counts[40:][:, codes]

    monkeypatch.setattr(module, "weight_blocks", blocks)
    known = case["fold_bias"] is not None
    fit = selection_bias(
        case["y"],
        case["scores"],
        metric=case["metric"],
        group=case["group"] if case["clustered"] else None,
        folds=case["folds"] if known else None,
        n_resamples=len(counts),
        rng=_seeded(),
    )
    expected = np.array([np.nan if v is None else v for v in case["replicates"]])
    kept = expected[~np.isnan(expected)]
    np.testing.assert_allclose(fit.replicates, kept, rtol=SAME_SAMPLES)
    assert fit.winner == f"model {case['winner'] + 1}"
    assert fit.naive == pytest.approx(case["naive"], rel=SAME_SAMPLES)
    assert fit.corrected == pytest.approx(case["corrected"], rel=SAME_SAMPLES)
    assert fit.optimism == pytest.approx(case["naive"] - case["corrected"], abs=SAME_SAMPLES)
    if kept.size < expected.size:
        assert f"{expected.size - kept.size} of 150 samples" in str(fit.note)
    if known:
        assert fit.fold_bias == pytest.approx(case["fold_bias"], rel=SAME_SAMPLES)
        assert fit.fold_corrected == pytest.approx(case["naive"] - case["fold_bias"], rel=SAME_SAMPLES)


def test_the_loops_met_samples_without_a_class() -> None:
    assert any(value is None for case in GOLDEN["cases"] for value in case["replicates"])


def test_noise_has_optimism_and_the_correction_takes_it_back() -> None:
    """Fifty models without any skill: the best looks good, the corrected value stays near one half."""
    y, scores = _equal_models(_seeded(), 120, 50, shift=0.0)
    fit = selection_bias(y, scores, folds=np.arange(120) // 2 % 5, rng=_seeded())
    assert fit.naive > 0.54
    assert fit.optimism > 0.03
    assert fit.fold_bias > 0.0
    assert fit.conf_low < fit.corrected < fit.conf_high


@pytest.mark.slow
@pytest.mark.parametrize("k", [5, 40])
def test_the_best_of_equal_models_is_biased_and_the_corrected_value_is_not(k: int) -> None:
    rng = np.random.default_rng(100 + k)
    truth = 0.760249938906524  # pnorm(1 / sqrt(2)), noise of variance 1 in both classes
    fits = []
    for _ in range(400):
        y, scores = _equal_models(rng, 80, k)
        fits.append(selection_bias(y, scores, n_resamples=200, rng=rng))
    naive = np.array([fit.naive for fit in fits]) - truth
    corrected = np.array([fit.corrected for fit in fits]) - truth
    error = corrected.std(ddof=1) / np.sqrt(400)
    assert naive.mean() > 10.0 * error
    assert abs(corrected.mean()) < 4.0 * error
    held = np.mean([fit.conf_low <= truth <= fit.conf_high for fit in fits])
    assert held > 0.93


def test_one_clear_winner_has_hardly_any_optimism() -> None:
    y = np.arange(200) % 2
    rng = _seeded()
    scores = np.column_stack([rng.normal(size=200) + 3.0 * y, *rng.normal(size=(5, 200))])
    fit = selection_bias(y, scores, names=list("abcdef"), rng=rng)
    assert fit.winner == "a"
    assert fit.chosen[0] == 1.0
    assert abs(fit.optimism) < 0.003
    assert fit.naive == auc(y, scores[:, 0])


@given(datasets, st.sampled_from(["auc", "accuracy", "f1"]))
@settings(max_examples=20, deadline=None)
def test_order_of_models_changes_nothing(rng: np.random.Generator, metric: str) -> None:
    y, scores = _equal_models(rng, 40, 6)
    order = rng.permutation(6)
    one = selection_bias(y, scores, metric=metric, n_resamples=99, rng=_seeded())
    other = selection_bias(y, scores[:, order], metric=metric, n_resamples=99, rng=_seeded())
    np.testing.assert_allclose(one.replicates, other.replicates, rtol=1e-12)
    np.testing.assert_allclose(one.chosen[order], other.chosen, atol=1e-12)
    assert one.naive == other.naive


@given(datasets)
@settings(max_examples=20, deadline=None)
def test_copies_of_all_models_change_nothing(rng: np.random.Generator) -> None:
    y, scores = _equal_models(rng, 40, 4)
    one = selection_bias(y, scores, n_resamples=99, rng=_seeded())
    other = selection_bias(y, np.hstack([scores, np.exp(scores)]), n_resamples=99, rng=_seeded())
    np.testing.assert_allclose(one.replicates, other.replicates, rtol=1e-12)
    winners = 2 * max(one.n_tied, 1)  # two models may tie by themselves
    assert other.n_tied == winners
    assert f"{winners} models are equally good" in str(other.note)


def test_equal_models_win_equally_often_and_shares_add_up() -> None:
    y, scores = _equal_models(_seeded(), 60, 3)
    fit = selection_bias(y, np.column_stack([scores[:, 0], scores[:, 0]]), rng=_seeded())
    np.testing.assert_allclose(fit.chosen, 0.5)
    assert selection_bias(y, scores, rng=_seeded()).chosen.sum() == pytest.approx(1.0)


def test_patients_are_in_or_out_of_the_bag_as_a_whole() -> None:
    """Two images per patient, nearly copies: out-of-bag copies of in-bag images would hide the optimism."""
    rng = _seeded()
    y, scores = _equal_models(rng, 80, 30, shift=0.0)
    y, scores, group = np.repeat(y, 2), np.repeat(scores, 2, axis=0), np.repeat(np.arange(80), 2)
    ignored = selection_bias(y, scores, rng=_seeded())
    whole = selection_bias(y, scores, group=group, rng=_seeded())
    assert whole.n_groups == 80
    assert whole.optimism > ignored.optimism + 0.01
    assert "clustered unstratified" in whole.method


def test_the_winner_on_test_images_stands_beside() -> None:
    y, scores = _equal_models(_seeded(), 60, 4)
    new_y, new_scores = _equal_models(np.random.default_rng(5), 50, 4)
    fit = selection_bias(y, scores, test=(new_y, new_scores), stratified=True, rng=_seeded())
    best = fit.names.index(fit.winner)
    assert fit.test == auc(new_y, new_scores[:, best])
    frame = fit.to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame["comparison"].tolist() == ["naive, best of 4", "corrected, best of 4", "test, best of 4"]
    assert frame["estimate"].tolist() == [fit.naive, fit.corrected, fit.test]
    assert "BBC-CV, stratified bootstrap" in frame.loc[1, "method"]


def test_a_fold_of_one_class_gives_no_estimate_by_folds() -> None:
    y, scores = _equal_models(_seeded(), 40, 3)
    fit = selection_bias(y, scores, folds=np.where(y == 1, "one", "other"), rng=_seeded())
    assert np.isnan([fit.fold_bias, fit.fold_corrected]).all()
    assert "fold other has no value" in str(fit.note)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"scores": [[0.1], [0.2], [0.3], [0.4]]}, ValueError, "`scores` has shape (4, 1); a choice"),
        ({"names": ["a"]}, ValueError, "2 score columns came with 1 names"),
        ({"metric": "f1", "threshold": float("nan")}, ValueError, "`threshold` is nan"),
        ({"metric": "loss"}, ValueError, "`metric` is 'loss'; allowed are 'auc', 'accuracy'"),
        ({"metric": "ppv", "threshold": 9.0}, ValueError, "model 1 has no ppv on these images"),
        ({"n_resamples": 5}, ValueError, "`n_resamples` is 5"),
        ({"rng": 5}, TypeError, "`rng` must be a numpy Generator"),
        ({"conf_level": 1.0}, ValueError, "`conf_level` is 1.0"),
        ({"folds": [1, 1, 1, 1]}, ValueError, "`folds` has 1 folds and 0 missing"),
        ({"folds": [1, 2, None, 1]}, ValueError, "`folds` has 2 folds and 1 missing"),
        ({"folds": [1, 2]}, ValueError, "`folds` has 2 values for 4 images"),
        ({"y_true": [1, 0, 0, 0]}, ValueError, "1 positive and 3 negative images"),
        ({"test": ([1, 0], [[1.0], [0.0]])}, ValueError, "1 score columns came with 2 names"),
    ],
)
def test_bad_input_is_named(change: dict, error: type[Exception], text: str) -> None:
    good = {
        "y_true": [1, 0, 1, 0],
        "scores": [[0.1, 0.3], [0.2, 0.1], [0.3, 0.4], [0.4, 0.0]],
        "rng": _seeded(),
    }
    with pytest.raises(error, match=re.escape(text)):
        selection_bias(**{**good, **change})
