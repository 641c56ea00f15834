"""The level `phantom`: a short training of a whole backbone on procedural images, made once and cached.

It exists so that a study can compare two pretrainings with a real, known difference without any download. The
network learns to tell the five phantom classes (breast: benign, malignant, normal; knee: intact, torn) on
windows around the lesion or ligament, at the scale of the whole image. Its random streams are keyed by the
purpose "phantom-pretraining", so no image of a data set is among its images.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from data.atomic import write_bytes
from data.lock import one_process
from data.phantoms.breast import BREAST_CLASSES, breast_phantom
from data.phantoms.knee import KNEE_CLASSES, knee_phantom
from training.backbones import Trunk, build_trunk
from training.preprocess import preprocess
from training.seeds import derive_seed, numpy_stream, torch_stream
from training.threads import torch_threads
from training.weights import Weights, phantom_path, resolve_weights
from training.weights_random import initial_tensors, tensors_sha256

CLASSES = (
    *((breast_phantom, kind) for kind in BREAST_CLASSES),
    *((knee_phantom, kind) for kind in KNEE_CLASSES),
)
PREPROCESSING = "caffe"
_REPLICAS = 2

Progress = Callable[[int, int], None]
"""Called with (work done, work in all), in images; drawing images counts as work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainRecipe:
    """What the weights depend on, beside the backbone.

    n_images : drawn images, split evenly over the five classes
    size, window : pixels per side of the images, and of the windows that the network sees
    difficulty : easiest and hardest phantom; drawn uniformly between
    lr : peak learning rate of the one-cycle schedule (AdamW)
    """

    n_images: int = 1200
    size: int = 96
    window: int = 48
    difficulty: tuple[float, float] = (0.0, 0.15)
    epochs: int = 3
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    seed: int = 0


# More images for the deeper networks, which may take longer.
_DEEP = PretrainRecipe(n_images=1800)
RECIPES = {"ResNet18": PretrainRecipe(), "ResNet50": _DEEP, "DenseNet121": _DEEP, "InceptionV3": _DEEP}


def make_phantom_weights(
    backbone: str,
    *,
    weights_dir: Path,
    progress: Progress | None = None,
    recipe: PretrainRecipe | None = None,
) -> Weights:
    """Weights of the level `phantom`; trained and cached in `weights_dir` if they are not there yet.

    Deterministic on one machine, whatever the number of torch threads. Of two processes that ask at once, one
    trains; the other waits and reads.

    Parameters
    ----------
    backbone : one of BACKBONES
    weights_dir : made if missing
    progress : told how far it is, in images
    recipe : for tests; the product's own is RECIPES[backbone]

    Raises
    ------
    ValueError : unknown backbone; a cached file that is damaged
    OSError : the folder cannot be written
    """
    if backbone not in RECIPES:
        raise ValueError(f"Unknown backbone '{backbone}'; available: {', '.join(RECIPES)}.")
    path = phantom_path(backbone, weights_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    with one_process(path.with_name(f".{path.name}.lock")):
        if not path.is_file():
            chosen = recipe or RECIPES[backbone]
            trunk = pretrain_trunk(backbone, chosen, progress=progress)
            write_bytes(path, _file_content(trunk, chosen))
    return resolve_weights("phantom", backbone, weights_dir=weights_dir)


def pretrain_trunk(backbone: str, recipe: PretrainRecipe, *, progress: Progress | None = None) -> Trunk:
    """Trunk trained on phantoms; the same recipe and machine give the same bits."""
    work = recipe.n_images * (1 + recipe.epochs)
    report = progress or (lambda done, total: None)
    images, centres, labels = phantom_images(recipe, progress=lambda done: report(done, work))
    trunk = build_trunk(backbone)
    trunk.net.load_state_dict(initial_tensors(backbone, seed=recipe.seed), strict=False)
    classifier = nn.Linear(trunk.n_features, len(CLASSES))
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    model = nn.Sequential(trunk, classifier).to(memory_format=torch.channels_last).train()
    _train(model, images, centres, labels, recipe, lambda done: report(recipe.n_images + done, work))
    return trunk.to(memory_format=torch.contiguous_format).eval()


def phantom_images(
    recipe: PretrainRecipe, *, progress: Callable[[int], None] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Images uint8 (n, 1, size, size), centres of their regions (n, 2: row, column), labels (n,)."""

    def draw(index: int) -> tuple[np.ndarray, tuple[float, float]]:
        make, kind = CLASSES[index % len(CLASSES)]
        rng = numpy_stream("phantom-pretraining", "image", recipe.seed, index)
        phantom = make(
            rng,
            kind=kind,
            size=recipe.size,
            difficulty=float(rng.uniform(*recipe.difficulty)),
            patient=derive_seed("phantom-pretraining", "patient", recipe.seed, index),
        )
        return phantom.image, _centre(phantom.mask, rng)

    images = np.empty((recipe.n_images, 1, recipe.size, recipe.size), dtype=np.uint8)
    centres = np.empty((recipe.n_images, 2), dtype=np.float32)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for index, (image, centre) in enumerate(pool.map(draw, range(recipe.n_images))):
            images[index, 0], centres[index] = image, centre
            if progress is not None and index % 50 == 0:
                progress(index)
    labels = torch.arange(recipe.n_images) % len(CLASSES)
    return torch.from_numpy(images), torch.from_numpy(centres), labels


def _centre(mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Centre of the region; a random place where there is none."""
    if not mask.any():
        row, column = rng.uniform(0.3, 0.7, size=2) * mask.shape[0]
        return float(row), float(column)
    rows, columns = np.nonzero(mask)
    return float(rows.mean()), float(columns.mean())


def _train(
    model: nn.Sequential,
    images: Tensor,
    centres: Tensor,
    labels: Tensor,
    recipe: PretrainRecipe,
    progress: Callable[[int], None],
) -> None:
    """One-cycle AdamW on windows; the last short batch of an epoch is left out (BatchNorm).

    Every batch is split over two single-threaded replicas whose gradients are averaged: the bits do not
    depend on the number of cores, and a busy core does not hold up the other at every layer.
    """
    steps = len(labels) // recipe.batch_size
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.lr, total_steps=steps * recipe.epochs, pct_start=0.25
    )
    replicas = [model, *(copy.deepcopy(model) for _ in range(_REPLICAS - 1))]

    def backward(replica: nn.Sequential, batch: Tensor, epoch: int) -> None:
        with torch_threads(1):
            x = preprocess(_windows(images, centres, batch, recipe, epoch), PREPROCESSING)
            logits = replica(x.contiguous(memory_format=torch.channels_last))
            nn.functional.cross_entropy(
                logits, labels[batch], label_smoothing=recipe.label_smoothing
            ).backward()

    with torch_threads(1), ThreadPoolExecutor(_REPLICAS) as pool:
        for epoch in range(recipe.epochs):
            stream = torch_stream("phantom-pretraining", "order", recipe.seed, epoch)
            order = torch.randperm(len(labels), generator=stream)
            for step in range(steps):
                batch = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
                parts = batch.chunk(_REPLICAS)
                list(pool.map(backward, replicas, parts, [epoch] * _REPLICAS))
                _average_gradients(replicas)
                optimizer.step()
                schedule.step()
                _copy_parameters(replicas)
                progress((epoch * steps + step + 1) * recipe.batch_size)


def _average_gradients(replicas: Sequence[nn.Module]) -> None:
    """Mean gradient into the first replica; the others' are cleared."""
    first = _gradients(replicas[0])
    for other in replicas[1:]:
        torch._foreach_add_(first, _gradients(other))
        other.zero_grad(set_to_none=True)
    torch._foreach_div_(first, float(len(replicas)))


def _gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad for p in module.parameters() if p.grad is not None]


