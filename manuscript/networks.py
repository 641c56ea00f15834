"""The table of layers (`architecture.parquet`) as trunks, heads and blocks of heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from manuscript.text import factor_name, number, plain

TRUNK = ("backbone", "n_trunks", "image_size")
SETTINGS = ("fc_ratio", "filters", "kernel_size", "dropout")
FEATURES = "features"
_NAMES = {
    "leaky_relu": "leaky ReLU",
    "relu": "ReLU",
    "unsqueeze": "one channel",
    "flatten": "flatten",
    "add": "sum",
    "BatchNorm1d": "batch norm",
    "global average": "global average",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Operations of a head that follow one another, named after the first.

    Attributes
    ----------
    layer, kinds : name of the first operation, and what each operation does
    reads : names of the blocks that it reads, or "features"
    output : shape of the last operation
    """

    layer: str
    kinds: tuple[str, ...]
    reads: tuple[str, ...]
    output: str
    n_parameters: int


def cells_networks(layers: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The layers of networks that the cells of a report have; others stand in the table of earlier runs."""
    names = [name for name in (*SETTINGS, "backbone", "head", "image_size") if name in cells]
    used = set(_keys(cells, names))
    return layers[[key in used for key in _keys(layers, names)]].reset_index(drop=True)


def _keys(frame: pd.DataFrame, names: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(plain(value) for value in row) for row in frame[list(names)].itertuples(index=False)]


def trunks(layers: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Name and layers of each trunk, with `n_trained` least and most over its cells, input side first."""
    own = layers[layers["part"] == "trunk"]
    found = []
    for (backbone, n_trunks, size), part in own.groupby(list(TRUNK), sort=False):
        order = part.groupby("position").agg(
            group=("group", "first"),
            layer=("layer", "first"),
            kind=("kind", "first"),
            output=("output", "first"),
            n_parameters=("n_parameters", "first"),
            least=("n_trained", "min"),
            most=("n_trained", "max"),
        )
        name = str(backbone) if n_trunks == 1 else f"{n_trunks} × {backbone}"
        found.append((f"{name}, {size} × {size} pixels", order.reset_index(drop=True)))
    return found


def heads(layers: pd.DataFrame, order: Sequence[str]) -> list[tuple[str, str, list[pd.DataFrame]]]:
    """Each head with its settings and its operations on every trunk, in the order of `trunks`.

    Where a head has several settings the first of the table stands for them.
    """
    own = layers[layers["part"] == "head"]
    places = list(own[list(TRUNK)].drop_duplicates().itertuples(index=False, name=None))
    found = []
    for head in order:
        part = own[own["head"] == head]
        if part.empty:
            continue
        first = part.iloc[0]
        same = part[[key == _key(first) for key in _keys(part, SETTINGS)]]
        same = same.drop_duplicates([*TRUNK, "position"])
        on = dict(iter(same.groupby(list(TRUNK), sort=False)))
        found.append((str(head), settings_text(first), [on[place] for place in places if place in on]))
    return found


def _key(row: pd.Series) -> tuple[str, ...]:
    return tuple(plain(row[name]) for name in SETTINGS)


def settings_text(row: pd.Series) -> str:
    """`FC ratio 0.5, filters 4, kernel size 2, dropout 0.5`; empty for a head without settings."""
    parts = [f"{factor_name(name)} {plain(row[name])}" for name in SETTINGS if pd.notna(row[name])]
    return ", ".join(part if i == 0 else part[:1].lower() + part[1:] for i, part in enumerate(parts))


def blocks(operations: pd.DataFrame) -> list[Block]:
    """The operations of a head, joined where they only normalise, activate or drop what the one before gave.

    A linear or convolutional layer, a change of shape and a sum begin a block.
    """
    rows = list(operations.itertuples(index=False))
    shapes: dict[str, str] = {}
    owner: dict[str, str] = {FEATURES: FEATURES}
    parts: dict[str, list] = {}
    for row in rows:
        reads = row.inputs.split()
        opens = (
            len(reads) > 1
            or owner[reads[0]] == FEATURES
            or shapes.get(reads[0]) != row.output
            or row.kind.startswith(("Linear", "Conv"))
        )
        owner[row.layer] = row.layer if opens else owner[reads[0]]
        parts.setdefault(owner[row.layer], []).append(row)
        shapes[row.layer] = row.output
    return [
        Block(
            layer=name,
            kinds=tuple(kind_name(row.kind) for row in own),
            reads=tuple(owner[read] for read in own[0].inputs.split()),
            output=own[-1].output,
            n_parameters=sum(int(row.n_parameters) for row in own),
        )
        for name, own in parts.items()
    ]


def kind_name(kind: str) -> str:
    """What a layer does, for people: `leaky_relu` as `leaky ReLU`."""
    shown = _NAMES.get(kind, kind)
    return shown.replace("Dropout", "dropout") if shown.startswith("Dropout") else shown


def amount(n: int) -> str:
    """A number of parameters: `23.5 M`, `4.1 k`, `514`."""
    if n >= 1_000_000:
        return f"{number(n / 1e6, 1)} M"
    return f"{number(n / 1e3, 1)} k" if n >= 1000 else str(n)
