"""What a split by image does to patients with several images: the share of test images seen in training."""

from __future__ import annotations

from collections.abc import Mapping


def expected_leak_share(unit_sizes: Mapping[int, int], train_share: float) -> float:
    """Return the expected share of test images with an image of their unit in training, if images are drawn.

    Parameters
    ----------
    unit_sizes : number of units (patients, exams) by their number of images
    train_share : share of all images that are trained on, in (0, 1)

    Raises
    ------
    ValueError : no image, or a share out of range

    Notes
    -----
    Hypergeometric: of the n - 1 other images, round(train_share * n) are trained on; a test image whose unit
    has k images keeps clear of them if none of its k - 1 siblings is drawn. Checked against R's dhyper
    (tests/golden/grids.json).
    """
    n = sum(size * units for size, units in unit_sizes.items())
    if n < 2 or not 0.0 < train_share < 1.0:
        raise ValueError(
            f"{n} images and a training share of {train_share} came; needed are 2 or more, and 0 < share < 1."
        )
    trained = min(round(train_share * n), n - 1)
    leaking = 0.0
    for size, units in unit_sizes.items():
        clear = 1.0
        for i in range(size - 1):
            clear *= max(n - 1 - trained - i, 0) / (n - 1 - i)
        leaking += size * units * (1.0 - clear)
    return leaking / n
