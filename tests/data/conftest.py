"""Small image folders made on the spot."""

import numpy as np
import pytest
from PIL import Image


def _save_image(path, *, seed=0, size=(20, 12), mode="RGB"):
    """Write a random image of (width, height) pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}[mode]
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    if mode in ("RGBA", "LA"):
        values[..., -1] = 255
    Image.fromarray(values).save(path)
    return values


@pytest.fixture
def save_image():
    """Function that writes a random image of (width, height) pixels and returns its values."""
    return _save_image


@pytest.fixture
def busi_folder(tmp_path):
    """A small BUSI: 3 benign (two masks on the first), 2 malignant, 1 normal."""
    top = tmp_path / "root" / "Dataset_BUSI_with_GT"
    for seed, (name, n) in enumerate({"benign": 3, "malignant": 2, "normal": 1}.items()):
        for number in range(1, n + 1):
            _save_image(top / name / f"{name} ({number}).png", seed=10 * seed + number)
    for suffix, columns in (("_mask", slice(0, 5)), ("_mask_1", slice(10, 12))):
        mask = np.zeros((12, 20), dtype=np.uint8)
        mask[:, columns] = 255
        Image.fromarray(mask).save(top / "benign" / f"benign (1){suffix}.png")
    return top
