"""Knee-MRI-like phantoms: a sagittal slice through the notch with an intact or torn cruciate ligament."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from data.phantoms.anatomy import paint_knee
from data.phantoms.info import PHANTOM_CLASSES
from data.phantoms.ligament import paint_ligament
from data.phantoms.phantom import Phantom, check_phantom
from data.phantoms.shapes import Canvas
from data.phantoms.texture import Draws, FloatArray, rician, scale_to_grey, smooth_field

KNEE_CLASSES = PHANTOM_CLASSES["knee"]
_SIGN = {"intact": -1.0, "torn": 1.0}


def knee_phantom(
    rng: np.random.Generator, *, kind: str, size: int, difficulty: float = 0.5, patient: int = 0
) -> Phantom:
    """Draw one knee slice.

    Parameters
    ----------
    rng : what differs between images of one patient (plane, noise)
    kind : "intact" or "torn"
    size : int, pixels per side, at least 32
    difficulty : float in [0, 1]
        Moves the four signs of a tear (gap, waviness, bright oedema, blurred border) of both classes towards
        a common middle: their means are ``0.5 -+ 0.5 * (1 - difficulty)``, their spread stays. At 1 the
        classes are the same distribution.
    patient : int   seed of the patient: tissue, pose and ligament that its images share

    Returns
    -------
    Phantom : the mask is the course of the ligament, the gap of a tear included

    Raises
    ------
    ValueError : unknown `kind`; `size` or `difficulty` out of range

    Notes
    -----
    Tissue signal times a smooth coil profile, Rician noise (Gudbjartsson & Patz 1995), point spread of the
    scan, then a gain that sets the mean to a value which does not depend on the class.
    """
    check_phantom(kind, KNEE_CLASSES, size=size, difficulty=difficulty)
    draws = Draws(np.random.default_rng(patient), rng, shared=0.8)
    canvas = Canvas(*_slice_plane(draws, size), background=0.01)
    paint_knee(draws, canvas)
    region = paint_ligament(draws, canvas, sign=_SIGN[kind], difficulty=difficulty)
    coil = np.exp(0.12 * smooth_field(draws, size, rows=2, columns=2))
    magnitude = rician(draws, canvas.signal * coil, noise=draws.between(0.025, 0.06))
    blur = 0.3 + size / 600.0
    magnitude = gaussian_filter1d(gaussian_filter1d(magnitude, blur, axis=0), blur, axis=1)
    return Phantom(image=scale_to_grey(magnitude, mean=draws.between(65.0, 100.0)), mask=region)


def _slice_plane(draws: Draws, size: int) -> tuple[FloatArray, FloatArray]:
    """Anatomical coordinates of the pixels: pose of the knee and a gentle warp of its shape."""
    axis = (np.arange(size) + 0.5) / size - 0.5
    angle, zoom = 0.13 * float(draws.normal()), float(np.exp(0.07 * draws.normal()))
    shift = 0.035 * draws.normal(2)
    warp_x = 0.012 * smooth_field(draws, size, rows=4, columns=4)
    warp_y = 0.012 * smooth_field(draws, size, rows=4, columns=4)
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    x = cosine * axis[None, :] + sine * axis[:, None] + 0.5 + shift[0] + warp_x
    y = cosine * axis[:, None] - sine * axis[None, :] + 0.5 + shift[1] + warp_y
    return x, y
