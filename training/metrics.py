"""Metrics of a learning history; the study's own statistics are computed from the stored predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochMetrics:
    """Loss and ranking of one pass over n images; all in float64."""

    loss: float
    auc: float
    f1: float
    accuracy: float
    positive_rate: float


def epoch_metrics(logits: np.ndarray, labels: np.ndarray) -> EpochMetrics:
    """Mean cross-entropy, AUC, F1, accuracy and share of predicted positives.

    Parameters
    ----------
    logits : float array (n, 2); an image is called positive where logit_1 > logit_0 (a tie is negative)
    labels : int array (n,), 1 = positive
    """
    margin = logit_margin(logits)
    signed = np.where(labels == 1, margin, -margin)
    predicted = margin > 0
    positive = labels == 1
    hits = int(np.sum(predicted & positive))
    called, real = int(predicted.sum()), int(positive.sum())
    return EpochMetrics(
        loss=float(np.logaddexp(0.0, -signed).sum() / len(labels)),
        auc=rank_auc(labels, margin),
        f1=2 * hits / (called + real) if called + real else 0.0,
        accuracy=float(np.sum(predicted == positive) / len(labels)),
        positive_rate=called / len(labels),
    )


def logit_margin(logits: np.ndarray) -> np.ndarray:
    """logit_1 - logit_0 in float64, shape (n,)."""
    wide = np.asarray(logits, dtype=np.float64)
    return wide[:, 1] - wide[:, 0]


def positive_score(logits: np.ndarray) -> np.ndarray:
    """Probability of the positive class, float64 (n,): sigmoid of logit_1 - logit_0, without overflow."""
    margin = logit_margin(logits)
    return np.exp(-np.logaddexp(0.0, -margin))


def rank_auc(labels: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve from average ranks; a tie counts one half.

    Raises
    ------
    ValueError : a class has no image
    """
    positive = np.asarray(labels) == 1
    n_positive, n = int(positive.sum()), len(positive)
    n_negative = n - n_positive
    if n_positive == 0 or n_negative == 0:
        raise ValueError(
            f"AUC needs both classes; got {n_positive} positive and {n_negative} negative images."
        )
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
