"""The rows of `study weights list`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.settings import BACKBONES
from training.weights import LEVELS, phantom_path, resolve_weights, weights_available
from training.weights_files import PUBLIC_FILES, find_public_file

_OURS = "MIT (made by this program)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRow:
    """One level and backbone. `state` is "there", "missing" or "damaged"; `steps` say how to get it."""

    level: str
    backbone: str
    state: str
    where: str
    size_mb: float | None
    sha256: str
    licence: str
    steps: str


def weights_rows(weights_dir: Path) -> list[WeightsRow]:
    """Every combination that exists, in the order of LEVELS and BACKBONES. Files there are hashed."""
    public = {(file.level, file.backbone): file for file in PUBLIC_FILES}
    rows = []
    for level in LEVELS:
        for backbone in BACKBONES:
            file = public.get((level, backbone))
            if level in ("ImageNet", "RadImageNet"):
                if file is None:
                    continue  # RadImageNet never trained a ResNet18
                rows.append(
                    _row(level, backbone, weights_dir, find_public_file(file, weights_dir), file.licence)
                )
            else:
                path = phantom_path(backbone, weights_dir) if level == "phantom" else None
                rows.append(_row(level, backbone, weights_dir, path, _OURS))
    return rows


def _row(level: str, backbone: str, weights_dir: Path, path: Path | None, licence: str) -> WeightsRow:
    available, steps = weights_available(level, backbone, weights_dir)
    state, sha256 = "missing", ""
    if available:
        try:
            state, sha256 = "there", resolve_weights(level, backbone, weights_dir=weights_dir).sha256[:12]
        except ValueError as error:
            state, steps = "damaged", str(error)
    there = path is not None and path.is_file()
    return WeightsRow(
        level=level,
        backbone=backbone,
        state=state,
        where=str(path) if there else ("computed" if level == "random" else "-"),
        size_mb=path.stat().st_size / 1e6 if path is not None and there else None,
        sha256=sha256 or "-",
        licence=licence,
        steps=steps,
    )
