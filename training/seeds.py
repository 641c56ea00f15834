"""Random streams that do not depend on what ran before: seeds are hashed from a purpose and keys."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch

Key = str | int | float | bool | None


def derive_seed(purpose: str, *keys: Key) -> int:
    """Seed of one random stream: 63 bits of BLAKE2b over the purpose and its keys.

    Two streams that differ in the purpose, in a key, in the order of keys or in the type of a key
    (1 against "1") have different seeds.

    Raises
    ------
    TypeError : a key is neither text, number, bool nor None
    """
    for key in keys:
        if key is not None and not isinstance(key, str | int | float | bool):
            raise TypeError(f"Seed keys are text, numbers, bool or None; got {type(key).__name__} ({key!r}).")
    # JSON separates and types the keys, so that ("a", "bc") and ("ab", "c") differ.
    message = json.dumps([purpose, *keys], separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    digest = hashlib.blake2b(message.encode("ascii"), digest_size=8).digest()
    # torch takes signed 64-bit seeds.
    return int.from_bytes(digest, "big") >> 1


def numpy_stream(purpose: str, *keys: Key) -> np.random.Generator:
    """NumPy generator of one stream."""
    return np.random.Generator(np.random.PCG64(derive_seed(purpose, *keys)))


def torch_stream(purpose: str, *keys: Key, device: torch.device | str = "cpu") -> torch.Generator:
    """Torch generator of one stream; it shares no state with the global generator."""
    generator = torch.Generator(device=device)
    generator.manual_seed(derive_seed(purpose, *keys))
    return generator


def epoch_order(n: int, *, task: str, seed: int, epoch: int) -> np.ndarray:
    """Order of the n training images in one epoch, int64 (n,); keyed by (task, seed, epoch) alone.

    Cells that differ in head or protocol see the images in the same order (common random numbers).
    """
    return numpy_stream("order", task, seed, epoch).permutation(n)
