"""Frozen means frozen: tensors that training must not touch hash the same before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from training.weights_random import tensors_sha256


class FrozenChangedError(RuntimeError):
    """Tensors that were declared frozen have changed during training."""


class FrozenCheck:
    """SHA-256 of tensors when it is made; `check` compares them with what they are then.

    Parameters
    ----------
    what : whose tensors they are, for the message
    read : gives the tensors, buffers such as BatchNorm's running statistics included
    """

    def __init__(self, what: str, read: Callable[[], Mapping[str, Tensor]]) -> None:
        self._what, self._read = what, read
        self.sha256 = tensors_sha256(read())

    def check(self) -> None:
        """Raises FrozenChangedError where a tensor differs from what it was."""
        found = tensors_sha256(self._read())
        if found != self.sha256:
            raise FrozenChangedError(
                f"{self._what} changed while it was frozen (SHA-256 {self.sha256[:12]}… before, "
                f"{found[:12]}… now); its results are not those of a frozen trunk and were not kept."
            )
