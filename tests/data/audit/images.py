"""Data sets made of arrays, for the tests of the audit."""

import hashlib

import numpy as np

from data.dataset import Dataset, make_manifest
from data.registry import dataset_info, load_dataset


def dataset_of(images: dict[str, np.ndarray], *, classes: dict[str, str] | None = None) -> Dataset:
    """A data set of the given images; the file of an image is its array."""
    rows = [
        {
            "image_id": image_id,
            "path": f"{image_id}.png",
            "class": (classes or {}).get(image_id, "benign"),
            "sha256": hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest(),
            "width": image.shape[1],
            "height": image.shape[0],
            "mode": "L" if image.ndim == 2 else "RGB",
        }
        for image_id, image in images.items()
    ]
    return Dataset(
        info=dataset_info("phantom-breast"),
        manifest=make_manifest(rows),
        read_image=lambda image_id: images[image_id],
        read_mask=lambda image_id: None,
    )


def phantoms(kind: str, *, n_patients: int, size: int = 128, seed: int = 0) -> dict[str, np.ndarray]:
    """Images of phantoms by their image_id."""
    options = {"n_patients": n_patients, "size": size, "seed": seed}
    dataset = load_dataset(f"phantom-{kind}", options=options)
    return {image_id: dataset.read_image(image_id) for image_id in dataset.manifest["image_id"]}
