"""The four classifier heads on pooled backbone features: Linear, NonLinear, Conv, ConvSkip.

Layers and initialisation follow the original study, with two differences: the hidden width is
`fc_ratio` x backbone features, as its text defines it (its code took the width of the flattened maps), and
`fc_ratio`, `kernel_size` and `dropout` act on Conv and ConvSkip (its code never passed them on).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.seeds import torch_stream
from training.settings import CellSettings

N_CLASSES = 2
_SLOPE = 0.01


class SeededDropout(nn.Module):
    """Dropout whose mask comes from a generator of its own (nn.Dropout knows the global one only)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        if self.generator is None:
            raise RuntimeError("SeededDropout has no generator; call `Head.set_dropout` before training.")
        keep = 1.0 - self.p
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator).div_(keep)
        return x * mask


class Head(nn.Module):
    """Features (b, n_features) float32 -> logits (b, 2) float32."""

    def set_dropout(self, generator: torch.Generator) -> None:
        """Let all dropout layers of the head draw from this generator, in the order of the forward pass."""
        for module in self.modules():
            if isinstance(module, SeededDropout):
                module.generator = generator


class LinearHead(Head):
    """Linear(F, 2)."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(n_features, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(x)


class NonLinearHead(Head):
    """Linear(F, rF, no bias) -> BatchNorm -> LeakyReLU -> Dropout -> Linear(rF, 2)."""

    def __init__(self, n_features: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(n_features, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.dropout = SeededDropout(dropout)
        self.fc2 = nn.Linear(hidden, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.dropout(functional.leaky_relu(self.bn1(self.fc1(x)), _SLOPE)))


class ConvHead(Head):
    """A 1-d convolution along the features, flattened to C(F - k + 1), then the NonLinear head.

    With `skip`, Linear(F, C(F - k + 1), no bias) -> BatchNorm -> ReLU of the features is added after the
    flatten, before `fc1`.
    """

    def __init__(
        self, n_features: int, *, filters: int, kernel_size: int, hidden: int, dropout: float, skip: bool
    ) -> None:
        super().__init__()
        flat = filters * (n_features - kernel_size + 1)
        self.conv = nn.Conv1d(1, filters, kernel_size, bias=False)
        self.bn_conv = nn.BatchNorm1d(filters)
        self.dropout_conv = SeededDropout(dropout)
        self.skip = nn.Linear(n_features, flat, bias=False) if skip else None
        self.bn_skip = nn.BatchNorm1d(flat) if skip else None
        self.fc1 = nn.Linear(flat, hidden, bias=False)
        self.bn_fc1 = nn.BatchNorm1d(hidden)
        self.dropout_fc1 = SeededDropout(dropout)
        self.fc2 = nn.Linear(hidden, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        maps = functional.leaky_relu(self.bn_conv(self.conv(x.unsqueeze(1))), _SLOPE)
        flat = self.dropout_conv(maps).flatten(1)
        if self.skip is not None and self.bn_skip is not None:
            flat = flat + functional.relu(self.bn_skip(self.skip(x)))
        return self.fc2(self.dropout_fc1(functional.leaky_relu(self.bn_fc1(self.fc1(flat)), _SLOPE)))


def build_head(settings: CellSettings, n_features: int) -> Head:
    """Head of a cell with its initial weights, on the CPU, in train mode.

    The weights depend on the head's shape and `settings.seed` alone: neither on what ran before, nor on the
    learning-rate decay, the data or the device. The global generator is not touched.

    Raises
    ------
    ValueError : no features; a kernel longer than the features; an `fc_ratio` that leaves no hidden unit
    """
    with torch.device("meta"):
        head = head_layers(settings, n_features)
    head.to_empty(device="cpu")
    shape = (settings.head, n_features, settings.fc_ratio, settings.filters, settings.kernel_size)
    _initialise(head, torch_stream("init", *shape, settings.seed))
    return head.train()


def count_parameters(module: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def head_parameters(settings: CellSettings, n_features: int) -> int:
    """Number of trainable values of a cell's head; nothing is allocated."""
    with torch.device("meta"):
        return count_parameters(head_layers(settings, n_features))


def head_shapes(settings: CellSettings, n_features: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and shape of every tensor of a cell's head; nothing is allocated, no random number is drawn."""
    with torch.device("meta"):
        state = head_layers(settings, n_features).state_dict()
    return tuple((name, tuple(tensor.shape)) for name, tensor in state.items())


def head_layers(settings: CellSettings, n_features: int) -> Head:
    """The layers of a cell's head, with whatever weights torch gives them; ValueError as `build_head`."""
    if n_features < 1:
        raise ValueError(f"`n_features` is {n_features}; a head needs at least one feature.")
    if settings.head == "Linear":
        return LinearHead(n_features)
    dropout = float(settings.dropout or 0.0)
    hidden = round(float(settings.fc_ratio or 0.0) * n_features)
    if hidden < 1:
        raise ValueError(
            f"`fc_ratio` {settings.fc_ratio} of {n_features} features leaves no hidden unit; raise it."
        )
    if settings.head == "NonLinear":
        return NonLinearHead(n_features, hidden=hidden, dropout=dropout)
    filters, kernel_size = int(settings.filters or 0), int(settings.kernel_size or 0)
    if kernel_size > n_features:
        raise ValueError(f"`kernel_size` is {kernel_size}, longer than the {n_features} features; lower it.")
    skip = settings.head == "ConvSkip"
    return ConvHead(
        n_features, filters=filters, kernel_size=kernel_size, hidden=hidden, dropout=dropout, skip=skip
    )


def _initialise(head: Head, generator: torch.Generator) -> None:
    """Kaiming normal (fan_in, ReLU) on conv, fc1 and fc2, zero biases; `skip` as nn.Linear draws it.

    ConvSkip's fc2 bias is drawn too, as nn.Linear does: the original zeroes it in the other heads only.
    """
    for name, module in head.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()
            module.reset_parameters()
        elif isinstance(module, nn.Linear | nn.Conv1d):
            if name == "skip":
                nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                _initialise_bias(module, drawn=getattr(head, "skip", None) is not None, generator=generator)


def _initialise_bias(module: nn.Linear | nn.Conv1d, *, drawn: bool, generator: torch.Generator) -> None:
    assert module.bias is not None
    if drawn:
        bound = 1 / math.sqrt(module.weight[0].numel())
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)
    else:
        nn.init.zeros_(module.bias)
