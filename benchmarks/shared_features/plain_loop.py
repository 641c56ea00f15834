"""One cell at a time as a plain PyTorch script trains it: the loop of the original study.

One model, one DataLoader that opens and augments every image anew, `model.train()` so that every image goes
forward through the whole network (`requires_grad=False` alone saves the backward pass), torch's default Adam,
torch's default memory allocation. Prints JSON.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models
from torchvision.transforms import InterpolationMode, v2

from benchmarks.shared_features.task import BATCH, CLASSES, IMAGE_SIZE
from training.heads import Head, build_head
from training.settings import CellSettings

HEADS = [("Linear", None, None)]
HEADS += [("NonLinear", ratio, None) for ratio in (0.5, 1.0)]
HEADS += [(head, ratio, n) for head in ("Conv", "ConvSkip") for ratio in (0.5, 1.0) for n in (4, 16)]

_TRAIN = v2.Compose(
    [
        v2.Resize((IMAGE_SIZE, IMAGE_SIZE)),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomRotation(10, interpolation=InterpolationMode.NEAREST, fill=128),
        v2.RandomAffine(0, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=0.1, fill=0),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Lambda(lambda x: x.flip(0)),
        v2.Normalize((103.939 / 255, 116.779 / 255, 123.68 / 255), (0.225, 0.224, 0.229)),
    ]
)
_VAL = v2.Compose([_TRAIN.transforms[0], *_TRAIN.transforms[4:]])


class Files(Dataset):
    """Images opened and transformed at every access."""

    def __init__(self, paths: list[Path], transform: nn.Module) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path = self.paths[index]
        with Image.open(path) as image:
            return self.transform(image.convert("RGB")), CLASSES.index(path.parent.name)


def head_of(name: str, ratio: float | None, filters: int | None, *, backbone: str) -> Head:
    """The project's head of one cell, so that both sides train the same parameters."""
    conv, linear = name in ("Conv", "ConvSkip"), name == "Linear"
    settings = CellSettings(
        task="breast", seed=0, fold=0, pretrain="random", backbone=backbone, head=name, lr_decay="cosine",
        fc_ratio=ratio, filters=filters, epochs=5, batch_size=BATCH, image_size=IMAGE_SIZE, lr=1e-4,
        lr_decay_factor=None, dropout=None if linear else 0.5, kernel_size=2 if conv else None, unfreeze=0,
        optimizer="adam", weight_decay=1e-5, amp=False, frozen_batchnorm="train", checkpoint="val_auc",
        preprocessing="caffe", augmentation="paper", momentum=None,
    )  # fmt: skip
    head = build_head(settings, 2048)
    head.set_dropout(torch.Generator().manual_seed(0))
    return head


def epoch(model: nn.Module, train: DataLoader, val: DataLoader, optimizer: torch.optim.Optimizer) -> None:
    """One pass over the training images and one over validation."""
    loss_of = nn.CrossEntropyLoss()
    model.train()
    for images, labels in train:
        optimizer.zero_grad()
        loss_of(model(images), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for images, _ in val:
            model(images)


def head_step_seconds(head: nn.Module) -> float:
    """Seconds of one training step of a head alone with torch's default Adam (the faster of two)."""
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-4, weight_decay=1e-5)
    features, labels = torch.rand(BATCH, 2048), torch.arange(BATCH) % 2
    seconds = []
    for _ in range(3):  # the first one makes the moments
        started = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(features), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Seconds of one epoch of the Linear cell, and of one step of every head."""
    torch.manual_seed(0)
    paths = sorted(options.images.rglob("*.png"))
    backbone = models.resnet50(weights=None)
    backbone.fc = nn.Identity()
    backbone.requires_grad_(False)
    model = nn.Sequential(backbone, head_of("Linear", None, None, backbone="ResNet50"))
    optimizer = torch.optim.Adam(
        (p for p in model.parameters() if p.requires_grad), lr=1e-4, weight_decay=1e-5
    )
    n_train, n_val = options.train, options.val
    train = DataLoader(Files(paths[:n_train], _TRAIN), batch_size=BATCH, shuffle=True)
    val = DataLoader(Files(paths[n_train : n_train + n_val], _VAL), batch_size=BATCH)
    started = time.perf_counter()
    epoch(model, train, val, optimizer)
    seconds = time.perf_counter() - started
    steps = {str(cell): head_step_seconds(head_of(*cell, backbone="ResNet50")) for cell in HEADS}
    return {"seconds": seconds, "images": n_train + n_val, "head_steps": steps}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--train", type=int, required=True)
    parser.add_argument("--val", type=int, required=True)
    print(json.dumps(measure(parser.parse_args())))
