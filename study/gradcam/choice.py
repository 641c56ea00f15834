"""Which images are shown and which are compared: by rule, never by taste."""

from collections.abc import Sequence

import pandas as pd

from training.seeds import derive_seed

KINDS = ("true positive", "true negative", "false positive", "false negative")


def with_kind(test: pd.DataFrame) -> pd.DataFrame:
    """Test predictions of a cell (label, margin) with `kind`, one of KINDS; positive where margin > 0."""
    positive = test["margin"] > 0
    right = positive == (test["label"] == 1)
    kinds = [
        f"{'true' if r else 'false'} {'positive' if p else 'negative'}"
        for r, p in zip(right, positive, strict=True)
    ]
    return test.assign(kind=kinds)


def choose_images(test: pd.DataFrame, *, per_kind: int) -> pd.DataFrame:
    """The most confident images of each kind, in the order of KINDS.

    Parameters
    ----------
    test : image_id, label, margin (logit_1 - logit_0) of one cell

    Returns
    -------
    these columns with `kind`; confidence is |margin|, ties go by image id; a kind that does not occur has no
    row

    Raises
    ------
    ValueError : `per_kind` below 1
    """
    if per_kind < 1:
        raise ValueError(f"`per_kind` is {per_kind}; allowed are whole numbers from 1.")
    frame = with_kind(test)
    frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS, ordered=True)
    frame["confidence"] = frame["margin"].abs()
    frame = frame.sort_values(["kind", "confidence", "image_id"], ascending=[True, False, True])
    chosen = frame.groupby("kind", observed=True, sort=False).head(per_kind)
    return chosen.assign(kind=chosen["kind"].astype(str)).drop(columns="confidence").reset_index(drop=True)


def sample_images(image_ids: Sequence[str], n: int) -> list[str]:
    """At most n of the images, sorted: those whose hashed id is smallest, whatever the other images are.

    ValueError : n below 2
    """
    if n < 2:
        raise ValueError(f"The number of images is {n}; allowed are whole numbers from 2.")
    return sorted(sorted(image_ids, key=lambda name: derive_seed("saliency-sample", name))[:n])
