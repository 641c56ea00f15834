"""A task of PNG files in the size of breast ultrasound, and the study of one group on it."""

from pathlib import Path

import numpy as np
from PIL import Image

FILE_SIZE = (600, 500)  # width and height in pixels, as BUSI's files have on average
IMAGE_SIZE = 256
CLASSES = ("benign", "malignant")
# Images of the two tasks of the published grid: train, val, test.
PAPER_TASKS = {"breast": (585, 117, 78), "acl": (765, 153, 103)}
PAPER_EPOCHS = 5
BATCH = 64
PRETRAINS = 2

_STUDY = """
name = "bench"
[tasks.breast]
dataset = "folder"
positive = ["malignant"]
options = {{ path = "{folder}" }}
split = {{ train = 0.75, val = 0.15, test = 0.10, group = "image" }}
[factors]
head     = ["Linear", "NonLinear", "Conv", "ConvSkip"]
lr_decay = ["beta", "cosine"]
fc_ratio = [0.5, 1.0]
filters  = [4, 16]
[protocol]
pretrain = "random"
backbone = "{backbone}"
epochs = {epochs}
batch_size = 64
image_size = 256
"""


def study_text(folder: Path, *, backbone: str, epochs: int) -> str:
    """The paper's 22 cells of one group as a study file."""
    return _STUDY.format(folder=folder.as_posix(), backbone=backbone, epochs=epochs)


def write_images(folder: Path, n: int) -> None:
    """n gray PNG files of smoothed noise in two classes, two thirds of them benign."""
    rng = np.random.default_rng(0)
    for index in range(n):
        name = CLASSES[index % 3 == 0]
        (folder / name).mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (60, 72), dtype=np.uint8))
        fine = np.asarray(coarse.resize(FILE_SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(fine + rng.integers(-12, 13, fine.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / name / f"{index:04d}.png")
