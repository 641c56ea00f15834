"""The tensors of the best epoch so far: in memory, or, where they are large, in a file without a name."""

from __future__ import annotations

import tempfile
from typing import IO

import torch
from torch import Tensor, nn

# Bytes of one module's tensors that are kept in memory; more of them lie in the temporary folder (TMPDIR).
MEMORY_LIMIT = 2**26


class Snapshot:
    """A copy of a module's tensors that later replaces them.

    A head of 134 million parameters so costs a file of 0.5 GB, written once per better epoch, and no memory.
    Where the temporary folder has no room, the copy lies in memory; no bit of the result depends on it.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}
        self._file: IO[bytes] | None = None

    @property
    def in_file(self) -> bool:
        """Whether the last copy lies in a file."""
        return self._file is not None

    def keep(self, module: nn.Module) -> None:
        """Copy the module's tensors, over the former copy."""
        tensors = module.state_dict()
        if sum(map(_bytes, tensors.values())) > MEMORY_LIMIT and self._write(tensors):
            self._kept = {}
            return
        self.close()
        for name, tensor in tensors.items():
            if name in self._kept:
                self._kept[name].copy_(tensor)
            else:
                self._kept[name] = tensor.to("cpu", copy=True)

    def restore(self, module: nn.Module) -> dict[str, Tensor]:
        """Put the copy back into the module it was taken from, and end it.

        Returns
        -------
        the tensors by name, on the CPU; those of a module on the CPU are its own
        """
        state = module.state_dict()
        if self._file is None:
            module.load_state_dict(self._kept)
        else:
            self._file.seek(0)
            for tensor in state.values():
                tensor.copy_(_read(self._file, tensor))
        self.close()
        self._kept = {}
        return {name: tensor.to("cpu") for name, tensor in state.items()}

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, tensors: dict[str, Tensor]) -> bool:
        """Whether the tensors are in the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the copy
            self._file.seek(0)
            for tensor in tensors.values():
                self._file.write(_raw(tensor.detach().to("cpu").contiguous()))
            self._file.flush()
        except OSError:
            self.close()
            return False
        return True


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _raw(tensor: Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU; nothing is copied."""
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _read(file: IO[bytes], like: Tensor) -> Tensor:
    """The next tensor of the file, with the type and shape of `like`."""
    values = torch.empty(like.shape, dtype=like.dtype)
    if file.readinto(_raw(values)) != _bytes(values):  # type: ignore[attr-defined]
        raise OSError("The file with the tensors of the best epoch is shorter than it was written.")
    return values
