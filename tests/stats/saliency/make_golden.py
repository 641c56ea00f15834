"""Rewrite golden.json: `python tests/stats/saliency/make_golden.py`, in an environment with scikit-image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import scipy
import skimage
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

GOLDEN = Path(__file__).with_name("golden.json")
SHAPES = {"small": (11, 11), "wide": (14, 23), "square": (32, 32)}


def pair(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two maps with common structure, maximum 1 each, rounded so that JSON holds them exactly."""
    rng = np.random.default_rng(sum(shape))
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    blob = np.exp(-((rows - shape[0] / 3) ** 2 + (columns - shape[1] / 2) ** 2) / (2 * 3.0**2))
    maps = [blob + share * rng.random(shape) for share in (0.2, 0.6)]
    a, b = (np.round(values / values.max(), 6) for values in maps)
    return a, b


def main() -> None:
    """Write the maps and both measures as scikit-image and SciPy give them."""
    cases = []
    for name, shape in SHAPES.items():
        a, b = pair(shape)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        cases.append(
            {
                "name": name,
                "a": a.tolist(),
                "b": b.tolist(),
                "ssim": float(structural_similarity(a, b, data_range=1.0, **options)),
                "rank_correlation": float(spearmanr(a.ravel(), b.ravel()).statistic),
            }
        )
    content = {
        "script": "tests/stats/saliency/make_golden.py",
        "call": "skimage.metrics.structural_similarity(a, b, data_range=1, gaussian_weights=True, sigma=1.5, "
        "use_sample_covariance=False); scipy.stats.spearmanr(a, b)",
        "scikit-image": skimage.__version__,
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "cases": cases,
    }
    GOLDEN.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
