"""Two trained models or two recipes: the variance from seeds as its own component beside that from images.

Every arm (recipe) was trained with several seeds; all trained models score the same test images. Of the
difference D of the arms' mean AUCs over seeds, two variances can be meant:

(a) these trained models, new images. Var(D | models) = c'Sc, with S the DeLong (or Obuchowski) covariance of
    all AUCs and c = 1 / S_a for the seeds of arm a, -1 / S_b for those of arm b.
(b) these recipes, new seeds and new images. By the law of total variance over the images
        Var(D) = E[Var(D | images)] + Var(E[D | images]).
    Seeds are independent draws given the images, so the first term is estimated without bias by the observed
    variance between seeds divided by their number: it already holds what seeds and images do together. The
    second is the covariance between different seeds that the shared images cause: the mean of the covariances
    of S between different seeds. With seeds as readers this is the analysis of Obuchowski and Rockette.

The variance of the seeds alone (what would be left on infinitely many images) is the observed variance minus
its share from images, which is the mean variance minus the mean covariance between seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import FloatArray, checked_groups, few_groups_note
from stats.checks import check_conf_level, checked_labels, checked_scores
from stats.recipes.results import RecipeComparison, RecipeEstimate
from stats.results import NAN, joined_notes
from stats.roc.components import AucComponents, auc_components, clustered_components

ROUNDING = 1e-24  # a variance below this share of the variances of the AUCs is rounding, hence 0
TIE = 1e-14  # mean AUCs closer than this are equal
ONE_SEED = (
    "one seed only: the variance between seeds cannot be estimated, so nothing can be said about the recipe; "
    "train each arm with at least 2 seeds, better 5 or more"
)
NO_SEED_VARIANCE = (
    "the seeds differ no more than the images explain: their own variance is estimated as 0 or less; the "
    "variance for recipes is not taken below that for the trained models"
)


def recipe_comparison(
    y_true: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    paired_seeds: bool = False,
    group: Sequence[Any] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> RecipeComparison:
    """Compare recipes that were each trained with several seeds and scored on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)   1 = positive class
    scores : arm name to float array, shape (n, S_arm), one column per seed
    paired_seeds : True where column s means the same seed in every arm and the seed drives the same things
        (order of images, augmentation, initialisation). False takes the seeds of the arms as independent
        draws; where the arms rise and fall together with the seed, that is too cautious
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used
    adjust : "holm", "bh" or "none", over all pairs of arms within each reading

    Raises
    ------
    ValueError : fewer than 1 arm; arms with other numbers of seeds where they are paired; as `delong`

    Notes
    -----
    The module says what is estimated. Reading (b) uses t with Satterthwaite's degrees of freedom over the
    seeds; the covariance from the images is taken as known. With one seed in an arm it is NaN. It speaks of
    seeds on this training and validation set: other splits of the data are a source of variance of their own
    (Bouthillier et al. 2021, Proc MLSys 3:747). The estimate is the mean AUC, not the AUC of mean scores.
    Sources: Obuchowski and Rockette 1995 (Commun Stat Simul 24:285); Hillis 2007 (Stat Med 26:596), df;
    Gallas 2006 (Acad Radiol 13:353). Checked against R (tests/golden/calibration.json).
    """
    check_conf_level(conf_level)
    labels = checked_labels(y_true, min_per_class=2)
    tables = _checked_arms(scores, labels.size, paired_seeds=paired_seeds)
    table = np.column_stack(list(tables.values()))
    _, n_groups = checked_groups(group, labels.size)
    parts = auc_components(labels, table) if group is None else clustered_components(labels, table, group)
    ends = np.cumsum([0, *(arm.shape[1] for arm in tables.values())])
    columns = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(tables)}
    notes = few_groups_note(n_groups)
    arms = tuple(_estimate(parts, [(name, columns[name])], paired=False, note=notes) for name in columns)
    pairs = tuple(
        _estimate(parts, [(a, columns[a]), (b, columns[b])], paired=paired_seeds, note=notes)
        for a, b in combinations(columns, 2)
    )
    seeds = np.array([arm.shape[1] for arm in tables.values()])
    alone = np.array([arm.variance_seeds for arm in arms]) * seeds
    return RecipeComparison(
        names=tuple(tables),
        arms=arms,
        pairs=pairs,
        seed_auc=tuple(parts.auc[where] for where in columns.values()),
        seed_std_dev=np.sqrt(np.maximum(alone, 0.0)),
        paired_seeds=paired_seeds,
        adjust=adjust,
        conf_level=conf_level,
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=n_groups,
    )


def _estimate(
    parts: AucComponents,
    arms: list[tuple[str, NDArray[np.intp]]],
    *,
    paired: bool,
    note: str | None,
) -> RecipeEstimate:
    """Estimate of one arm or of a difference of two, with its variances."""
    signs = (1.0, -1.0)[: len(arms)]
    means = [float(parts.auc[where].mean()) for _, where in arms]
    contrast = np.zeros(parts.auc.size)
    for sign, (_, where) in zip(signs, arms, strict=True):
        contrast[where] = sign / where.size
    images = float(parts.contrast_covariance(contrast[None])[0, 0])
    scale = float(np.diagonal(parts.covariance()).sum())
    images = 0.0 if images <= ROUNDING * scale else images
    difference = means[0] - means[1] if len(arms) > 1 else means[0]
    difference = 0.0 if abs(difference) < TIE else difference
    # the independent seed samples: of every arm, or of the differences by seed
    samples = (
        [_seed_rows(parts.auc.size, arms, signs)]
        if paired
        else [_seed_rows(parts.auc.size, [arm], (1.0,)) for arm in arms]
    )
    few = min(rows.shape[0] for rows in samples) < 2
    observed = shared = seeds = total = df = NAN
    if not few:
        spread = np.array([float((rows @ parts.auc).var(ddof=1)) / rows.shape[0] for rows in samples])
        within = sum(_image_share(parts, rows) for rows in samples)
        observed, shared = float(spread.sum()), images - within
        seeds = observed - within
        total = max(observed + max(shared, 0.0), images)
        dof = np.array([rows.shape[0] - 1.0 for rows in samples])
        df = total**2 / float((spread**2 / dof).sum()) if observed > 0.0 else np.inf
    return RecipeEstimate(
        arm_a=arms[0][0],
        arm_b=arms[1][0] if len(arms) > 1 else None,
        estimate_a=means[0],
        estimate_b=means[1] if len(arms) > 1 else NAN,
        estimate=difference,
        variance_images=images,
        variance_observed=observed,
        variance_shared=shared,
        variance_seeds=seeds,
        variance_total=total,
        df=df,
        note=joined_notes(note, ONE_SEED if few else None, NO_SEED_VARIANCE if seeds <= 0.0 else None),
    )


def _seed_rows(size: int, arms: list[tuple[str, NDArray[np.intp]]], signs: tuple[float, ...]) -> FloatArray:
    """One row per seed: the contrast of all AUCs that gives its AUC, or its difference of two arms."""
    rows = np.zeros((arms[0][1].size, size))
    for sign, (_, where) in zip(signs, arms, strict=True):
        rows[np.arange(where.size), where] = sign
    return rows


def _image_share(parts: AucComponents, rows: FloatArray) -> float:
    """What images add to the variance between seeds, over S: (mean variance - mean covariance) / S."""
    s = rows.shape[0]
    # trace(C S C) / (S - 1) with C = I - 1/S: no cancellation
    centred = rows - rows.mean(axis=0)
    return float(np.trace(parts.contrast_covariance(centred))) / (s - 1) / s


def _checked_arms(scores: Mapping[str, ArrayLike], n: int, *, paired_seeds: bool) -> dict[str, FloatArray]:
    tables = {}
    for name, values in scores.items():
        columns = np.asarray(values)
        k = columns.shape[1] if columns.ndim == 2 else 1
        tables[name] = checked_scores(values, n=n, names=[f"{name}, seed {s + 1}" for s in range(k)])
    if not tables:
        raise ValueError("`scores` holds no arm; give the scores of every seed per arm.")
    empty = [name for name, table in tables.items() if table.shape[1] == 0]
    if empty:
        raise ValueError(f"Arm {empty[0]!r} has no seed; give one score column per seed.")
    sizes = {name: table.shape[1] for name, table in tables.items()}
    if paired_seeds and len(set(sizes.values())) > 1:
        found = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ValueError(
            f"Paired seeds need the same number in every arm (came: {found}); "
            "set `paired_seeds=False` or take the seeds that all arms have."
        )
    return tables
