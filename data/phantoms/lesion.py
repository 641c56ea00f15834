"""Shape and echo of a breast lesion: from smooth, oval and sound-conducting to spiculated and shadowing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.phantoms.texture import Draws, FloatArray, smooth_field, soft_step

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 256, endpoint=False)
_LOBES, _TEETH = np.arange(2, 6), np.arange(6, 15)
_LOBE_WAVES, _TEETH_WAVES = (
    np.concatenate([np.cos(np.outer(orders, _ANGLES)), np.sin(np.outer(orders, _ANGLES))])
    for orders in (_LOBES, _TEETH)
)
_SPICULES = 8
_SPECKS = 7
_CUE_SD = 0.17


@dataclass(frozen=True, slots=True, kw_only=True)
class Cues:
    """How malignant each sign of a lesion looks, 0 = benign, 1 = malignant.

    Every sign has a value of its own, so that no single one decides (the BI-RADS lexicon: shape, margin,
    orientation, posterior features, echo pattern, calcifications).
    """

    irregular: float
    spiculated: float
    upright: float
    indistinct: float
    shadow: float
    mixed_echo: float
    specks: float


def draw_cues(draws: Draws, *, sign: float, difficulty: float) -> Cues:
    """Signs of one patient's lesion; `sign` is -1 benign, 0 normal, 1 malignant.

    Mean ``0.5 + 0.5 * sign * (1 - difficulty)``, standard deviation 0.17, clipped to [0, 1].
    """
    noise = draws.normal(7, shared=0.85)
    level = np.clip(0.5 + 0.5 * sign * (1.0 - difficulty) + _CUE_SD * noise, 0.0, 1.0).tolist()
    return Cues(
        irregular=level[0],
        spiculated=level[1],
        upright=level[2],
        indistinct=level[3],
        shadow=level[4],
        mixed_echo=level[5],
        specks=level[6],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One lesion on the pixel grid; every array has shape (size, size).

    Attributes
    ----------
    region : inside the margin
    cover : soft membership in [0, 1]
    echo : echo inside relative to the lesion's own level, dB
    around : capsule or halo (above 0), enhancement (above 0) or shadow (below 0) behind it, dB
    """

    region: NDArray[np.bool_]
    cover: FloatArray
    echo: FloatArray
    around: FloatArray


def draw_lesion(draws: Draws, size: int, cues: Cues) -> Lesion:
    """Draw one lesion; neither its area nor its place depends on the signs."""
    centre_x, centre_z = draws.between(0.25, 0.75), draws.between(0.27, 0.52)
    radius = draws.between(0.08, 0.18, shared=0.95)
    outline = _outline(draws, cues) * radius
    reach = float(outline.max()) + 0.1
    rows, columns = _window(centre_z, reach, size), _window(centre_x, reach, size)
    axis = (np.arange(size) + 0.5) / size
    z, x = axis[rows, None] - centre_z, axis[None, columns] - centre_x
    rho = np.sqrt(z * z + x * x)
    distance = np.interp(np.arctan2(z, x), _ANGLES, outline, period=2.0 * np.pi) - rho
    cover = soft_step(distance, 0.5 / size + 0.004 + 0.016 * cues.indistinct)

    echo = (1.0 + 3.0 * cues.mixed_echo) * smooth_field(draws, size, rows=12, columns=12)
    echo[rows, columns] += _specks(draws, z, x, radius, size) * 22.0 * max(0.0, cues.specks - 0.35)
    around = np.zeros((size, size))
    around[rows, columns] = _rim(distance, z / (rho + 0.02), cues)
    around[rows.start :, columns] += _behind(draws, cover, size - rows.start, cues, size)
    return Lesion(
        region=_place(distance > 0, rows, columns, size),
        cover=_place(cover, rows, columns, size),
        echo=echo,
        around=around,
    )


def _outline(draws: Draws, cues: Cues) -> FloatArray:
    """Margin as radius over angle, shape (256,), scaled to the area of the unit circle."""
    aspect = 1.75 * (0.72 / 1.75) ** cues.upright * float(np.exp(0.06 * draws.normal()))
    tilt = 0.22 * float(draws.normal())
    along, across = np.cos(_ANGLES - tilt), np.sin(_ANGLES - tilt)
    radius = 1.0 / np.sqrt(along**2 / aspect + across**2 * aspect)
    lobes = (0.012 + 0.085 * cues.irregular) * draws.normal(2 * _LOBES.size) @ _LOBE_WAVES
    teeth = (0.004 + 0.045 * cues.irregular) * draws.normal(2 * _TEETH.size) @ _TEETH_WAVES
    radius = radius * np.exp(lobes + teeth)
    where = 2.0 * np.pi * (np.arange(_SPICULES) + 0.3 * draws.normal(_SPICULES)) / _SPICULES
    length = 0.42 * cues.spiculated * np.exp(0.4 * draws.normal(_SPICULES))
    away = np.abs(np.mod(_ANGLES[:, None] - where[None, :] + np.pi, 2.0 * np.pi) - np.pi)
    radius = radius + np.exp(-away / 0.11) @ length
    return radius / np.sqrt(np.mean(radius**2))


def _rim(distance: FloatArray, across: FloatArray, cues: Cues) -> FloatArray:
    """Specular capsule where the margin lies across the beam; a broad halo where it is indistinct."""
    capsule = 7.0 * (1.0 - cues.indistinct) * np.exp(-(((distance + 0.006) / 0.007) ** 2)) * across**2
    return capsule + 4.0 * cues.indistinct * np.exp(-(((distance + 0.03) / 0.03) ** 2))


def _specks(draws: Draws, z: FloatArray, x: FloatArray, radius: float, size: int) -> FloatArray:
    """Bright points (microcalcifications) of height 1 within the lesion."""
    places = 0.42 * radius * draws.normal(2, _SPECKS)
    width = 0.005 + 0.3 / size
    rows = np.exp(-(((z - places[0]) / width) ** 2))
    columns = np.exp(-(((x.T - places[1]) / width) ** 2))
    return np.minimum(rows @ columns.T, 1.0)


def _behind(draws: Draws, cover: FloatArray, n_rows: int, cues: Cues, size: int) -> FloatArray:
    """Sound is spared or weakened in proportion to its path through the lesion, less so within it."""
    path = np.empty((n_rows, cover.shape[1]))
    np.cumsum(cover, axis=0, out=path[: cover.shape[0]])
    path[cover.shape[0] :] = path[cover.shape[0] - 1]
    per_path = 45.0 - 110.0 * cues.shadow + 8.0 * float(draws.normal())
    change = per_path * 0.16 * np.tanh(path / (0.16 * size))
    change[: cover.shape[0]] *= 1.0 - 0.7 * cover
    return change


def _window(centre: float, reach: float, size: int) -> slice:
    return slice(max(0, int((centre - reach) * size)), min(size, int((centre + reach) * size) + 1))


def _place(part: NDArray[Any], rows: slice, columns: slice, size: int) -> NDArray[Any]:
    whole = np.zeros((size, size), dtype=part.dtype)
    whole[rows, columns] = part
    return whole
