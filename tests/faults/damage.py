"""Files of a store that change or go on their own: cut off, emptied, one bit flipped, gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tests.faults.compare import read_content, reads_otherwise
from tests.faults.lab import Lab
from tests.faults.tally import Tally

# Of what these hold nothing is lost: features are computed again when a cell needs them, and `study verify`
# names damaged pictures. `run-grid` writes neither without need.
_NOT_MENDED = ("features/", "gradcam/")
# A copy for other programs, without a checksum: every run writes it anew.
_UNCHECKED = ("cells.parquet",)
_WAYS: Mapping[str, Callable[[bytes, np.random.Generator], bytes | None]] = {
    "cut off": lambda content, rng: content[: int(rng.integers(1, len(content)))],
    "emptied": lambda content, rng: b"",
    "one bit flipped": lambda content, rng: _flipped(content, rng),
    "gone": lambda content, rng: None,
}


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def damaged_files(lab: Lab, rng: np.random.Generator, most: int | None = None) -> Tally:
    """Damage one file of each kind in each way; `verify` names it, and the same commands mend it."""
    tally = Tally(name="a file cut off, emptied, flipped in one bit, or gone")
    expected = lab.content(lab.analysed)
    cases = [(name, way) for name in _one_of_each_kind(lab.analysed, rng) for way in _WAYS]
    chosen = cases if most is None else [cases[i] for i in rng.permutation(len(cases))[:most]]
    for name, way in chosen:
        store = lab.copy(lab.analysed)
        _damage(store / name, way, rng)
        named = lab.run("verify", store)
        wrong = []
        if named.code not in (0, 1) or "Traceback" in named.stderr:
            wrong.append(f"verify ended with {named.code}: {named.stderr[-300:]}")
        elif not (named.code == 1 and name in named.stdout) and name not in _UNCHECKED:
            wrong.append(f"verify gave {named.code}: {named.stdout[-300:]}")
        again = tally.mend(lab, store, f"{name} {way}", expected, ignored=_NOT_MENDED, wrong=wrong)
        if name.startswith(_KEPT) and f"damaged file set aside: {name}" not in again[0].stderr:
            tally.problems.append(f"{name} {way}: not set aside: {again[0].stderr[-200:]}")
    return tally


# Set aside by the next run, under their names; other files are written anew by every run.
_KEPT = ("cells/", "predictions/", "history/", "checkpoints/")


def damaged_features(lab: Lab, rng: np.random.Generator) -> Tally:
    """Damage cached features while a cell is open that needs them: never used, computed again."""
    tally = Tally(name="damaged features, with an open cell that needs them")
    expected = lab.content(lab.analysed)
    for way in _WAYS:
        store = lab.copy(lab.trained)
        for row in store.glob("cells/*.json"):
            row.unlink()
        for path in sorted(store.glob("features/*/*.npy")):
            _damage(path, way, rng)
        tally.mend(lab, store, f"features {way}", expected)
    return tally


def damaged_packs(lab: Lab, rng: np.random.Generator) -> Tally:
    """Damage the index or a joined file of a pack: named, its cells computed again, packed again."""
    tally = Tally(name="a pack of cells cut off, emptied, flipped in one bit, or gone")
    packed = lab.copy(lab.analysed)
    assert lab.run("store", "compact", packed).code == 0
    names = [name for name in read_content(packed) if name.startswith("packs/") or "/packed-" in name]
    for name, way in [(name, way) for name in names for way in _WAYS]:
        store = lab.copy(packed)
        _damage(store / name, way, rng)
        verified, again = lab.run("verify", store), lab.finish(store)
        wrong = [f"{name} {way}: again gave {e.code}: {e.stderr[-200:]}" for e in again if e.code != 0]
        # The file itself, or the cells that it held.
        folder = "cells/" if name.startswith("packs/") else f"{name.rpartition('/')[0]}/"
        if verified.code != 1 or not (name in verified.stdout or folder in verified.stdout):
            wrong.append(f"{name} {way}: verify gave {verified.code}: {verified.stdout[-300:]}")
        wrong += [f"{name} {way}: {line}" for line in reads_otherwise(store, lab.analysed)]
        for command in (("store", "compact"), ("verify",)):
            ended = lab.run(*command, store)
            if ended.code != 0:
                wrong.append(f"{name} {way}: then {command} gave {ended.code}: {ended.stdout}{ended.stderr}")
        tally.count(store, lab.content(lab.analysed), wrong)
    return tally


def _damage(path: Path, way: str, rng: np.random.Generator) -> None:
    changed = _WAYS[way](path.read_bytes(), rng)
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)


def _one_of_each_kind(store: Path, rng: np.random.Generator) -> list[str]:
    """One name per folder and ending, and run.json."""
    kinds: dict[tuple[str, str], list[str]] = {("", "run.json"): ["run.json"]}
    for name in read_content(store):
        if not name.startswith(_NOT_MENDED):
            folder, _, last = name.rpartition("/")
            key = (folder, last.rpartition(".")[2] if folder not in ("", "audit/breast") else last)
            kinds.setdefault(key, []).append(name)
    return [names[int(rng.integers(len(names)))] for names in kinds.values()]
