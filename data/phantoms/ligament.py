"""The cruciate ligament: a taut dark band (intact) or a broken, wavy one in bright fluid (torn)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.phantoms.texture import Draws, FloatArray, soft_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Ligament:
    weight: FloatArray
    signal: FloatArray
    oedema: FloatArray
    region: np.ndarray


def draw_ligament(draws: Draws, x: FloatArray, y: FloatArray, *, sign: float, difficulty: float) -> Ligament:
    size = x.shape[0]
    gap, wave, bright, blur = np.clip(
        0.5 + 0.5 * sign * (1 - difficulty) + 0.17 * draws.normal(4, shared=0.85), 0, 1
    )
    femoral = np.array([0.635, 0.385]) + 0.008 * draws.normal(2)
    tibial = np.array([0.455, 0.625]) + 0.008 * draws.normal(2)
    along = tibial - femoral
    length = float(np.hypot(*along))
    along = along / length
    t = ((x - femoral[0]) * along[0] + (y - femoral[1]) * along[1]) / length
    off = (x - femoral[0]) * -along[1] + (y - femoral[1]) * along[0]
    phase = 2 * np.pi * float(draws.between(0, 1))
    sag = 0.004 * float(draws.normal()) * 4 * t * (1 - t)
    envelope = np.sin(np.pi * np.clip(t, 0, 1))
    centre = sag + envelope * 0.028 * wave * np.sin(2 * np.pi * 1.4 * t + phase)
    half = draws.between(0.022, 0.03) * (1 + 0.35 * np.abs(2 * t - 1) ** 2)
    end = np.minimum(t, 1 - t) * length
    distance = np.minimum(half - np.abs(off - centre), end + 0.012)
    edge = 0.5 / size + 0.003 + 0.006 * blur
    weight = soft_step(distance, edge)
    where = draws.between(0.25, 0.75)
    broken = gap * soft_step(0.13 - np.abs(t - where), 0.035)
    fibres = 0.035 * np.sin(off / 0.0045 + 4 * np.sin(3 * t + phase))
    dark = 0.10 + fibres
    fluid = 0.30 + 0.45 * bright
    signal = dark + broken * (fluid - dark) + 0.12 * bright * (1 - broken)
    spread = (
        0.8
        * bright
        * np.exp(-(((off - centre) / 0.05) ** 2) - ((t - where) / 0.30) ** 2)
        * (1 - 0.75 * weight * (1 - broken))
    )
    return Ligament(
        weight=weight, signal=signal, oedema=np.clip(spread, 0, 1) * (0.25 + 0.75 * gap), region=distance > 0
    )
