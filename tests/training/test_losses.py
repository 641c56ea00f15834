"""Class weights and label smoothing against the sums of their definition."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from training.losses import TrainingLoss, class_weights

# Float32 loss against float64 sums.
TOLERANCE = 1e-6
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0])
LOGITS = torch.randn(7, 2, generator=torch.Generator().manual_seed(1))


def by_hand(weights, smoothing):
    minus_log = -log_softmax(LOGITS.numpy().astype(np.float64), axis=1)
    y = LABELS.numpy()
    target = np.full((7, 2), smoothing / 2)
    target[np.arange(7), y] += 1 - smoothing
    return (target * np.asarray(weights) * minus_log).sum() / np.asarray(weights)[y].sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0]])
def test_against_the_definition(weights, smoothing):
    loss = TrainingLoss(None if weights is None else torch.tensor(weights), smoothing)
    expected = by_hand([1.0, 1.0] if weights is None else weights, smoothing)
    assert loss(LOGITS, LABELS).item() == pytest.approx(expected, rel=TOLERANCE)


def test_half_precision_logits_give_a_float32_loss():
    loss = TrainingLoss()(LOGITS.to(torch.bfloat16), LABELS)
    assert loss.dtype == torch.float32
    assert loss.item() == TrainingLoss()(LOGITS.to(torch.bfloat16).float(), LABELS).item()


def test_balanced_weights_give_both_classes_the_same_total():
    labels = torch.tensor([1] * 21 + [0] * 57)
    weights = class_weights("balanced", labels)
    assert weights.tolist() == pytest.approx([78 / (2 * 57), 78 / (2 * 21)], rel=1e-7)
    assert float(weights[0]) * 57 == pytest.approx(float(weights[1]) * 21, rel=1e-6)
    assert class_weights("balanced", torch.tensor([0, 1])).tolist() == [1.0, 1.0]
    assert class_weights("none", labels) is None


def test_a_batch_of_one_class_is_not_weighted():
    ones = torch.ones(7, dtype=torch.int64)
    weighted = TrainingLoss(torch.tensor([0.5, 2.0]))(LOGITS, ones)
    assert weighted.item() == pytest.approx(TrainingLoss()(LOGITS, ones).item(), rel=TOLERANCE)


def test_wrong_weights_are_named():
    with pytest.raises(ValueError, match="`class_weights` is 'sqrt'; allowed are none, balanced"):
        class_weights("sqrt", LABELS)
    with pytest.raises(ValueError, match=r"need images of classes 0 and 1; got the counts \[0, 3\]"):
        class_weights("balanced", torch.ones(3, dtype=torch.int64))
