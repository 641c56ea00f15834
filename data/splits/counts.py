"""How many images each part of a split holds: the original study's arithmetic, exact."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil

PARTS = ("train", "val", "test")


def split_counts(
    class_counts: Mapping[str, int] | int, *, train: float, val: float, test: float
) -> dict[str, int]:
    """Images per part, from the total alone: 780 gives 585, 117, 78 at shares 0.75, 0.15, 0.10.

    Parameters
    ----------
    class_counts : images per class, or their total

    Returns
    -------
    {"train": int, "val": int, "test": int}

    Raises
    ------
    ValueError : shares not above 0, or with another sum than 1

    Notes
    -----
    The rule of the original study: n_rest = ceil(n (val + test)), n_test = ceil(n_rest test / (val + test)).
    Shares count as the decimal numbers that they are written as, so that 0.1 + 0.2 is 0.3.
    """
    total = class_counts if isinstance(class_counts, int) else sum(class_counts.values())
    _, v, t = _fractions((train, val, test))
    rest = ceil(total * (v + t))
    n_test = ceil(rest * t / (v + t))
    return {"train": total - rest, "val": rest - n_test, "test": n_test}


def label_counts(
    counts: Mapping[str, int], *, train: float, val: float, test: float
) -> dict[str, dict[str, int]]:
    """Images per part and label where the split is stratified and every image stands alone.

    The held-out part, then the test part of it, take each label by largest remainder; a tie goes to the
    rarer label. 570 and 210 images give 57 and 21 for testing.
    """
    parts = split_counts(counts, train=train, val=val, test=test)
    rest = _proportional(counts, parts["val"] + parts["test"])
    tested = _proportional(rest, parts["test"])
    return {
        "train": {name: counts[name] - rest[name] for name in counts},
        "val": {name: rest[name] - tested[name] for name in counts},
        "test": tested,
    }


def _proportional(counts: Mapping[str, int], n: int) -> dict[str, int]:
    total = sum(counts.values())
    exact = {name: Fraction(count * n, total) if total else Fraction(0) for name, count in counts.items()}
    shares = {name: int(value) for name, value in exact.items()}
    # Largest remainder first; a tie goes to the rarer class, then by name.
    order = sorted(counts, key=lambda name: (shares[name] - exact[name], counts[name], name))
    for name in order[: n - sum(shares.values())]:
        shares[name] += 1
    return shares


def _fractions(shares: tuple[float, float, float]) -> tuple[Fraction, Fraction, Fraction]:
    train, val, test = (Fraction(repr(float(share))) for share in shares)
    if min(train, val, test) <= 0 or train + val + test != 1:
        given = ", ".join(f"{name} {share:g}" for name, share in zip(PARTS, shares, strict=True))
        raise ValueError(
            f"The shares of a split must be above 0 and sum to 1, but {given} came (sum {sum(shares):g}). "
            "Correct `split` in the study file."
        )
    return train, val, test
