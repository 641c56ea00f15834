"""A store with trained cells that somebody else made: its checkpoints, and new images for them."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes

_STUDY = """
name = "trained"
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = { n_patients = 24, size = 32, difficulty = 0.0, seed = 5 }
split = { train = 0.5, val = 0.2, test = 0.3 }
[factors]
head = ["Linear", "NonLinear"]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 1
batch_size = 11
image_size = 32
fc_ratio = 0.25
"""
_WORDS = ("ResNet50", "random+random", "file:/etc/passwd", "file:../x.pt", "__import__('os')", "ImageNet")


def _prepare(samples: Path) -> None:
    from typer.testing import CliRunner

    from study.cli import app

    (samples / "study.toml").write_text(_STUDY, encoding="utf-8")
    command = ["run-grid", samples / "study.toml", "--store", samples / "store", "--no-gradcam"]
    done = CliRunner().invoke(app, [*map(str, command), "--device", "cpu"])
    if done.exit_code != 0:
        raise RuntimeError(f"no sample store: {done.output}")
    (samples / "images").mkdir()
    for number in range(2):
        values = np.random.default_rng(number).integers(0, 256, (40, 36), dtype=np.uint8)
        Image.fromarray(values).save(samples / "images" / f"{number}.png")


def _make(rng: Random, samples: Path, out: Path) -> Case:
    kind = rng.random()
    if kind < 0.6:
        return _predict(rng, samples, out)
    store = out / "store"
    shutil.copytree(samples / "store", store)
    path = rng.choice(sorted(path for path in store.rglob("*") if path.is_file()))
    told = str(path.relative_to(store))
    if kind < 0.65:
        path.unlink()
    else:
        path.write_bytes(mutated_bytes(rng, path.read_bytes(), b"\x00\xff{}"))
    command = ("gradcam", str(store), "--draws", "0", "--device", "cpu")
    return Case(args=command if kind < 0.75 else (rng.choice(("verify", "status")), str(store)), told=told)


def _predict(rng: Random, samples: Path, out: Path) -> Case:
    """A checkpoint with other bytes or another header, or a damaged image."""
    source = rng.choice(sorted((samples / "store" / "checkpoints").iterdir()))
    path, images = out / source.name, out / "images"
    content = source.read_bytes()
    shutil.copytree(samples / "images", images)
    kind = rng.random()
    if kind < 0.3:
        image = images / "0.png"
        image.write_bytes(mutated_bytes(rng, image.read_bytes(), b"\xff\x00"))
    elif kind < 0.55:
        content = mutated_bytes(rng, content, b"\xff\x00")
    else:
        content = _other_header(rng, content)
    path.write_bytes(content)
    return Case(args=("predict", str(path), str(images), "--device", "cpu", "--json"), told=source.name)


def _other_header(rng: Random, content: bytes) -> bytes:
    """A checkpoint of the same tensors with one value of what it says of its cell replaced."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    said = header["__metadata__"]
    key = rng.choice(sorted(said))
    with_json = said[key].startswith("{")
    inner = json.loads(said[key]) if with_json else said
    field = rng.choice(sorted(inner)) if with_json else key
    inner[field] = rng.choice((None, -1, 1e308, [], {}, "0", 10**6, *_WORDS, *TEXTS[:40]))
    said[key] = json.dumps(inner) if with_json else str(inner[field])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


TRAINED = Target(name="trained", share=0.03, prepare=_prepare, make=_make, needs=("torch",))
