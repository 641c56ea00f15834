"""The empirical ROC curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from stats.checks import checked_labels, checked_scores


def roc_curve(y_true: ArrayLike, score: ArrayLike) -> pd.DataFrame:
    """Return the points of the ROC curve from (0, 0) to (1, 1).

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive

    Returns
    -------
    frame with fpr, tpr, threshold : one row per distinct score, falling, after a first row at infinity;
        at each threshold, images with score >= threshold are called positive

    Raises
    ------
    ValueError : lengths differ; a score is not finite; one class only

    Notes
    -----
    The area under these points by the trapezoid rule is the AUC with ties counted one half.
    """
    labels = checked_labels(y_true)
    scores = checked_scores(score, n=labels.size, names=["score"])[:, 0]
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], labels[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true_positive = np.cumsum(positive)[last]
    false_positive = last + 1 - true_positive
    return pd.DataFrame(
        {
            "fpr": np.r_[0.0, false_positive / (labels.size - labels.sum())],
            "tpr": np.r_[0.0, true_positive / labels.sum()],
            "threshold": np.r_[np.inf, ranked[last]],
        }
    )
