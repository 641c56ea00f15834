"""Recall, precision and speed of the search for duplicate images, on planted duplicates.

Sets: phantoms with several images per patient (breast, knee; three sizes) and, with --data-root, the images
of BUSI without its own duplicates, the half on which nothing was tuned. Each set gets copies with one change
(40 of each) and with two (120). A reported pair is right if both images come from one picture. --images N
also measures time and peak memory of a set of N small phantoms.
Run: python benchmarks/bench_audit.py [--data-root DIR] [--images 50000]
"""

import argparse
import hashlib
import os
import resource
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.planted_images import CHANGES
from data.audit.duplicates import duplicate_groups, find_duplicates
from data.audit.fingerprints import luminance
from data.dataset import Dataset, DatasetInfo, make_manifest
from data.registry import dataset_info, load_dataset

SINGLE, DOUBLE = 40, 120
PHANTOMS = [(kind, size) for kind in ("breast", "knee") for size in (96, 128, 224)]
SEED = 2025


def dataset_of(info: DatasetInfo, images: dict[str, np.ndarray]) -> Dataset:
    """A data set of grey images in memory."""
    rows = [
        {
            "image_id": image_id,
            "path": image_id,
            "class": info.classes[0],
            "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
            "width": image.shape[1],
            "height": image.shape[0],
            "mode": "L",
        }
        for image_id, image in images.items()
    ]
    return Dataset(
        info=info, manifest=make_manifest(rows), read_image=images.__getitem__, read_mask=lambda _: None
    )


def plant(
    images: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """The images with changed copies; the origin of every image, and the change of every copy."""
    planted, origin, change = dict(images), {name: name for name in images}, {}
    names = list(CHANGES)
    jobs = [(name,) for name in names for _ in range(SINGLE)]
    jobs += [tuple(rng.choice(names, 2, replace=False)) for _ in range(DOUBLE)]
    for number, job in enumerate(jobs):
        source = str(rng.choice(list(images)))
        image = images[source]
        for name in job:
            image = CHANGES[name](image, rng)
        copy = f"{source} copy {number}"
        planted[copy], origin[copy] = image, source
        change[copy] = job[0] if len(job) == 1 else "two changes"
    return planted, origin, change


def sets(data_root: Path | None) -> Iterator[tuple[str, DatasetInfo, dict[str, np.ndarray]]]:
    """Name, facts and images of each set."""
    for kind, size in PHANTOMS:
        options = {"n_patients": 120, "size": size, "seed": SEED}
        dataset = load_dataset(f"phantom-{kind}", options=options)
        yield f"phantom-{kind} {size} px", dataset.info, _grey(dataset, dataset.manifest["image_id"])
    if data_root is not None:
        dataset = load_dataset("busi", data_root=data_root)
        yield "busi, held-out half", dataset.info, _grey(dataset, _held_out(dataset))


def _held_out(dataset: Dataset) -> list[str]:
    """One image of each group of BUSI's own duplicates, of the groups that nothing was tuned on."""
    image_ids = list(dataset.manifest["image_id"])
    groups = duplicate_groups(image_ids, find_duplicates(dataset))
    names = pd.Series(np.where(groups.isna(), groups.index, groups), index=groups.index).drop_duplicates()
    return [name for name in names.index if hashlib.md5(names[name].encode()).digest()[-1] % 2 == 1]


def _grey(dataset: Dataset, image_ids: list[str]) -> dict[str, np.ndarray]:
    return {image_id: luminance(dataset.read_image(image_id)) for image_id in image_ids}


def measure(name: str, info: DatasetInfo, images: dict[str, np.ndarray]) -> pd.Series:
    """Print recall and precision of one set; share of copies found, per change."""
    planted, origin, change = plant(images, np.random.default_rng(SEED))
    started = time.perf_counter()
    pairs = find_duplicates(dataset_of(info, planted))
    seconds = time.perf_counter() - started
    found = set(zip(pairs["image_a"], pairs["image_b"], strict=True))
    right = {pair for pair in found if origin[pair[0]] == origin[pair[1]]}
    by_source = pd.Series(list(origin)).groupby(list(origin.values()))
    true = {pair for _, names in by_source for pair in combinations(sorted(names), 2)}
    for pair in sorted(found - right)[:5]:
        print("    wrong:", *pair)
    print(
        f"{name}: {len(planted)} images, recall {len(right) / len(true):.4f} of {len(true)} pairs, "
        f"precision {len(right) / max(len(found), 1):.4f} of {len(found)}, {seconds:.1f} s"
    )
    hit = {copy: tuple(sorted((copy, origin[copy]))) in found for copy in change}
    return pd.Series(hit).groupby(change).mean().rename(name)


def measure_speed(n_images: int) -> None:
    """Time and peak memory of one search among n small images."""
    images: dict[str, np.ndarray] = {}
    while len(images) < n_images:
        options = {"n_patients": 400, "size": 64, "seed": len(images)}
        dataset = load_dataset("phantom-breast", options=options)
        part = _grey(dataset, dataset.manifest["image_id"])
        images |= {f"{options['seed']} {name}": image for name, image in part.items()}
    names = list(images)[:n_images]
    images = {name: images[name] for name in names}
    n_planted = n_images // 100
    for number in range(n_planted):
        images[names[number]] = np.ascontiguousarray(images[names[-1 - number]][:, ::-1])
    before = _peak_memory()
    started = time.perf_counter()
    pairs = find_duplicates(dataset_of(dataset_info("phantom-breast"), images))
    seconds = time.perf_counter() - started
    print(f"{n_images} images of 64 px: {seconds:.0f} s, {len(pairs)} pairs found of {n_planted} planted")
    print(f"peak memory {_peak_memory():.2f} GiB, {before:.2f} GiB of it before the search")


def _peak_memory() -> float:
    """Largest resident size of this process so far, GiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--images", type=int, default=0)
    arguments = parser.parse_args()
    table = [measure(*one) for one in sets(arguments.data_root)]
    print("\nShare of copies found, by change")
    print(pd.concat(table, axis=1).round(3).to_string())
    if arguments.images:
        measure_speed(arguments.images)


if __name__ == "__main__":
    main()
