"""Do the running statistics of a trunk's BatchNorm layers fit the images of a study?

In evaluation mode BatchNorm normalises with statistics of the images that the weights were trained on. Wrong
preprocessing (a channel order, a scale, a mean) shows here first, and nowhere else: training still runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

# A layer is far off where the typical channel is displaced by more than this many running standard
# deviations, or where its variance is more than this many times larger or smaller.
MAX_SHIFT = 1.0
MAX_VARIANCE_RATIO = 4.0
PROBE_IMAGES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFit:
    """How the images' statistics differ from the running ones in one BatchNorm layer.

    shift : median over channels of |mean - running mean| / sqrt(running variance + eps)
    variance_ratio : exp of the median over channels of log((variance + eps) / (running variance + eps))
    """

    layer: str
    shift: float
    variance_ratio: float

    @property
    def is_far(self) -> bool:
        """Beyond MAX_SHIFT or MAX_VARIANCE_RATIO, or not a number."""
        ratio = self.variance_ratio
        fits = self.shift <= MAX_SHIFT and 1 / MAX_VARIANCE_RATIO <= ratio <= MAX_VARIANCE_RATIO
        return not fits

    def to_dict(self) -> dict[str, Any]:
        """Field names and values."""
        return asdict(self)


@dataclass(slots=True)
class _Sums:
    """Sums over pixels and images of the distance to the running mean, float64 (channels,)."""

    n: int
    first: Tensor
    second: Tensor


def probe_batchnorm(trunk: nn.Module, batches: Iterable[Tensor]) -> list[LayerFit]:
    """Compare every BatchNorm layer's running statistics with those of some images, input side first.

    Parameters
    ----------
    trunk : in evaluation mode; it is not changed
    batches : preprocessed images, float (b, 3, s, s) each; the statistics are those of all together

    Raises
    ------
    ValueError : the trunk is in train mode, or there is no image
    """
    if any(module.training for module in trunk.modules()):
        raise ValueError("The trunk is in train mode; the probe would change its running statistics.")
    layers = {name: m for name, m in trunk.named_modules() if isinstance(m, nn.BatchNorm2d)}
    sums: dict[str, _Sums] = {}
    hooks = [layer.register_forward_pre_hook(_adder(sums, name)) for name, layer in layers.items()]
    try:
        with torch.inference_mode():
            for batch in batches:
                trunk(batch)
    finally:
        for hook in hooks:
            hook.remove()
    if layers and not sums:
        raise ValueError("The BatchNorm probe got no image.")
    return [_fit(name, layer, sums[name]) for name, layer in layers.items()]


def probe_note(name: str, fits: Sequence[LayerFit], *, n_images: int) -> str | None:
    """One sentence where the statistics do not fit, else None; `name` says which weights.

    They do not fit where the first layer is far off (it sees the preprocessed pixels through one convolution)
    or more than half of all layers are. Single deep layers are far off in sound trunks too, because other
    images excite other channels.
    """
    far = [fit for fit in fits if fit.is_far]
    if not far or not (fits[0].is_far or len(far) > len(fits) / 2):
        return None
    worst = max(far, key=_distance)
    return (
        f"BatchNorm of the {name} weights does not fit these images: in {len(far)} of {len(fits)} layers the "
        f"running statistics are far from those of {n_images} training images (first {far[0].layer}; worst "
        f"{worst.layer}: shift {worst.shift:.2g} sd, variance x {worst.variance_ratio:.2g}; limits "
        f"{MAX_SHIFT:g} and {MAX_VARIANCE_RATIO:g}); check `preprocessing` and the weights file"
    )


def _adder(sums: dict[str, _Sums], name: str) -> Any:
    def add(layer: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        assert layer.running_mean is not None
        gap = inputs[0].double() - layer.running_mean.double().view(1, -1, 1, 1)
        n = gap.numel() // gap.shape[1]
        first, second = gap.sum(dim=(0, 2, 3)), gap.square().sum(dim=(0, 2, 3))
        if name in sums:
            known = sums[name]
            known.n, known.first, known.second = known.n + n, known.first + first, known.second + second
        else:
            sums[name] = _Sums(n, first, second)

    return add


def _fit(name: str, layer: nn.BatchNorm2d, sums: _Sums) -> LayerFit:
    assert layer.running_var is not None
    running = layer.running_var.double() + layer.eps
    mean = sums.first / sums.n
    variance = (sums.second / sums.n - mean.square()).clamp_min(0.0) + layer.eps
    shift = float((mean.abs() / running.sqrt()).median())
    return LayerFit(
        layer=name.removeprefix("net."),
        shift=shift,
        variance_ratio=math.exp(float((variance.log() - running.log()).median())),
    )


def _distance(fit: LayerFit) -> float:
    """How far beyond its limits, as a factor; not a number counts as infinite."""
    values = (fit.shift / MAX_SHIFT, fit.variance_ratio / MAX_VARIANCE_RATIO)
    if not all(map(math.isfinite, values)) or fit.variance_ratio <= 0:
        return math.inf
    return max(*values, 1 / (fit.variance_ratio * MAX_VARIANCE_RATIO))
