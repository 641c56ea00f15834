"""Changes that people and programs make to a picture: duplicates of known origin.

Each takes an image uint8 (h, w) and a generator and gives an image uint8, maybe of another size.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_LABELS = ("LEFT BREAST", "R 12:00", "LT UOQ 3 cm", "D1 1.24 cm", "+ Dist 14.2 mm", "RT axilla")


def resized(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0.5 to 1.5 times as large."""
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))
    return _to_size(image, scale, scale, rng)


def stretched(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0.5 to 1.5 times as high, and as wide, each for itself."""
    return _to_size(image, *rng.uniform(0.5, 1.5, 2), rng)


def cropped_all_sides(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """5 % off each side."""
    return _without(image, 0.05, 0.05, 0.05, 0.05)


def cropped_one_side(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """5 % off one side."""
    return _without(image, *(0.05 * np.eye(4)[rng.integers(4)]))


def cropped_unevenly(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0 to 6 % off each side."""
    return _without(image, *rng.uniform(0.0, 0.06, 4))


def brightened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """15 to 50 grey levels brighter or darker, clipped."""
    return _clipped(image + rng.choice([-1.0, 1.0]) * rng.uniform(15.0, 50.0))


def contrasted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast 0.5 to 0.8 or 1.25 to 1.6 of what it was, clipped."""
    factor = rng.uniform(0.5, 0.8) if rng.random() < 0.5 else rng.uniform(1.25, 1.6)
    return _clipped((image - image.mean()) * factor + image.mean())


def gamma_changed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gamma 0.5 to 0.75 or 1.3 to 2."""
    exponent = rng.uniform(0.5, 0.75) if rng.random() < 0.5 else rng.uniform(1.3, 2.0)
    return _clipped(255.0 * (image / 255.0) ** exponent)


def jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """JPEG of quality 10 to 30."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(rng.integers(10, 31)))
    return np.asarray(Image.open(file))


def labelled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three white lines of text, 5 to 10 % of the image high."""
    picture = Image.fromarray(image)
    height, width = image.shape
    for _ in range(rng.integers(1, 4)):
        font = ImageFont.load_default(max(8, int(height * rng.uniform(0.05, 0.1))))
        place = (rng.uniform(0.0, 0.6) * width, rng.uniform(0.0, 0.9) * height)
        ImageDraw.Draw(picture).text(place, str(rng.choice(_LABELS)), fill=255, font=font)
    return np.asarray(picture)


def measured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two pairs of calipers joined by dotted lines."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    height, width = image.shape
    arm, thick = 0.02 * height + 1.0, max(1, height // 128)
    for _ in range(2):
        ends = rng.uniform(0.2, 0.8, (2, 2)) * (width, height)
        for x, y in ends:
            draw.line((x - arm, y, x + arm, y), fill=255, width=thick)
            draw.line((x, y - arm, x, y + arm), fill=255, width=thick)
        for share in np.linspace(0.0, 1.0, 25):
            draw.point(tuple(ends[0] * (1.0 - share) + ends[1] * share), fill=255)
    return np.asarray(picture)


def mirrored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        resized,
        stretched,
        cropped_all_sides,
        cropped_one_side,
        cropped_unevenly,
        brightened,
        contrasted,
        gamma_changed,
        jpeg,
        labelled,
        measured,
        mirrored,
    )
}


def _to_size(image: np.ndarray, down: float, across: float, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape
    size = (max(8, round(width * across)), max(8, round(height * down)))
    return np.asarray(Image.fromarray(image).resize(size, _FILTERS[rng.integers(len(_FILTERS))]))


def _without(image: np.ndarray, top: float, bottom: float, left: float, right: float) -> np.ndarray:
    height, width = image.shape
    rows = slice(round(top * height), height - round(bottom * height))
    return np.ascontiguousarray(image[rows, round(left * width) : width - round(right * width)])


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
