"""Breast-ultrasound-like phantoms: layered tissue under a linear probe, with or without a lesion."""

from __future__ import annotations

import numpy as np

from data.phantoms.info import PHANTOM_CLASSES
from data.phantoms.lesion import Lesion, draw_cues, draw_lesion
from data.phantoms.phantom import Phantom, check_phantom
from data.phantoms.texture import (
    Draws,
    FloatArray,
    from_decibel,
    ridges,
    shift_to_grey,
    smooth_curve,
    smooth_field,
    soft_step,
    speckle_envelope,
)

BREAST_CLASSES = PHANTOM_CLASSES["breast"]
_SIGN = {"benign": -1.0, "malignant": 1.0, "normal": 0.0}
_NOISE_FLOOR = -42.0  # dB below the mean echo of gland


def breast_phantom(
    rng: np.random.Generator, *, kind: str, size: int, difficulty: float = 0.5, patient: int = 0
) -> Phantom:
    """Draw one breast image.

    Parameters
    ----------
    rng : what differs between images of one patient (plane, speckle, gain)
    kind : "benign", "malignant" or "normal"
    size : int, pixels per side, at least 32
    difficulty : float in [0, 1]
        Moves the seven signs of a lesion (irregular shape, spicules, upright orientation, indistinct margin,
        shadow, mixed echo, bright specks) of benign and malignant towards a common middle: their means are
        ``0.5 -+ 0.5 * (1 - difficulty)``, their spread stays. The visibility of lesions falls from 1 to 0.55
        while that of lesion-like lobules in normal tissue rises from 0 to 0.55. At 1 the three classes are
        the same distribution.
    patient : int   seed of the patient: tissue and lesion that its images share

    Returns
    -------
    Phantom : the mask is the lesion with its spicules, empty for "normal"

    Raises
    ------
    ValueError : unknown `kind`; `size` or `difficulty` out of range

    Notes
    -----
    Echo strength in dB (skin, fat with ligaments, gland, muscle; lesion), loss with depth and poor contact,
    fully developed speckle, log compression, and a gain that sets the mean to a value which does not depend
    on the class.
    """
    check_phantom(kind, BREAST_CLASSES, size=size, difficulty=difficulty)
    draws = Draws(np.random.default_rng(patient), rng, shared=0.8)
    echo, lines = _tissue(draws, size)
    lesion = draw_lesion(draws, size, draw_cues(draws, sign=_SIGN[kind], difficulty=difficulty))
    visible = 0.55 * difficulty if kind == "normal" else 1.0 - 0.45 * difficulty
    _insert(lesion, echo, lines, level=draws.between(-19.0, -11.0, shared=0.95), visible=visible)
    mask = np.zeros((size, size), dtype=bool) if kind == "normal" else lesion.region
    return Phantom(image=_scan(draws, echo, lines), mask=mask)


def _tissue(draws: Draws, size: int) -> tuple[FloatArray, FloatArray]:
    """Diffuse echo in dB and strength of connective tissue (about 0 to 1), both (size, size)."""
    z = (np.arange(size)[:, None] + 0.5) / size
    skin = draws.between(0.02, 0.045) + 0.003 * smooth_curve(draws, size, cells=3)
    fat_end = skin + draws.between(0.05, 0.25, shared=0.95) + 0.03 * smooth_curve(draws, size, cells=4)
    gland_end = draws.between(0.55, 0.9, shared=0.95) + 0.04 * smooth_curve(draws, size, cells=3)
    gland_end = np.maximum(fat_end + 0.12, gland_end)
    in_skin = soft_step(skin - z, 0.006)
    in_fat = soft_step(fat_end - z, 0.012) * (1.0 - in_skin)
    in_muscle = soft_step(z - gland_end, 0.02)
    in_gland = 1.0 - in_skin - in_fat - in_muscle

    bend = smooth_field(draws, size, rows=5, columns=3)
    septa = ridges(smooth_field(draws, size, rows=11, columns=4) + bend, 0.16)
    streaks = ridges(smooth_field(draws, size, rows=34, columns=6) + bend, 0.35)
    marble = smooth_field(draws, size, rows=24, columns=9)
    patches = smooth_field(draws, size, rows=7, columns=5)
    present = soft_step(smooth_field(draws, size, rows=14, columns=6) + 0.4, 0.8)
    rich = draws.between(0.5, 1.2, shared=0.95)

    gland = draws.between(-3.0, 5.0, shared=0.95) + 3.0 * rich * marble + 2.5 * patches
    muscle = draws.between(-10.0, -1.0, shared=0.95) + 1.5 * marble
    skin_echo = 5.0 + 5.0 * np.cos(2.0 * np.pi * z / skin)
    echo = in_skin * skin_echo + in_fat * (1.2 * marble - 5.0) + in_gland * gland + in_muscle * muscle
    fibrous = in_fat * septa + in_gland * np.maximum(streaks, 0.8 * septa) + in_muscle * streaks
    fascia = ridges(z - gland_end, 0.008) + 0.6 * ridges(z - fat_end, 0.008)
    return echo, present * (rich * fibrous + fascia)


def _insert(lesion: Lesion, echo: FloatArray, lines: FloatArray, *, level: float, visible: float) -> None:
    """Replace the tissue by the lesion, in place, to the degree that it is visible."""
    cover = visible * lesion.cover
    echo += cover * (level + lesion.echo - echo) + visible * lesion.around
    lines *= 1.0 - cover


def _scan(draws: Draws, echo: FloatArray, lines: FloatArray) -> np.ndarray:
    """From echo strength to the grey levels of a log-compressed B-mode image, uint8 (size, size)."""
    size = echo.shape[0]
    z = (np.arange(size)[:, None] + 0.5) / size
    contact = 7.0 * np.minimum(smooth_curve(draws, size, cells=7) + 0.6, 0.0)
    loss = contact * (0.3 + z) - draws.between(4.0, 24.0) * z**1.3
    # bright lines lose their echo behind a shadow but do not grow with the tissue around them
    amplitude = from_decibel(echo + loss) + 5.0 * lines * from_decibel(np.minimum(echo + 8.0, 0.0) + loss)
    envelope = speckle_envelope(draws, amplitude, axial=0.003, lateral_near=0.004, lateral_far=0.008)
    decibel = 20.0 * np.log10(envelope + from_decibel(_NOISE_FLOOR))
    display = decibel * (255.0 / draws.between(42.0, 66.0, shared=0.9))
    return shift_to_grey(display, mean=draws.between(50.0, 100.0))
