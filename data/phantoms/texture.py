"""Random streams, smooth fields, speckle and receiver noise shared by the phantoms.

Anatomy is built from coarse grids of normal numbers that cubic B-splines carry to the pixels, so that one
seed shows the same anatomy at every image size; only speckle and receiver noise belong to one pixel grid.
Everything is float64: differences in the last digit between machines stay near 1e-13 of a grey level and
therefore do not change the rounded bytes.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

FloatArray = NDArray[np.float64]

_LOG_PER_DECIBEL = float(np.log(10.0)) / 20.0
_TRUNCATE = 3.0  # Gaussian kernels end at 3 standard deviations: 0.3 % of the mass lies beyond


def seed_from(*keys: object) -> int:
    """64-bit seed from any keys, e.g. ``seed_from("breast", seed, index)``; equal on every machine."""
    text = "\x1f".join(str(key) for key in keys)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


class Draws:
    """Random numbers of one image, a part of which it shares with the other images of its patient.

    Every number is ``sqrt(shared) * patient + sqrt(1 - shared) * image``, standard normal again, so that two
    images of a patient correlate with `shared`.
    """

    def __init__(self, patient: np.random.Generator, image: np.random.Generator, *, shared: float) -> None:
        self._patient = patient
        self._image = image
        self._shared = shared

    def normal(self, *shape: int, shared: float | None = None) -> FloatArray:
        """Standard normal numbers; `shared` = 1 gives the patient's own, 0 the image's own."""
        part = self._shared if shared is None else shared
        ours = self._patient.standard_normal(shape)
        own = self._image.standard_normal(shape)
        return np.sqrt(part) * ours + np.sqrt(1.0 - part) * own

    def between(self, low: float, high: float, *, shared: float | None = None) -> float:
        """One number in (low, high): a squashed normal, thin towards both ends."""
        return low + (high - low) / (1.0 + float(np.exp(-1.6 * self.normal(shared=shared))))

    def pixels(self, *shape: int) -> FloatArray:
        """Standard normal noise of this image alone."""
        return self._image.standard_normal(shape)


@lru_cache(maxsize=128)
def _spline_basis(size: int, cells: int) -> FloatArray:
    """Cubic B-spline weights at pixel centres, (size, cells + 3); rows of unit length give unit variance."""
    position = (np.arange(size) + 0.5) / size * cells
    cell = np.minimum(position.astype(int), cells - 1)
    t = position - cell
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    basis = np.zeros((size, cells + 3))
    np.put_along_axis(basis, cell[:, None] + np.arange(4)[None, :], weights, axis=1)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    basis.setflags(write=False)
    return basis


def smooth_curve(draws: Draws, size: int, *, cells: int, shared: float | None = None) -> FloatArray:
    """Smooth random curve of unit variance, shape (size,), with about `cells` bends over the image."""
    return _spline_basis(size, cells) @ draws.normal(cells + 3, shared=shared)


def smooth_field(
    draws: Draws, size: int, *, rows: int, columns: int, shared: float | None = None
) -> FloatArray:
    """Smooth random field of unit variance, shape (size, size), from a grid of `rows` x `columns` cells."""
    grid = draws.normal(rows + 3, columns + 3, shared=shared)
    return _spline_basis(size, rows) @ grid @ _spline_basis(size, columns).T


def soft_step(value: FloatArray, width: float | FloatArray) -> FloatArray:
    """Smooth step 0 -> 1 where `value` crosses 0, ends reached at 1.5 `width` on either side (cubic)."""
    t = np.clip(value / (3.0 * width) + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def from_decibel(level: float | FloatArray) -> FloatArray:
    """Amplitude of a level in dB."""
    return np.exp(level * _LOG_PER_DECIBEL)


def ridges(field: FloatArray, width: float) -> FloatArray:
    """Thin lines, height 1, where a smooth field crosses zero (septa, fascia, fibres)."""
    square = (field / width) ** 2
    return 1.0 / (1.0 + square + 0.5 * square * square)


def speckle_envelope(
    draws: Draws, amplitude: FloatArray, *, axial: float, lateral_near: float, lateral_far: float
) -> FloatArray:
    """Envelope of the echo of random scatterers behind a beam that widens with depth.

    Parameters
    ----------
    amplitude : float array, shape (size, size)     local scatterer strength, depth along axis 0
    axial, lateral_near, lateral_far : float         standard deviations of the point spread, as part of the
        image's side; the lateral one grows from the first to the last row

    Returns
    -------
    float array, shape (size, size) : Rayleigh distributed where `amplitude` is constant, mean square
        `amplitude` squared

    Notes
    -----
    Scatterers are complex white noise times `amplitude`, filtered along depth and, by mixing a narrow and a
    wide filter, across it (Goodman 1975; Wagner et al. 1983, fully developed speckle).
    """
    size = amplitude.shape[0]
    near, far = max(lateral_near * size, 0.45), max(lateral_far * size, 0.6)
    depth = np.linspace(0.0, 1.0, size)[:, None]
    power = np.zeros_like(amplitude)
    for noise in draws.pixels(2, size, size):
        echo = _unit_filter(noise * amplitude, max(axial * size, 0.4), axis=0)
        echo = (1 - depth) * _unit_filter(echo, near, axis=1) + depth * _unit_filter(echo, far, axis=1)
        power += echo * echo
    power /= 2.0 * _mixing_power(size, near, far)
    spread = gaussian_filter1d(gaussian_filter1d(power, 0.8, axis=0), 0.7 * far, axis=1)
    return np.sqrt(0.3 * power + 0.7 * spread)


def _unit_filter(field: FloatArray, sigma: float, *, axis: int) -> FloatArray:
    """Gaussian filter scaled so that white noise keeps its variance."""
    kernel = _kernel(sigma)
    filtered = gaussian_filter1d(field, sigma, axis=axis, mode="reflect", truncate=_TRUNCATE)
    return filtered / float(np.sqrt(kernel @ kernel))


@lru_cache(maxsize=64)
def _kernel(sigma: float) -> FloatArray:
    radius = int(_TRUNCATE * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return kernel / kernel.sum()


@lru_cache(maxsize=64)
def _mixing_power(size: int, near: float, far: float) -> FloatArray:
    """Variance, shape (size, 1), of the depth-weighted mixture of the two lateral filters on white noise."""
    narrow, wide = _kernel(near), _kernel(far)
    padded = np.zeros_like(wide) if wide.size >= narrow.size else np.zeros_like(narrow)
    middle = padded.size // 2
    narrow_p, wide_p = padded.copy(), padded.copy()
    narrow_p[middle - narrow.size // 2 : middle + narrow.size // 2 + 1] = narrow / np.linalg.norm(narrow)
    wide_p[middle - wide.size // 2 : middle + wide.size // 2 + 1] = wide / np.linalg.norm(wide)
    depth = np.linspace(0.0, 1.0, size)[:, None]
    return (1 - depth) ** 2 + depth**2 + 2 * depth * (1 - depth) * float(narrow_p @ wide_p)


def rician(draws: Draws, signal: FloatArray, *, noise: float) -> FloatArray:
    """Magnitude of a complex MR signal with Gaussian noise of standard deviation `noise` in both channels."""
    real, imaginary = noise * draws.pixels(2, *signal.shape)
    return np.hypot(signal + real, imaginary)


def shift_to_grey(field: FloatArray, *, mean: float) -> NDArray[np.uint8]:
    """Round a logarithmic display to grey levels after a shift that brings the clipped mean to `mean`.

    The operator sets the gain by eye: mean brightness is a setting, not a finding.
    """
    shift = mean - float(field.mean())
    for _ in range(3):
        shift += mean - float(np.clip(field + shift, 0.0, 255.0).mean())
    return np.rint(np.clip(field + shift, 0.0, 255.0)).astype(np.uint8)


def scale_to_grey(field: FloatArray, *, mean: float) -> NDArray[np.uint8]:
    """Round a magnitude image to grey levels after a gain that brings the clipped mean to `mean`."""
    gain = mean / float(field.mean())
    for _ in range(3):
        gain *= mean / float(np.clip(gain * field, 0.0, 255.0).mean())
    return np.rint(np.clip(gain * field, 0.0, 255.0)).astype(np.uint8)
