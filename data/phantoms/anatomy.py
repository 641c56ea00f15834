"""Tissues of a sagittal knee slice through the notch, without the ligament that decides the class.

Coordinates: x from front (0) to back (1), y from thigh (0) to shin (1). Signal as in a proton-density image
without fat suppression: fat and marrow bright, muscle dark grey, cortex, tendons and menisci nearly black.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.phantoms.shapes import Canvas, band, ellipse, intersection, union
from data.phantoms.texture import Draws, FloatArray, ridges, smooth_field, soft_step

_DARK = 0.04  # cortex: hardly any protons


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tissues:
    """Signal of each tissue, (size, size) or one number."""

    bone: FloatArray
    cortex: FloatArray
    """Thickness of the dark cortex."""
    fat: FloatArray
    muscle: FloatArray
    synovium: FloatArray
    cartilage: FloatArray
    tendon: FloatArray
    fluid: float
    patches: FloatArray


def paint_knee(draws: Draws, canvas: Canvas) -> None:
    """Paint everything but the anterior cruciate ligament, from the skin inwards."""
    tissues = _draw_tissues(draws, canvas.x.shape[0])
    _paint_soft_tissue(canvas, tissues)
    _paint_extensor(canvas, tissues)
    _paint_bones(canvas, tissues)
    _paint_joint(canvas, tissues)


def _draw_tissues(draws: Draws, size: int) -> _Tissues:
    marrow = draws.between(0.46, 0.64, shared=0.95)
    fat = marrow + draws.between(0.1, 0.25, shared=0.95)
    muscle = draws.between(0.16, 0.28, shared=0.95)
    cartilage = draws.between(0.36, 0.52, shared=0.95)
    trabeculae = smooth_field(draws, size, rows=44, columns=44)
    patches = smooth_field(draws, size, rows=9, columns=9)
    septa = ridges(smooth_field(draws, size, rows=20, columns=16), 0.25)
    fibres = smooth_field(draws, size, rows=7, columns=30)
    return _Tissues(
        bone=marrow + 0.035 * trabeculae + 0.04 * patches,
        cortex=0.013 + 0.003 * smooth_field(draws, size, rows=8, columns=8),
        fat=fat - 0.16 * septa + 0.03 * patches,
        muscle=muscle + 0.04 * fibres,
        synovium=draws.between(0.26, 0.62) + 0.08 * patches,
        cartilage=cartilage + 0.03 * patches,
        tendon=0.08 + 0.025 * fibres,
        fluid=draws.between(0.35, 0.8),
        patches=patches,
    )


def _paint_soft_tissue(canvas: Canvas, tissues: _Tissues) -> None:
    """Subcutaneous fat, muscle, the fat behind the joint with its vessel, synovium."""
    front = 0.07 + 0.4 * (canvas.y - 0.38) ** 2
    back = 0.955 - 0.035 * np.cos(2.0 * np.pi * (canvas.y - 0.45))
    canvas.paint(lambda x, y: np.minimum(x - front, back - x), tissues.fat)
    depth = 0.035 + 0.01 * tissues.patches
    canvas.paint(lambda x, y: np.minimum(x - front - depth, back - 0.045 - x), tissues.muscle, edge=0.008)
    canvas.paint(ellipse(0.80, 0.36, 0.10, 0.24, tilt=0.1), tissues.fat - 0.06, edge=0.02)
    canvas.band((0.85, -0.1, 0.80, 1.1), (0.013, 0.013), 0.07)
    canvas.paint(ellipse(0.50, 0.53, 0.26, 0.17), tissues.synovium, edge=0.02, box=(0.2, 0.8, 0.32, 0.74))


def _paint_extensor(canvas: Canvas, tissues: _Tissues) -> None:
    """Fluid above the patella, Hoffa's fat pad, patellar and quadriceps tendon, patella."""
    canvas.band((0.29, 0.02, 0.262, 0.25), (0.002, 0.022 * tissues.fluid), tissues.fluid, edge=0.006)
    pad, strand = ellipse(0.25, 0.52, 0.10, 0.13, tilt=-0.25), band((0.2, 0.38, 0.33, 0.6), (0.055, 0.055))
    canvas.paint(
        lambda x, y: union(pad(x, y), strand(x, y), round_by=0.03),
        tissues.fat,
        edge=0.006,
        box=(0.1, 0.45, 0.3, 0.72),
    )
    canvas.band((0.165, 0.40, 0.245, 0.75), (0.012, 0.016), tissues.tendon)
    canvas.band((0.245, -0.1, 0.175, 0.22), (0.015, 0.015), tissues.tendon)
    patella, box = ellipse(0.187, 0.30, 0.055, 0.112, tilt=-0.06), (0.11, 0.27, 0.16, 0.44)
    canvas.paint(patella, _DARK, box=box)
    shell = 0.8 * tissues.cortex[canvas.window(box)]
    canvas.paint(lambda x, y: patella(x, y) - shell, tissues.bone, box=box)


