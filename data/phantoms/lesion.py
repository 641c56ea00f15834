"""Shape and echo of a breast lesion: from smooth and oval (benign) to spiculated and upright (malignant)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.phantoms.texture import Draws, FloatArray, smooth_field, soft_step

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 256, endpoint=False)
_SPICULES = 11
_SPECKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Cues:
    """How malignant each sign of a lesion looks, 0 = benign, 1 = malignant.

    Every sign has a value of its own, so that no single sign decides (BI-RADS: shape, orientation, margin,
    posterior features, echo pattern, calcifications).
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
    level = np.clip(0.5 + 0.5 * sign * (1.0 - difficulty) + 0.17 * noise, 0.0, 1.0).tolist()
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
    """Fields of one lesion on the pixel grid, each (size, size)."""

    distance: FloatArray
    """Distance to the margin along the ray from the centre, positive inside, in parts of the image's side."""
    inside: FloatArray
    """Soft membership in [0, 1]."""
    echo: FloatArray
    """Echo inside, in dB relative to the lesion's own level."""
    rim: FloatArray
    """Bright capsule (benign) or halo (malignant), in dB, added to the surroundings."""
    behind: FloatArray
    """Posterior enhancement (above 0) or shadow (below 0), in dB."""


def draw_lesion(draws: Draws, size: int, cues: Cues) -> Lesion:
    """Draw one lesion; its area and place do not depend on the signs."""
    centre_x, centre_z = draws.between(0.25, 0.75), draws.between(0.27, 0.52)
    radius = draws.between(0.08, 0.19, shared=0.95)
    z = (np.arange(size)[:, None] + 0.5) / size - centre_z
    x = (np.arange(size)[None, :] + 0.5) / size - centre_x
    outline = _outline(draws, cues) * radius
    rho = np.hypot(z, x)
    angle = np.mod(np.arctan2(z, x), 2.0 * np.pi)
    distance = np.interp(angle, _ANGLES, outline, period=2.0 * np.pi) - rho
    inside = soft_step(distance, 0.5 / size + 0.004 + 0.016 * cues.indistinct)
    horizontal = np.abs(z) / (rho + 0.02)
    rim = _rim(distance, horizontal, cues)
    echo = (1.0 + 3.0 * cues.mixed_echo) * smooth_field(draws, size, rows=12, columns=12)
    echo += _specks(draws, size, z, x, radius, strength=22.0 * max(0.0, cues.specks - 0.35))
    return Lesion(
        distance=distance, inside=inside, echo=echo, rim=rim, behind=_behind(draws, inside, size, cues)
    )


def _outline(draws: Draws, cues: Cues) -> FloatArray:
    """Margin as radius over angle, shape (256,), scaled to the area of the unit circle."""
    aspect = np.exp(np.log(1.75) * (1 - cues.upright) + np.log(0.72) * cues.upright) * np.exp(
        0.06 * draws.normal()
    )
    tilt = 0.22 * draws.normal()
    along, across = np.cos(_ANGLES - tilt), np.sin(_ANGLES - tilt)
    radius = 1.0 / np.sqrt(along**2 / aspect + across**2 * aspect)
    for low, high, strength in (
        (2, 5, 0.012 + 0.06 * cues.irregular),
        (6, 14, 0.004 + 0.045 * cues.irregular),
    ):
        orders = np.arange(low, high + 1)
        wave = draws.normal(2, orders.size) * strength
        radius = radius * np.exp(
            wave[0] @ np.cos(np.outer(orders, _ANGLES)) + wave[1] @ np.sin(np.outer(orders, _ANGLES))
        )
    where = 2.0 * np.pi * (np.arange(_SPICULES) + 0.3 * draws.normal(_SPICULES)) / _SPICULES
    away = np.angle(np.exp(1j * (_ANGLES[:, None] - where[None, :])))
    length = 0.5 * cues.spiculated * np.exp(0.4 * draws.normal(_SPICULES))
    radius = radius + np.exp(-np.abs(away) / 0.10) @ length
    return radius / np.sqrt(np.mean(radius**2))


def _rim(distance: FloatArray, horizontal: FloatArray, cues: Cues) -> FloatArray:
    """Specular capsule where the margin lies across the beam; a broad halo where it is indistinct."""
    capsule = 7.0 * (1 - cues.indistinct) * np.exp(-(((distance + 0.006) / 0.007) ** 2)) * horizontal**2
    halo = 4.0 * cues.indistinct * np.exp(-(((distance + 0.03) / 0.03) ** 2))
    return capsule + halo


def _specks(
    draws: Draws, size: int, z: FloatArray, x: FloatArray, radius: float, *, strength: float
) -> FloatArray:
    """Bright points (microcalcifications) within the lesion, in dB."""
    places = 0.42 * radius * draws.normal(2, _SPECKS)
    width = 0.005 + 0.3 / size
    rows = np.exp(-(((z - places[0]) / width) ** 2))
    columns = np.exp(-(((x.T - places[1]) / width) ** 2))
    return strength * np.clip(rows @ columns.T, 0.0, 1.0)


def _behind(draws: Draws, inside: FloatArray, size: int, cues: Cues) -> FloatArray:
    """Sound is weakened or spared in proportion to its path through the lesion."""
    path = np.cumsum(inside, axis=0) / size
    saturated = 0.16 * np.tanh(path / 0.16)
    return saturated * (45.0 - 125.0 * cues.shadow + 8.0 * float(draws.normal()))
