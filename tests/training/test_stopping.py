"""Which epoch is kept: ties, values that are not finite, and the same choice step by step as afterwards."""

import numpy as np
import pandas as pd
import pytest

from training.stopping import EpochWatch, best_epoch, has_diverged


def table(val_auc, val_loss):
    return pd.DataFrame({"epoch": range(len(val_auc)), "val_auc": val_auc, "val_loss": val_loss})


def watched(history, rule):
    watch = EpochWatch(rule)
    for row in history.itertuples():
        watch.add(row.Index, val_auc=row.val_auc, val_loss=row.val_loss)
    return watch


def test_first_of_equal_epochs_wins():
    history = table([0.5, 0.8, 0.8, 0.7], [0.9, 0.4, 0.3, 0.3])
    assert best_epoch(history, "val_auc") == 1
    assert best_epoch(history, "val_loss") == 2


@pytest.mark.parametrize("rule", ["val_auc", "val_loss"])
def test_following_the_epochs_chooses_as_the_whole_history_does(rule):
    rng = np.random.default_rng(0)
    for _ in range(50):
        history = table(rng.integers(0, 5, 12) / 4, rng.integers(0, 5, 12) / 4)  # many ties
        assert watched(history, rule).best == best_epoch(history, rule)


@pytest.mark.parametrize("rule", ["val_auc", "val_loss"])
def test_a_value_that_is_not_finite_is_refused(rule):
    history = table([0.5, np.nan, 0.7], [0.5, np.nan, 0.4])
    with pytest.raises(ValueError, match=f"`{rule}` of the history has 3 values, 2 of them finite"):
        best_epoch(history, rule)
    with pytest.raises(ValueError, match=f"`{rule}` is nan in epoch 1; it must be finite"):
        watched(history, rule)
    with pytest.raises(ValueError, match="has 0 values"):
        best_epoch(history.iloc[:0], rule)


def test_patience_counts_epochs_in_a_row_without_improvement():
    watch = EpochWatch("val_auc", patience=2)
    state = []
    for epoch, auc in enumerate([0.5, 0.5, 0.7, 0.6, 0.7]):  # a tie is no improvement
        watch.add(epoch, val_auc=auc, val_loss=0.0)
        state.append((watch.best, watch.waited, watch.exhausted))
    assert state == [(0, 0, False), (0, 1, False), (2, 0, False), (2, 1, False), (2, 2, True)]


def test_without_patience_nothing_is_exhausted():
    watch = EpochWatch("val_loss")
    for epoch in range(100):
        watch.add(epoch, val_auc=0.5, val_loss=1.0)
    assert (watch.best, watch.waited, watch.exhausted) == (0, 99, False)


def test_divergence_is_a_loss_above_ten_times_ignorance_that_grew():
    assert has_diverged(7.0, 0.7)
    assert not has_diverged(6.9, 0.7)
    assert not has_diverged(8.0, 9.0)  # large from the start, and falling
    assert not has_diverged(8.0, 8.0)  # the first epoch itself