def _paint_bones(canvas: Canvas, tissues: _Tissues) -> None:
    """Femur and tibia with cortex, cartilage near the joint and a faint growth plate."""
    near_joint = 0.018 * soft_step(0.17 - np.abs(canvas.y - 0.53), 0.03)
    femur, tibia = _femur(canvas, tissues.patches), _tibia(canvas)
    for bone in (femur, tibia):
        _paint_field(canvas, bone + near_joint, tissues.cartilage)
        _paint_field(canvas, bone, _DARK)
        _paint_field(canvas, bone - tissues.cortex, tissues.bone)
    across = canvas.y - 0.80 - 0.02 * np.sin(8.0 * canvas.x)
    canvas.signal -= (
        0.15 * ridges(across, 0.006) * soft_step(tibia - 0.02, 0.006) * soft_step(tissues.patches + 0.5, 0.5)
    )


def _femur(canvas: Canvas, patches: FloatArray) -> FloatArray:
    """Shaft and condyle, cut by the roof of the notch (Blumensaat's line) from behind and below."""
    x, y = canvas.x, canvas.y
    shaft = band((0.46, -0.15, 0.45, 0.26), (0.122, 0.14))(x, y)
    condyle = ellipse(0.455, 0.365, 0.205, 0.165, tilt=0.35)(x, y)
    roof = (0.665 - x) * 0.62 - (y - 0.335) * 0.78 + 0.006 * patches
    return intersection(union(shaft, condyle, round_by=0.06), roof, round_by=0.045)


def _tibia(canvas: Canvas) -> FloatArray:
    """Plateau with its eminence, narrowing to the shaft."""
    x, y = canvas.x, canvas.y
    eminence = 0.022 * np.exp(-(((x - 0.52) / 0.05) ** 2))
    plateau = y - 0.635 - 0.01 * np.cos(9.0 * (x - 0.5)) + eminence
    taper = np.clip(y - 0.66, 0.0, 0.17)
    sides = intersection(x - 0.265 - 0.35 * taper, 0.735 - 0.45 * taper - x, round_by=0.05)
    return intersection(plateau, sides, round_by=0.05)


def _paint_joint(canvas: Canvas, tissues: _Tissues) -> None:
    """Menisci, dark wedges at both ends of the joint line, and the lower posterior cruciate ligament."""
    canvas.band((0.31, 0.613, 0.375, 0.622), (0.016, 0.004), 0.08)
    canvas.band((0.70, 0.612, 0.645, 0.622), (0.018, 0.004), 0.08)
    canvas.band((0.645, 0.475, 0.70, 0.53), (0.014, 0.018), tissues.tendon)
    canvas.band((0.70, 0.53, 0.738, 0.645), (0.018, 0.014), tissues.tendon)


def _paint_field(canvas: Canvas, distance: FloatArray, value: float | FloatArray) -> None:
    canvas.paint(lambda x, y: distance, value)
