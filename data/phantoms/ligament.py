"""The anterior cruciate ligament: a taut dark band (intact) or a broken, wavy one in bright fluid (torn)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.phantoms.shapes import Canvas
from data.phantoms.texture import Draws, FloatArray, soft_step

_FEMORAL = (0.635, 0.385)  # below the back end of the notch roof
_TIBIAL = (0.455, 0.625)  # in front of the tibial eminence
_BOX = (0.30, 0.80, 0.26, 0.75)
_DEGREE_SD = 0.24  # of the whole ligament: partial tears, degenerated but intact ones
_SIGN_SD = 0.12  # of each sign around that degree


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signs:
    """How torn each sign looks, 0 = intact, 1 = torn."""

    gap: float
    wave: float
    oedema: float
    blur: float


def paint_ligament(draws: Draws, canvas: Canvas, *, sign: float, difficulty: float) -> NDArray[np.bool_]:
    """Paint the ligament and the fluid around it; `sign` is -1 intact, 1 torn.

    Returns
    -------
    bool array, shape (size, size) : the course of the ligament, gap included
    """
    signs = _draw_signs(draws, sign=sign, difficulty=difficulty)
    where = canvas.window(_BOX)
    along, off, length = _course(draws, canvas.x[where], canvas.y[where])
    phase = 2.0 * np.pi * draws.between(0.0, 1.0)
    tear = draws.between(0.25, 0.75)
    taper = 1.0 + 0.35 * (2.0 * along - 1.0) ** 2
    wave = 0.030 * signs.wave * np.sin(np.pi * np.clip(along, 0.0, 1.0)) * np.sin(9.0 * along + phase)
    off = off - wave - 0.016 * float(draws.normal()) * along * (1.0 - along)
    distance = np.minimum(
        draws.between(0.022, 0.030) * taper - np.abs(off), np.minimum(along, 1.0 - along) * length + 0.012
    )
    cover = soft_step(distance, canvas.edge + 0.001 + 0.006 * signs.blur)
    broken = signs.gap * soft_step(0.14 - np.abs(along - tear), 0.05)

    dark = 0.10 + 0.12 * signs.oedema + 0.035 * np.sin(off / 0.0045 + 4.0 * np.sin(3.0 * along + phase))
    fluid = 0.30 + 0.45 * signs.oedema
    part = canvas.signal[where]
    part += cover * (dark + broken * (fluid - dark) - part)
    cloud = np.exp(-((off / 0.05) ** 2) - ((along - tear) / 0.30) ** 2) * (
        1.0 - 0.75 * cover * (1.0 - broken)
    )
    part += 0.8 * signs.oedema * (0.25 + 0.75 * signs.gap) * cloud * (0.85 - part)

    region = np.zeros(canvas.x.shape, dtype=bool)
    region[where] = distance > 0
    return region


def _draw_signs(draws: Draws, *, sign: float, difficulty: float) -> _Signs:
    """Mean ``0.5 + 0.5 * sign * (1 - difficulty)``, standard deviation 0.27, clipped to [0, 1]."""
    noise = _DEGREE_SD * draws.normal(1, shared=0.95) + _SIGN_SD * draws.normal(4, shared=0.85)
    level = np.clip(0.5 + 0.5 * sign * (1.0 - difficulty) + noise, 0.0, 1.0).tolist()
    return _Signs(gap=level[0], wave=level[1], oedema=level[2], blur=level[3])


def _course(draws: Draws, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Position along the ligament (0 femur, 1 tibia), distance off its axis, and its length."""
    start = np.array(_FEMORAL) + 0.008 * draws.normal(2)
    axis = np.array(_TIBIAL) + 0.008 * draws.normal(2) - start
    length = float(np.sqrt(axis @ axis))
    axis = axis / length
    x, y = x - start[0], y - start[1]
    return (x * axis[0] + y * axis[1]) / length, y * axis[0] - x * axis[1], length
