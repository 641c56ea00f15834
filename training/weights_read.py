"""Read a weights file and fit it to a trunk strictly: every tensor is there, and nothing else.

Two key layouts are understood: torchvision's (`conv1.weight`, `features.conv0.weight`, …) and RadImageNet's
(`backbone.<i>.…`, i = position of the child module in the torchvision network). A classifier (`fc.*`,
`classifier.*`) and InceptionV3's auxiliary head (`AuxLogits.*`) are dropped by name; the counters
`num_batches_tracked` may be absent (older files have none, evaluation never reads them). Anything else that
does not match is an error: loading with strict=False would match no tensor of a RadImageNet file and keep
random weights.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.backbones import FrozenTrunk, Trunk, build_trunk
from training.settings import BACKBONES

FILE_SUFFIXES = (".pt", ".pth", ".safetensors")
_NAMED = 3  # how many keys an error names
_CLASSIFIERS = ("fc.weight", "fc.bias", "classifier.weight", "classifier.bias")
# The names of torchvision's DenseNet file are older than torch's ban on dots in module names.
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\.(?:weight|bias|running_\w+))$")


def trunk_from_file(path: Path, backbone: str) -> FrozenTrunk:
    """Frozen trunk with the tensors of a weights file.

    Raises
    ------
    FileNotFoundError, PermissionError : the file cannot be opened
    ValueError : not a weights file, truncated, a pickle that holds code, another network, NaN in a tensor
    """
    trunk = FrozenTrunk(backbone)
    tensors = fit_tensors(read_tensors(path), trunk, path)
    trunk.net.load_state_dict(tensors, strict=True)
    return trunk


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a .pt, .pth or .safetensors file, on the CPU, under the names in the file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {path}.")
    if path.suffix not in FILE_SUFFIXES:
        raise ValueError(f"{path} ends in '{path.suffix}'; weights files end in {', '.join(FILE_SUFFIXES)}.")
    with path.open("rb"):
        pass  # a file without read permission raises here, under its own name
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    return _check_state_dict(content, path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is truncated or not a safetensors file ({error}). Fetch it again."
        ) from error


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # torch warns of rare pickle protocols before it refuses; our sentence says what matters.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if re.search(r"GLOBAL|Unsupported (global|class|operand)|not an allowed", str(error)):
            raise ValueError(
                f"{path} holds Python objects beside tensors and could run code when loaded; it was refused. "
                "Save `model.state_dict()` alone, or a .safetensors file."
            ) from error
        raise ValueError(f"{path} is truncated or not a torch file. Fetch it again.") from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # torch's own unpickler trusts the order of what it reads: damage ends in any kind of error.
        raise ValueError(f"{path} is truncated or not a torch file. Fetch it again.") from error


def _check_state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__}, not a state dict (name -> tensor).")
    others = [
        key for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if others:
        raise ValueError(
            f"{path} holds entries that are no tensors ({_names(list(map(str, others)))}), so it is a "
            "checkpoint and not a state dict. Save the network's `state_dict()` alone."
        )
    return dict(content)


def fit_tensors(tensors: Mapping[str, Tensor], trunk: Trunk, path: Path) -> dict[str, Tensor]:
    """The tensors under torchvision's names, complete for `trunk`. ValueError where they do not fit."""
    expected = trunk.net.state_dict()
    given = torchvision_names(tensors, trunk)
    missing = [name for name in expected if name not in given and not _is_counter(name)]
    unexpected = [name for name in given if name not in expected]
    reshaped = [n for n in given if n in expected and given[n].shape != expected[n].shape]
    if missing or unexpected or reshaped:
        raise ValueError(_mismatch(path, trunk.backbone, given, expected, missing, unexpected, reshaped))
    bad = [n for n, t in given.items() if t.is_floating_point() and not bool(torch.isfinite(t).all())]
    if bad:
        raise ValueError(f"{path} has values that are not finite in {len(bad)} tensors ({_names(bad)}).")
    return expected | given


def torchvision_names(tensors: Mapping[str, Tensor], trunk: Trunk) -> dict[str, Tensor]:
    """Tensors renamed to torchvision's scheme, without the classifier and InceptionV3's auxiliary head."""
    children = [name for name, _ in trunk.net.named_children()]
    renamed = {}
    for key, tensor in tensors.items():
        name = _OLD_DENSENET.sub(r"\1\2", _without_backbone(key, children))
        auxiliary = trunk.backbone == "InceptionV3" and name.startswith("AuxLogits.")
        if name not in _CLASSIFIERS and not auxiliary:
            renamed[name] = tensor
    return renamed


def _without_backbone(key: str, children: Sequence[str]) -> str:
    match = re.match(r"^backbone\.(\d+)\.(.+)$", key)
    if match is None or int(match[1]) >= len(children):
        return key
    return f"{children[int(match[1])]}.{match[2]}"


def _is_counter(name: str) -> bool:
    return name.endswith(".num_batches_tracked")


def _mismatch(
    path: Path,
    backbone: str,
    given: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    missing: Sequence[str],
    unexpected: Sequence[str],
    reshaped: Sequence[str],
) -> str:
    parts = []
    if missing:
        total = sum(not _is_counter(name) for name in expected)
        parts.append(f"{len(missing)} of {total} tensors are missing ({_names(missing)})")
    if unexpected:
        parts.append(f"{len(unexpected)} do not belong to it ({_names(unexpected)})")
    if reshaped:
        shapes = [f"{n} {tuple(given[n].shape)} for {tuple(expected[n].shape)}" for n in reshaped]
        parts.append(f"{len(reshaped)} have another shape ({_names(shapes)})")
    return f"{path} does not fit {backbone}: {'; '.join(parts)}. {_advice(given, backbone)}"


def _advice(given: Mapping[str, Tensor], backbone: str) -> str:
    """What the file seems to be: the network that shares most tensors (name and shape) with it."""
    shapes = {name: tensor.shape for name, tensor in given.items()}
    for other in BACKBONES:
        if other == backbone:
            continue
        parameters = dict(build_trunk(other).net.named_parameters())
        if all(shapes.get(name) == tensor.shape for name, tensor in parameters.items()):
            return f"It is a file of {other}: set `backbone` to that, or give a file of {backbone}."
    return f"Give a file of {backbone} with torchvision's or RadImageNet's tensor names."


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown}, …" if len(names) > _NAMED else shown