def _copy_parameters(replicas: Sequence[nn.Module]) -> None:
    """Parameters of the first replica into the others. BatchNorm statistics stay the first one's."""
    replicas[0].zero_grad(set_to_none=True)
    with torch.no_grad():
        for other in replicas[1:]:
            torch._foreach_copy_(list(other.parameters()), list(replicas[0].parameters()))


def _windows(images: Tensor, centres: Tensor, batch: Tensor, recipe: PretrainRecipe, epoch: int) -> Tensor:
    """Windows near the regions, mirrored at random, brightness and contrast varied: uint8 (b, 1, w, w)."""
    out = torch.empty(len(batch), 1, recipe.window, recipe.window, dtype=torch.uint8)
    slack = recipe.size - recipe.window
    for row, index in enumerate(batch.tolist()):
        rng = numpy_stream("phantom-pretraining", "window", recipe.seed, epoch, index)
        corner = centres[index].numpy() - recipe.window / 2 + rng.uniform(-1, 1, size=2) * recipe.window / 6
        top, left = np.clip(np.rint(corner), 0, slack).astype(int)
        window = images[index, 0, top : top + recipe.window, left : left + recipe.window].float()
        if rng.random() < 0.5:
            window = window.flip(-1)
        window = (
            window.sub(window.mean()).mul(rng.uniform(0.8, 1.25)).add(window.mean() + rng.uniform(-20, 20))
        )
        out[row, 0] = window.clamp(0, 255).to(torch.uint8)
    return out


def _file_content(trunk: Trunk, recipe: PretrainRecipe) -> bytes:
    tensors = {name: tensor.contiguous() for name, tensor in trunk.net.state_dict().items()}
    metadata = {
        "backbone": trunk.backbone,
        "sha256": tensors_sha256(tensors),
        "preprocessing": PREPROCESSING,
        "source": f"trained here on {recipe.n_images} procedural images, {recipe.epochs} epochs",
        "recipe": json.dumps(asdict(recipe)),
        "torch": torch.__version__,
    }
    return save(tensors, metadata=metadata)
