"""Fusion of pretrainings: `pretrain = "ImageNet+RadImageNet"` names several weights of one backbone.

Each trunk is frozen and sees the same images; their pooled features stand side by side, in the order of the
names, and the head sees the summed width. No torch here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

LEVELS = ("ImageNet", "RadImageNet", "phantom", "random")
# A plus sign separates only where a level follows, so that a path may hold one ("file:a+b.pt").
_SEPARATOR = re.compile(rf"\+(?=(?:{'|'.join(LEVELS)})(?:\+|$)|file:)")


def pretrain_parts(pretrain: str) -> tuple[str, ...]:
    """The single pretrainings that a level of `pretrain` names; one where nothing is fused.

    Raises
    ------
    ValueError : a pretraining is named twice: its features would be there twice
    """
    parts = tuple(_SEPARATOR.split(pretrain))
    twice = [part for position, part in enumerate(parts) if part in parts[:position]]
    if twice:
        raise ValueError(f"`pretrain` {pretrain!r} names {twice[0]} twice; fuse different pretrainings.")
    return parts


def fused_sha256(hashes: Sequence[str]) -> str:
    """One hash for several weights, from theirs in the order in which they are fused."""
    return hashlib.sha256("+".join(hashes).encode("ascii")).hexdigest()
