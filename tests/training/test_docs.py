"""docs/training.md names every setting of the protocol with the default that the study file has."""

import re
from pathlib import Path

import pytest

from study.config import Recipe
from training.settings import AUGMENTATIONS

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", PAGE, flags=re.MULTILINE))
SETTINGS = [
    *("epochs", "batch_size", "lr", "lr_decay", "lr_decay_factor", "warmup_epochs", "optimizer", "momentum"),
    *("weight_decay", "decay_norm_and_bias", "class_weights", "label_smoothing", "clip_norm", "dropout"),
    *("amp", "checkpoint", "patience", "augmentation"),
]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_gives_the_default(name):
    default, written = Recipe.model_fields[name].default, ROWS[name].strip("`")
    if isinstance(default, bool):
        assert written == str(default).lower()
    elif isinstance(default, str):
        assert written == default
    else:
        assert float(written) == default


def test_the_page_names_every_augmentation():
    for name in AUGMENTATIONS:
        assert f"`{name}`" in PAGE
