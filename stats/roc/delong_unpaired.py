"""DeLong's test of AUCs measured on independent samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import check_conf_level, checked_labels, checked_scores
from stats.roc.components import AucComponents, auc_components
from stats.roc.delong import DelongResult, delong_result
from stats.roc.pairs import pair_table

UNPAIRED = "DeLong unpaired (Welch t)"


def delong_unpaired(
    samples: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    names: Sequence[str],
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> DelongResult:
    """Compare AUCs measured on independent samples: one (labels, scores) pair per model.

    Raises
    ------
    ValueError : as `delong`, for each sample

    Notes
    -----
    Pairs use Student's t with Welch-Satterthwaite degrees of freedom over the sizes of the two samples, as
    pROC `roc.test(paired = FALSE)`; the covariance is diagonal. `n_positive` and `n_negative` are sums.
    """
    check_conf_level(conf_level)
    parts = []
    for name, (y_true, score) in zip(names, samples, strict=True):
        labels = checked_labels(y_true, min_per_class=2)
        parts.append(auc_components(labels, checked_scores(score, n=labels.size, names=[name])))
    values = np.array([part.auc[0] for part in parts])
    variance = np.array([part.covariance()[0, 0] for part in parts])
    sizes = np.array([part.n_positive + part.n_negative for part in parts])
    a, b = np.triu_indices(len(parts), 1)
    total = variance[a] + variance[b]
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / (variance[a] ** 2 / (sizes[a] - 1) + variance[b] ** 2 / (sizes[b] - 1))
    pairs = pair_table(a, b, values[a] - values[b], total, adjust=adjust, conf_level=conf_level, df=df)
    joint = AucComponents(
        auc=values,
        wins=None,
        positive=np.diag(np.sqrt(variance)),
        negative=np.zeros((0, len(parts))),
        w_positive=1.0,
        w_negative=0.0,
        w_cross=0.0,
        n_positive=sum(part.n_positive for part in parts),
        n_negative=sum(part.n_negative for part in parts),
        n_groups=None,
    )
    return delong_result(
        joint, np.diag(variance), pairs, names=tuple(names), conf_level=conf_level, method=UNPAIRED
    )
