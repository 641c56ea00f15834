"""Near-duplicates: candidates, alignment, and the judgement whether a pair shows one picture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data.audit.alignment import NO_CHANGE, align
from data.audit.candidates import FLIPS, Candidates, find_candidates
from data.audit.changes import describe_change
from data.audit.displacement import local_displacement
from data.audit.fingerprints import THREADS, Fingerprints, luminance, shrink
from data.audit.similarity import fit_grey_levels, local_agreement, mean_ssim
from data.dataset import Dataset

# Pairs are judged at this many pixels per side, or at the shortest side of the two images.
JUDGED_SIZE = 128
# One picture agrees in its fine structure, and its details lie within this distance in pixels at JUDGED_SIZE;
# at a smaller size noise weighs more and pixels are larger, see `_max_displacement`.
MIN_AGREEMENT = 0.6
MAX_DISPLACEMENT = 0.3
# What a pair must reach on its thumbnails to be looked at more closely.
COARSE_CORRELATION = 0.7
COARSE_AGREEMENT = 0.55
COARSE_DISPLACEMENT = 0.6
_STEPS = 14  # of the alignment at half the thumbnail's size; the finer ones only polish
_CERTAIN = 0.95  # correlation from which no other start is tried
_POLISH = 6
_CHUNK = 64
_KEPT_IMAGES = 2048  # of at most 16 KiB each


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPair:
    """Two rows of the fingerprints that show one picture.

    Attributes
    ----------
    agreement, displacement : what decided, see `local_agreement` and `local_displacement`
    similarity : mean SSIM after alignment
    change : what was done to the picture, in words
    """

    a: int
    b: int
    agreement: float
    displacement: float
    similarity: float
    change: str


def find_near(dataset: Dataset, prints: Fingerprints, rows: np.ndarray) -> list[NearPair]:
    """Near-duplicates among the given rows of the fingerprints: no two with the same pixels, none flat.

    Candidates are aligned on their thumbnails; those that still look alike are read again and judged at
    up to JUDGED_SIZE pixels.
    """
    found = find_candidates(prints.thumbnails[rows])
    pairs = Candidates(a=rows[found.a], b=rows[found.b], flip=found.flip, place=found.place)
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = _chunks(np.arange(len(pairs.a)))
        coarse = list(pool.map(lambda chunk: _coarse(prints, pairs.take(chunk)), chunks))
        if not coarse:
            return []
        place = np.concatenate([place for place, _ in coarse])
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


def _coarse(prints: Fingerprints, pairs: Candidates) -> tuple[np.ndarray, np.ndarray]:
    """Places (m, 4) on the thumbnails, and which pairs (m,) still look alike."""
    templates = prints.thumbnails[pairs.a].astype(np.float32)
    images = _turned(prints.thumbnails[pairs.b], pairs.flip).astype(np.float32)
    first = align(_halved(templates), _halved(images), pairs.place, steps=_STEPS)
    place, correlation = first.place, first.correlation
    # The part that was found is not always where the best place is reached from.
    doubtful = np.flatnonzero((correlation < _CERTAIN) & (pairs.place != NO_CHANGE).any(axis=1))
    start = np.broadcast_to(NO_CHANGE, (len(doubtful), 4))
    second = align(_halved(templates[doubtful]), _halved(images[doubtful]), start, steps=_STEPS)
    better = second.correlation > correlation[doubtful]
    place[doubtful[better]] = second.place[better]
    correlation[doubtful[better]] = second.correlation[better]
    alike = correlation >= COARSE_CORRELATION
    kept = np.flatnonzero(alike)
    found = align(templates[kept], images[kept], place[kept], steps=_POLISH)
    place[kept] = found.place
    overlap = templates[kept], found.warped, found.inside
    alike[kept] = found.correlation >= COARSE_CORRELATION
    alike[kept] &= local_agreement(*overlap) >= COARSE_AGREEMENT
    alike[kept] &= local_displacement(*overlap) <= COARSE_DISPLACEMENT
    return place, alike


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
    displacement = local_displacement(templates, found.warped, found.inside)
    same = (agreement >= MIN_AGREEMENT) & (displacement <= _max_displacement(size))
    near = []
    for k in np.flatnonzero(same):
        one = slice(k, k + 1)
        template, inside = templates[one], found.inside[one]
        fitted = fit_grey_levels(template[0], found.warped[k], inside[0])
        near.append(
            NearPair(
                a=int(pairs.a[k]),
                b=int(pairs.b[k]),
                agreement=float(agreement[k]),
                displacement=float(displacement[k]),
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


def _max_displacement(size: int) -> float:
    """Pixels: in shares of the image the limit grows with the root of the pixels' size."""
    return MAX_DISPLACEMENT * (size / JUDGED_SIZE) ** 0.5


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
