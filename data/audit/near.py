"""Near-duplicates: candidates, alignment, and the judgement whether a pair shows one picture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data.audit.alignment import Alignment, align, starting_place
from data.audit.candidates import FLIPS, Candidates, find_candidates
from data.audit.changes import describe_change
from data.audit.fingerprints import THREADS, Fingerprints, luminance, shrink
from data.audit.similarity import fit_grey_levels, local_agreement, mean_ssim
from data.dataset import Dataset

# Pairs are judged at this many pixels per side, or at the shortest side of the two images.
JUDGED_SIZE = 128
# Agreement of fine structure from which two images are taken for one picture.
MIN_AGREEMENT = 0.8
# What a pair must reach on its thumbnails to be looked at more closely.
COARSE_CORRELATION = 0.75
COARSE_AGREEMENT = 0.5
_STEPS = 20  # of the alignment at half the thumbnail's size; the finer ones only polish
_POLISH = 6
_CHUNK = 64
_KEPT_IMAGES = 2048  # of at most 16 KiB each


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPair:
    """Two rows of the fingerprints that show one picture.

    Attributes
    ----------
    agreement : what decided, at least MIN_AGREEMENT
    similarity : mean SSIM after alignment
    change : what was done to the picture, in words
    """

    a: int
    b: int
    agreement: float
    similarity: float
    change: str


def find_near(dataset: Dataset, prints: Fingerprints, rows: np.ndarray) -> list[NearPair]:
    """Near-duplicates among the given rows of the fingerprints: no two with the same pixels, none flat.

    Candidates are aligned on their thumbnails; those that still look alike are read again and judged at
    up to JUDGED_SIZE pixels.
    """
    found = find_candidates(prints.thumbnails[rows])
    pairs = Candidates(a=rows[found.a], b=rows[found.b], flip=found.flip, zoom=found.zoom)
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = _chunks(np.arange(len(pairs.a)))
        coarse = list(pool.map(lambda chunk: _coarse(prints, pairs.take(chunk)), chunks))
        if not coarse:
            return []
        place = np.concatenate([part.place for part, _ in coarse])
        alike = np.concatenate([alike for _, alike in coarse])
        read = _reader(dataset, prints)
        sizes = np.minimum(prints.shapes[pairs.a], prints.shapes[pairs.b]).min(axis=1).clip(max=JUDGED_SIZE)
        chunks = [
            chunk
            for size in np.unique(sizes[alike])
            for chunk in _chunks(np.flatnonzero(alike & (sizes == size)))
        ]
        judged = pool.map(
            lambda chunk: _judge(prints, read, pairs.take(chunk), place[chunk], int(sizes[chunk[0]])), chunks
        )
        return _best([pair for part in judged for pair in part])


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def _coarse(prints: Fingerprints, pairs: Candidates) -> tuple[Alignment, np.ndarray]:
    """Alignment on the thumbnails, and which pairs still look alike."""
    templates = prints.thumbnails[pairs.a].astype(np.float32)
    images = _turned(prints.thumbnails[pairs.b], pairs.flip).astype(np.float32)
    small = _halved(templates), _halved(images)
    start = starting_place(pairs.zoom)
    rough = align(*small, start, steps=_STEPS)
    plain = align(*small, starting_place(np.ones_like(pairs.zoom)), steps=_STEPS)
    better = (plain.correlation > rough.correlation)[:, None]
    found = align(templates, images, np.where(better, plain.place, rough.place), steps=_POLISH)
    alike = found.correlation >= COARSE_CORRELATION
    alike &= local_agreement(templates, found.warped, found.inside) >= COARSE_AGREEMENT
    return found, alike


def _judge(
    prints: Fingerprints,
    read: Callable[[int, int], np.ndarray],
    pairs: Candidates,
    place: np.ndarray,
    size: int,
) -> list[NearPair]:
    """The pairs, all judged at one size, that show one picture."""
    templates = np.stack([read(int(row), size) for row in pairs.a]).astype(np.float32)
    images = _turned(np.stack([read(int(row), size) for row in pairs.b]), pairs.flip).astype(np.float32)
    found = align(templates, images, place, steps=_POLISH)
    agreement = local_agreement(templates, found.warped, found.inside)
    near = []
    for k in np.flatnonzero(agreement >= MIN_AGREEMENT):
        one = slice(k, k + 1)
        template, inside = templates[one], found.inside[one]
        fitted = fit_grey_levels(template[0], found.warped[k], inside[0])
        near.append(
            NearPair(
                a=int(pairs.a[k]),
                b=int(pairs.b[k]),
                agreement=float(agreement[k]),
                similarity=float(mean_ssim(template, fitted[None], inside)[0]),
                change=describe_change(
                    flip=FLIPS[pairs.flip[k]],
                    place=found.place[k],
                    template=template[0],
                    warped=found.warped[k],
                    fitted=fitted,
                    inside=inside[0],
                ),
            )
        )
    return near


def _best(pairs: list[NearPair]) -> list[NearPair]:
    """One judgement per pair of images: that of the turn with the best agreement."""
    best: dict[tuple[int, int], NearPair] = {}
    for pair in pairs:
        known = best.get((pair.a, pair.b))
        if known is None or pair.agreement > known.agreement:
            best[pair.a, pair.b] = pair
    return list(best.values())


def _reader(dataset: Dataset, prints: Fingerprints) -> Callable[[int, int], np.ndarray]:
    """Function (row, size) that reads an image as a grey square and keeps the last ones."""

    @lru_cache(maxsize=_KEPT_IMAGES)
    def read(row: int, size: int) -> np.ndarray:
        return shrink(luminance(dataset.read_image(prints.image_ids[row])), size)

    return read


def _turned(images: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Images (m, s, s), each turned by its entry of FLIPS."""
    down, across = np.array(FLIPS)[flip].T
    turned = np.where(down[:, None, None], images[:, ::-1], images)
    return np.where(across[:, None, None], turned[:, :, ::-1], turned)


def _halved(images: np.ndarray) -> np.ndarray:
    m, size, _ = images.shape
    return images.reshape(m, size // 2, 2, size // 2, 2).mean(axis=(2, 4))
