"""The networks of a grid as a table: every layer with its output shape and its parameters.

The real modules run once on one image without data (torch's meta device), so the table costs neither memory
nor arithmetic. Layers of the trunk are reported by hooks in the order in which they run; the operations of a
head and what each one reads come from a trace of its `forward` (torch.fx).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx, nn

from training.backbones import Trunk, build_trunk
from training.fusion import pretrain_parts
from training.heads import SeededDropout, head_layers
from training.layer_groups import LAYER_GROUPS
from training.settings import CellSettings

# Cells that agree on these columns have the same network; `n_trunks` is above 1 for fused pretrainings.
NETWORK_COLUMNS = (
    *("backbone", "n_trunks", "image_size", "unfreeze", "unfreeze_count"),
    *("head", "fc_ratio", "filters", "kernel_size", "dropout"),
)
LAYER_COLUMNS = (
    "part",
    "position",
    "group",
    "layer",
    "kind",
    "inputs",
    "output",
    "n_parameters",
    "n_trained",
)
ARCHITECTURE_COLUMNS = (*NETWORK_COLUMNS, *LAYER_COLUMNS)
_TYPES = {
    **dict.fromkeys(("backbone", "unfreeze", "unfreeze_count", "head", "part", "group", "layer"), object),
    **dict.fromkeys(("kind", "inputs", "output"), object),
    **dict.fromkeys(("n_trunks", "image_size", "filters", "kernel_size", "position"), "Int64"),
    **dict.fromkeys(("n_parameters", "n_trained"), "Int64"),
    **dict.fromkeys(("fc_ratio", "dropout"), "float64"),
}
INPUT, POOL = "features", "pool"


def architecture(settings: Iterable[CellSettings]) -> pd.DataFrame:
    """Return one row per layer of every different network among the cells.

    Returns
    -------
    frame with ARCHITECTURE_COLUMNS; `part` is "trunk" or "head"; `position` counts from 0 within a part;
    `group` is the layer group of the trunk; `inputs` names the layers that a layer reads, joined by blanks
    ("features" = the pooled features); `output` is the shape without the batch, "64 × 48 × 48"; parameters of
    fused trunks are those of all of them; `n_trained` counts what a cell trains at any time
    """
    rows: list[dict[str, Any]] = []
    trunks: dict[tuple[Any, ...], tuple[list[dict[str, Any]], int]] = {}
    seen = set()
    for cell in settings:
        network = _network(cell)
        key = tuple(network.values())
        if key in seen:
            continue
        seen.add(key)
        if key[:5] not in trunks:
            trunks[key[:5]] = _trunk_layers(cell, int(network["n_trunks"]))
        layers, n_features = trunks[key[:5]]
        for part, own in (("trunk", layers), ("head", _head_operations(cell, n_features))):
            rows += [
                {**network, "part": part, "position": position, **layer} for position, layer in enumerate(own)
            ]
    return pd.DataFrame(rows, columns=list(ARCHITECTURE_COLUMNS)).astype(_TYPES)


def _network(cell: CellSettings) -> dict[str, Any]:
    """The values of NETWORK_COLUMNS of a cell."""
    values = {name: getattr(cell, name, None) for name in NETWORK_COLUMNS}
    return {**values, "n_trunks": len(pretrain_parts(cell.pretrain)), "unfreeze": str(cell.unfreeze)}


def _trunk_layers(cell: CellSettings, n_trunks: int) -> tuple[list[dict[str, Any]], int]:
    """Rows of the trunk's children in the order in which they run, and the width of the features."""
    with torch.device("meta"):
        trunk = build_trunk(cell.backbone).eval()
        image = torch.empty(1, 3, cell.image_size, cell.image_size)
    ran: list[tuple[str, tuple[int, ...]]] = []
    with _watched(trunk, ran), torch.no_grad():
        features = trunk(image)
    trained, groups = cell.trained_children(), LAYER_GROUPS[cell.backbone]
    rows = []
    for position, (name, shape) in enumerate(ran):
        n = n_trunks * _count(trunk.child(name))
        rows.append(
            {
                "group": next(group for group, children in groups.items() if name in children),
                "layer": name,
                "kind": _kind(trunk.child(name)),
                "inputs": ran[position - 1][0] if position else "image",
                "output": _shape(shape),
                "n_parameters": n,
                "n_trained": n if name in trained else 0,
            }
        )
    n_features = n_trunks * int(features.shape[1])
    pool = {"group": POOL, "layer": POOL, "kind": "global average", "inputs": ran[-1][0]}
    rows.append({**pool, "output": _shape((1, n_features)), "n_parameters": 0, "n_trained": 0})
    return rows, n_features


class _watched:  # noqa: N801  a context manager, read as a word
    """Notes name and output shape of every child of a trunk while it runs."""

    def __init__(self, trunk: Trunk, ran: list[tuple[str, tuple[int, ...]]]) -> None:
        self._trunk, self._ran = trunk, ran
        self._hooks: list[Any] = []

    def __enter__(self) -> None:
        for name in self._trunk.children_run:
            hook: Callable[..., None] = partial(self._note, name)
            self._hooks.append(self._trunk.child(name).register_forward_hook(hook))

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note(self, name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._ran.append((name, tuple(output.shape)))


class _HeadTracer(fx.Tracer):
    """Sees dropout as one operation; its forward depends on the mode."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, SeededDropout) or super().is_leaf_module(m, module_qualified_name)


def _head_operations(cell: CellSettings, n_features: int) -> Iterator[dict[str, Any]]:
    """Rows of everything that a head computes, in its order."""
    with torch.device("meta"):
        head = head_layers(cell, n_features).eval()
        features = torch.empty(2, n_features)
    graph = _HeadTracer().trace(head)
    recorder = _Shapes(fx.GraphModule(head, graph))
    with torch.no_grad():
        recorder.run(features)
    names = {node: _node_name(node) for node in graph.nodes}
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        module = head.get_submodule(str(node.target)) if node.op == "call_module" else None
        n = 0 if module is None else _count(module)
        yield {
            "group": None,
            "layer": names[node],
            "kind": _operation(node) if module is None else _kind(module),
            "inputs": " ".join(names[read] for read in node.all_input_nodes),
            "output": _shape(recorder.shapes[node.name]),
            "n_parameters": n,
            "n_trained": n,
        }


class _Shapes(fx.Interpreter):
    """Runs a traced head and keeps the shape of every result."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n.name] = tuple(result.shape)
        return result


def _node_name(node: fx.Node) -> str:
    if node.op == "placeholder":
        return INPUT
    return str(node.target) if node.op == "call_module" else node.name


def _operation(node: fx.Node) -> str:
    """Name of a function or method that the head calls, "leaky_relu"."""
    return str(getattr(node.target, "__name__", node.target))


def _kind(module: nn.Module) -> str:
    """Class of a module with the settings that its output shape does not tell."""
    name = _class_name(module)
    if isinstance(module, nn.Sequential | nn.ModuleDict):
        inner = [_class_name(child) for child in module.children()]
        return f"{len(inner)} {inner[0]}" if len(set(inner)) == 1 else ", ".join(inner)
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        size = " × ".join(map(str, module.kernel_size))
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{name} {size}{stride}"
    if isinstance(module, SeededDropout):
        return f"Dropout {module.p:g}"
    return name


def _class_name(module: nn.Module) -> str:
    return type(module).__name__.lstrip("_")


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape[1:]))
