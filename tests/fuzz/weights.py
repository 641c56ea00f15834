"""Weights files, .pt and .safetensors, and checkpoints of cells."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import mutated_bytes


class _Touch:
    """Unpickled, it would run a program."""

    def __reduce__(self) -> Any:
        return os.system, ("echo owned",)


def _prepare(samples: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    tensors = {
        "conv1.weight": torch.randn(4, 3, 3, 3),
        "bn1.bias": torch.zeros(4),
        "fc.weight": torch.ones(2, 4),
    }
    torch.save(tensors, samples / "new.pt")
    torch.save(tensors, samples / "old.pt", _use_new_zipfile_serialization=False)
    save_file(tensors, samples / "plain.safetensors", metadata={"study": "{}"})


def _make(rng: Random, samples: Path, out: Path) -> Case:
    files = sorted(samples.iterdir())
    source = rng.choice(files)
    kind = rng.random()
    suffix = rng.choice((source.suffix, source.suffix, source.suffix, ".pt", ".pth", ".safetensors"))
    if kind < 0.15:
        content, suffix = _code(rng, source.read_bytes()), ".pt"
    elif kind < 0.35:
        content, suffix = _header(rng), ".safetensors"
    elif kind < 0.5:
        content, suffix = _zip_entry(rng, (samples / "new.pt").read_bytes()), ".pt"
    else:
        content = mutated_bytes(rng, source.read_bytes(), rng.choice(files).read_bytes())
    path = out / f"w{suffix}"
    path.write_bytes(content)
    if rng.random() < 0.9:
        return Case(call=lambda: len(_tensors(path)), told=source.name)
    return Case(args=("weights", "check", str(path), "--backbone", "ResNet18"), told=source.name)


def _tensors(path: Path) -> Any:
    from training.checkpoints import load_head
    from training.weights_read import read_tensors

    if path.suffix == ".safetensors":
        with contextlib.suppress(ValueError):
            load_head(path)
    return read_tensors(path)


def _code(rng: Random, content: bytes) -> bytes:
    """A pickle that would run a program, bare or in torch's archive."""
    bomb = pickle.dumps({"conv1.weight": _Touch()}, protocol=rng.choice((0, 2, 4, 5)))
    if rng.random() < 0.5 or not content.startswith(b"PK"):
        return bomb
    return _rewritten(content, "data.pkl", lambda _: bomb)


def _zip_entry(rng: Random, content: bytes) -> bytes:
    """torch's archive with one entry changed, its checksums right."""
    entry = rng.choice(("data.pkl", "data/0", "data/1", "version", "byteorder"))
    return _rewritten(content, entry, lambda old: mutated_bytes(rng, old, old))


def _rewritten(content: bytes, entry: str, change: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, change(body) if name.endswith(entry) else body)
    return buffer.getvalue()


def _header(rng: Random) -> bytes:
    """A safetensors file whose header lies: offsets, shapes, kinds, length."""
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    key = rng.choice(list(entry))
    lies: dict[str, tuple[Any, ...]] = {
        "dtype": ("F64", "X", None, 3, "BF16", "BOOL"),
        "shape": ([], [0], [-1], [2**40, 2**40], [2**63], ["a"], [4], None),
        "data_offsets": ([0, 2**60], [16, 0], [-1, 16], [0, 15], [8, 24], [0], None),
    }
    entry[key] = rng.choice(lies[key])
    text = json.dumps(
        {"conv1.weight": entry, "__metadata__": rng.choice(({"study": "{}"}, {"study": "["}, None, {}))}
    )
    if rng.random() < 0.1:
        text = "{" + '"a":{' * 5000
    body = text.encode()
    length = rng.choice((len(body), len(body), len(body), 0, 2**63, 2**31, len(body) + 100))
    return struct.pack("<Q", length) + body + bytes(16)


WEIGHTS = Target(name="weights", share=0.06, prepare=_prepare, make=_make, needs=("torch",))
