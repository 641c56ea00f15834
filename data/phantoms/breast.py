"""Breast-ultrasound-like phantoms: layered tissue under a linear probe, with or without a lesion."""

from __future__ import annotations

import numpy as np

from data.phantoms.lesion import draw_cues, draw_lesion
from data.phantoms.phantom import Phantom, check_phantom
from data.phantoms.texture import (
    Draws,
    FloatArray,
    ridges,
    smooth_curve,
    smooth_field,
    soft_step,
    speckle_envelope,
    to_grey,
)

BREAST_CLASSES = ("benign", "malignant", "normal")
_SIGN = {"benign": -1.0, "malignant": 1.0, "normal": 0.0}


def breast_phantom(
    rng: np.random.Generator, *, kind: str, size: int, difficulty: float = 0.5, patient: int = 0
) -> Phantom:
    check_phantom(kind, BREAST_CLASSES, size=size, difficulty=difficulty)
    draws = Draws(np.random.default_rng(patient), rng, shared=0.8)
    tissue = _tissue(draws, size)
    lesion = draw_lesion(draws, size, draw_cues(draws, sign=_SIGN[kind], difficulty=difficulty))
    lesion_level = draws.between(-19.0, -11.0, shared=0.95)
    visible = 0.55 * difficulty if kind == "normal" else 1.0 - 0.45 * difficulty
    weight = lesion.inside * visible
    echo = (
        tissue * (1 - weight)
        + weight * (lesion_level + lesion.echo)
        + visible * (lesion.rim + lesion.behind * (1 - 0.7 * lesion.inside))
    )
    image = _scan(draws, echo, size)
    mask = lesion.distance > 0 if kind != "normal" else np.zeros((size, size), dtype=bool)
    return Phantom(image=image, mask=mask)


def _tissue(draws: Draws, size: int) -> FloatArray:
    z = (np.arange(size)[:, None] + 0.5) / size
    skin = draws.between(0.02, 0.045) + 0.003 * smooth_curve(draws, size, cells=3)
    fat_end = skin + draws.between(0.05, 0.25, shared=0.95) + 0.03 * smooth_curve(draws, size, cells=4)
    gland_end = np.maximum(
        fat_end + 0.12, draws.between(0.55, 0.9, shared=0.95) + 0.04 * smooth_curve(draws, size, cells=3)
    )
    in_skin = soft_step(skin - z, 0.006)
    in_fat = soft_step(fat_end - z, 0.012) * (1 - in_skin)
    in_muscle = soft_step(z - gland_end, 0.02)
    in_gland = 1 - in_skin - in_fat - in_muscle
    bend = smooth_field(draws, size, rows=5, columns=3)
    septa = ridges(smooth_field(draws, size, rows=12, columns=5) + bend, 0.22)
    streak = ridges(smooth_field(draws, size, rows=30, columns=7) + bend, 0.35)
    marble = smooth_field(draws, size, rows=24, columns=9)
    patch = smooth_field(draws, size, rows=7, columns=5)
    presence = soft_step(smooth_field(draws, size, rows=9, columns=4) + 0.3, 0.5)
    dense = draws.between(-2.0, 6.0, shared=0.95)
    rich = draws.between(0.5, 1.3, shared=0.95)
    fat = -4.0 + (11.0 * rich) * septa * presence + 1.0 * marble
    gland = dense + rich * (9.0 * streak * presence + 6.0 * septa + 2.5 * marble) + 2.5 * patch
    muscle = draws.between(-9.0, 0.0, shared=0.95) + 10.0 * streak * presence + 1.5 * marble
    fascia = (
        10.0 * np.exp(-(((z - gland_end) / 0.009) ** 2)) * presence
        + 6.0 * np.exp(-(((z - fat_end) / 0.009) ** 2)) * presence
    )
    probe = 5.0 + 5.0 * np.cos(z / skin * 2 * np.pi)
    return in_skin * probe + in_fat * fat + in_gland * gland + in_muscle * muscle + fascia


def _scan(draws, echo, size):
    z = (np.arange(size)[:, None] + 0.5) / size
    contact = np.minimum(smooth_curve(draws, size, cells=7)[None, :] + 0.6, 0.0) * 7.0
    depth_loss = -draws.between(4.0, 24.0) * z**1.3
    db = echo + contact * (0.3 + z) + depth_loss
    envelope = speckle_envelope(draws, 10 ** (db / 20), axial=0.0045, lateral_near=0.006, lateral_far=0.012)
    display = 20 * np.log10(envelope + 10 ** (-45 / 20))
    dynamic = draws.between(48.0, 62.0, shared=0.9)
    return to_grey(display * (255.0 / dynamic), mean=draws.between(50, 100))
