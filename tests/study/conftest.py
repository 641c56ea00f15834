"""A tiny study on phantoms that trains in seconds, for the tests that need a real store."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

TINY = """
name = "tiny"
title = "A tiny study"
description = "Does the whole path work?"
seeds = [0, 1]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = {{ n_patients = 36, size = 48, difficulty = 0.2, seed = 5 }}
split = {{ train = 0.5, val = 0.2, test = 0.3 }}

[factors]
pretrain = ["random", "file:{weights}"]
head = ["Linear", "NonLinear"]
lr_decay = ["beta", "cosine"]

[protocol]
backbone = "ResNet18"
epochs = 2
batch_size = 16
image_size = 48
lr = 1e-2
fc_ratio = 0.25

[analysis]
[[analysis.delong]]
contrast = "pretrain"
[[analysis.mcnemar]]
contrast = "pretrain"
[[analysis.wilcoxon]]
contrast = "pretrain"
paired = true
[[analysis.mixed]]
formula = "test_auc ~ pretrain + (1|head) + (1|lr_decay)"
"""


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory) -> Path:
    """A ResNet18 checkpoint in torchvision's layout: a second pretraining that needs no download."""
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    path = tmp_path_factory.mktemp("weights") / "resnet18.pt"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory, other_weights) -> Path:
    """Path of the tiny study file: 16 cells in 2 groups."""
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY.format(weights=other_weights), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def study_command():
    """Run `study ARGUMENTS` in this process; the result has exit_code, stdout and stderr."""
    from study.cli import app

    def run(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory, tiny_study, study_command) -> Path:
    """The store of the tiny study, trained once; tests must not write into it."""
    root = tmp_path_factory.mktemp("store") / "tiny"
    result = study_command("run-grid", tiny_study, "--store", root)
    assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def images(tmp_path):
    """40 images in the folders benign and malignant, and a manifest that gives two images to a patient."""
    rng = np.random.default_rng(0)
    lines = ["path,label,patient"]
    for name in ("benign", "malignant"):
        (tmp_path / "root" / name).mkdir(parents=True)
        for number in range(20):
            path = tmp_path / "root" / name / f"{number}.png"
            Image.fromarray(rng.integers(0, 256, (8, 9), dtype=np.uint8)).save(path)
            lines.append(f"{name}/{number}.png,{name},{name} {number // 2}")
    (tmp_path / "root" / "list.csv").write_text("\n".join(lines))
    return tmp_path / "root"
