"""Knee-MRI-like phantoms: a sagittal slice through the notch with an intact or torn cruciate ligament."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from data.phantoms.ligament import draw_ligament
from data.phantoms.phantom import Phantom, check_phantom
from data.phantoms.texture import Draws, rician, smooth_field, soft_step, to_grey

KNEE_CLASSES = ("intact", "torn")
_SIGN = {"intact": -1.0, "torn": 1.0}


def knee_phantom(
    rng: np.random.Generator, *, kind: str, size: int, difficulty: float = 0.5, patient: int = 0
) -> Phantom:
    check_phantom(kind, KNEE_CLASSES, size=size, difficulty=difficulty)
    draws = Draws(np.random.default_rng(patient), rng, shared=0.8)
    x, y = _slice_plane(draws, size)
    signal = _anatomy(draws, x, y, size)
    ligament = draw_ligament(draws, x, y, sign=_SIGN[kind], difficulty=difficulty)
    signal = signal * (1 - ligament.weight) + ligament.weight * ligament.signal
    signal = signal + ligament.oedema * (0.85 - signal)
    bias = np.exp(0.12 * smooth_field(draws, size, rows=2, columns=2))
    noisy = rician(draws, signal * bias, noise=draws.between(0.02, 0.05))
    sharp = 0.35 + size / 400
    blurred = gaussian_filter1d(gaussian_filter1d(noisy, sharp, axis=0), sharp, axis=1)
    image = to_grey(255.0 * draws.between(0.8, 1.1) * blurred, mean=draws.between(70, 105))
    return Phantom(image=image, mask=ligament.region)


def _slice_plane(draws, size):
    axis = (np.arange(size) + 0.5) / size - 0.5
    angle = 0.10 * float(draws.normal())
    zoom = np.exp(0.06 * float(draws.normal()))
    shift = 0.025 * draws.normal(2)
    warp_x = 0.012 * smooth_field(draws, size, rows=4, columns=4)
    warp_y = 0.012 * smooth_field(draws, size, rows=4, columns=4)
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    x = cosine * axis[None, :] + sine * axis[:, None] + 0.5 + shift[0] + warp_x
    y = -sine * axis[None, :] + cosine * axis[:, None] + 0.5 + shift[1] + warp_y
    return x, y


def _ellipse(x, y, cx, cy, rx, ry, tilt=0.0):
    """Approximate signed distance to an ellipse, positive inside."""
    c, s = np.cos(tilt), np.sin(tilt)
    u = (c * (x - cx) + s * (y - cy)) / rx
    v = (-s * (x - cx) + c * (y - cy)) / ry
    q = np.sqrt(u * u + v * v)
    return (1 - q) * min(rx, ry)


def _band(x, y, x0, y0, x1, y1, half, half_end=None):
    """Signed distance to a tapered capsule, positive inside."""
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    width = half if half_end is None else half + (half_end - half) * t
    return width - np.hypot(x - x0 - t * dx, y - y0 - t * dy)


def _join(a, b, k=0.03):
    """Smooth union of signed distances."""
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0, 1)
    return b + (a - b) * h + k * h * (1 - h)


def _paint(signal, distance, value, edge):
    w = soft_step(distance, edge)
    signal += w * (value - signal)


def _anatomy(draws, x, y, size):
    edge = 0.5 / size + 0.002
    marrow = draws.between(0.48, 0.66, shared=0.95)
    fat = marrow + draws.between(0.05, 0.2, shared=0.95)
    muscle = draws.between(0.18, 0.3, shared=0.95)
    cartilage = draws.between(0.4, 0.55, shared=0.95)
    texture = 0.03 * smooth_field(draws, size, rows=28, columns=28)
    lobules = 0.07 * smooth_field(draws, size, rows=16, columns=14)
    fibres = 0.06 * smooth_field(draws, size, rows=8, columns=26)

    signal = np.full_like(x, 0.02)
    # body outline and subcutaneous fat
    front = 0.075 + 0.05 * (y - 0.35) ** 2 / 0.12
    back = 0.95 - 0.04 * np.cos(2 * np.pi * (y - 0.45))
    body = np.minimum(x - front, back - x)
    _paint(signal, body, fat + lobules, edge)
    _paint(signal, body - 0.05, muscle + fibres, edge * 1.5)
    # deep fat behind the femur (popliteal fossa) and suprapatellar
    popliteal = _ellipse(x, y, 0.80, 0.40, 0.12, 0.22, 0.1)
    _paint(signal, popliteal, fat - 0.08 + lobules, 0.015)
    vessel = np.minimum(_band(x, y, 0.83, -0.1, 0.80, 1.1, 0.018), 1)
    _paint(signal, vessel, 0.08, edge)
    # quadriceps tendon, patella, patellar tendon
    hoffa = _join(_ellipse(x, y, 0.25, 0.52, 0.10, 0.15, -0.25), _band(x, y, 0.2, 0.36, 0.33, 0.6, 0.06))
    _paint(signal, hoffa, fat + lobules, edge)
    _paint(signal, _band(x, y, 0.17, 0.42, 0.235, 0.74, 0.017), 0.06, edge)
    _paint(signal, _band(x, y, 0.235, -0.1, 0.165, 0.22, 0.018), 0.07, edge)
    patella = _ellipse(x, y, 0.185, 0.30, 0.058, 0.115, -0.06)
    _paint(signal, patella, 0.06, edge)
    _paint(signal, patella - 0.012, marrow + texture, edge)
    # femur: shaft and condyle without the notch
    shaft = _band(x, y, 0.46, -0.15, 0.45, 0.26, 0.125, 0.14)
    femur = _join(shaft, _ellipse(x, y, 0.455, 0.36, 0.20, 0.165, 0.35), 0.06)
    roof = (0.66 - x) * 0.62 - (y - 0.335) * 0.78
    femur = -_join(-femur, -roof, 0.02)
    _paint(signal, femur + 0.022, cartilage, edge)
    _paint(signal, femur, 0.05, edge)
    _paint(signal, femur - 0.014, marrow + texture, edge)
    # notch tissue: fat and synovium between femur and tibia
    # tibia
    plateau = y - 0.635 - 0.01 * np.cos(9 * (x - 0.5)) + 0.022 * np.exp(-(((x - 0.52) / 0.05) ** 2))
    left = x - (0.26 + 0.35 * np.clip(y - 0.66, 0, 0.16))
    right = (0.735 - 0.45 * np.clip(y - 0.66, 0, 0.18)) - x
    tibia = -_join(_join(-plateau, -left, 0.05), -right, 0.05)
    _paint(signal, tibia + 0.02, cartilage, edge)
    _paint(signal, tibia, 0.05, edge)
    _paint(signal, tibia - 0.014, marrow + 0.02 + texture, edge)
    growth = np.exp(-(((y - 0.80 - 0.02 * np.sin(8 * x)) / 0.006) ** 2)) * soft_step(tibia - 0.02, edge)
    signal -= 0.2 * growth
    # posterior cruciate ligament
    return signal
