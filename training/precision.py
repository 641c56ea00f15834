"""Mixed precision and the optimiser step: what a batch's loss does to the parameters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Number type of the training steps.

    dtype : float32, bfloat16 or float16
    note : what the cell's row says about it, None where `amp` was not asked for
    """

    dtype: torch.dtype
    note: str | None


def choose_precision(amp: bool, device: torch.device, *, bf16: Callable[[], bool] | None = None) -> Precision:
    """Number type of the training steps on a device.

    With `amp`, CUDA takes bfloat16 where the card computes in it (from Ampere on), else float16 with a scaled
    loss. Every other device stays in float32, and the note says so. `bf16` replaces the question to the card.
    """
    if not amp:
        return Precision(dtype=torch.float32, note=None)
    if device.type != "cuda":
        return Precision(
            dtype=torch.float32,
            note=f"amp was off: it acts on CUDA only, and this cell was trained in float32 on {device.type}",
        )
    kind = "bfloat16" if (bf16 or _card_has_bfloat16)() else "float16"
    return Precision(
        dtype=getattr(torch, kind),
        note=f"amp: training steps in {kind}; cached features and all scores in float32",
    )


class OptimizerStep:
    """Forward in the chosen precision, then gradient, clipping and step.

    Parameters
    ----------
    optimizer : over all trained parameters of a cell
    clip_norm : largest Euclidean norm of the gradient of all of them together; 0 = not clipped
    dtype : of the forward pass; float16 scales the loss, so that small gradients do not vanish
    device : where the module lies
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        clip_norm: float,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._optimizer, self._clip_norm = optimizer, clip_norm
        self._dtype, self._device = dtype, device
        self._scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)

    def forward(self) -> AbstractContextManager[object]:
        """Context of the forward pass: torch's autocast, or none in float32."""
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)

    def backward(self, loss: Tensor) -> None:
        """Gradient of the loss, clipped, and one step.

        In float16 a step whose gradient overflowed is left out and the scale is halved, as torch's GradScaler
        does. Clipping acts on the unscaled gradient: g becomes g min(1, clip_norm / (norm + 1e-6)).
        """
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self._clip_norm > 0:
            self._scaler.unscale_(self._optimizer)
            trained = [p for group in self._optimizer.param_groups for p in group["params"]]
            # One way on all devices: the loop, whose order of additions is fixed.
            clip_grad_norm_(trained, self._clip_norm, foreach=False)
        self._scaler.step(self._optimizer)
        self._scaler.update()


def _card_has_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)
