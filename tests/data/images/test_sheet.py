"""The contact sheet: a repeatable draw, the pixels of training, outlines, and labels that always fit."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFont

from data.dataset import Dataset
from data.images import sheet
from data.images.border import mask_border
from data.images.decode import square_image
from data.images.sheet import TILE, choose_images, contact_sheet, images_by_class
from data.registry import dataset_info

YELLOW = (255, 200, 0)


def make_dataset(counts, *, masks=False):
    """Images of 30 x 50 pixels; with masks the left half is lesion."""
    rows = [
        {"image_id": f"{name}-{number:03d}", "class": name}
        for name, n in counts.items()
        for number in range(n)
    ]
    mask = np.zeros((30, 50), dtype=bool)
    mask[:, :25] = True

    def read_image(image_id):
        seed = int(image_id.rpartition("-")[2])
        return np.random.default_rng(seed).integers(0, 200, (30, 50), dtype=np.uint8)

    return Dataset(
        info=dataset_info("folder"),
        manifest=pd.DataFrame(rows),
        read_image=read_image,
        read_mask=lambda image_id: mask if masks else None,
    )


def drawn(dataset, chosen):
    return np.asarray(Image.open(io.BytesIO(contact_sheet(dataset, chosen, title="a title"))))


def tiles(pixels, image):
    """Places at which the square image stands on the sheet."""
    found = []
    for top in range(pixels.shape[0] - TILE + 1):
        for left in np.flatnonzero((pixels[top, : pixels.shape[1] - TILE + 1] == image[0, 0]).all(axis=-1)):
            if np.array_equal(pixels[top : top + TILE, left : left + TILE], image):
                found.append((top, int(left)))
    return found


def test_the_draw_repeats_and_stays_within_the_class():
    manifest = make_dataset({"a": 40, "b": 5}).manifest
    chosen = choose_images(manifest, n=12, seed=3)
    assert {name: len(set(ids)) for name, ids in chosen.items()} == {"a": 12, "b": 5}
    assert all(image_id.startswith(name) for name, ids in chosen.items() for image_id in ids)
    assert choose_images(manifest.sample(frac=1, random_state=1), n=12, seed=3) == chosen
    assert choose_images(manifest, n=12, seed=4) != chosen
    assert choose_images(manifest[manifest["class"] == "a"], n=12, seed=3)["a"] == chosen["a"]


def test_every_image_stands_on_the_sheet_once_as_in_training():
    dataset = make_dataset({"a": 8, "b": 2})
    pixels = drawn(dataset, choose_images(dataset.manifest, n=8, seed=0))
    places = []
    for image_id in dataset.manifest["image_id"]:
        square = square_image(dataset.read_image(image_id), TILE)
        places.append(tiles(pixels, np.stack([square] * 3, axis=-1)))
    assert [len(place) for place in places[2:8]] == [1] * 6
    assert len(places[0]) == 2  # a-000 and b-000 have the same pixels
    tops = sorted({top for place in places for top, _ in place})
    assert len(tops) == 3


def test_masks_are_drawn_as_their_outline():
    dataset = make_dataset({"a": 1}, masks=True)
    pixels = drawn(dataset, {"a": ["a-000"]})
    yellow = (pixels == YELLOW).all(axis=-1)
    border = mask_border(dataset.read_mask("a-000"), TILE)
    assert 0 < border.sum() < TILE * TILE / 4
    assert yellow.sum() == border.sum()
    plain = make_dataset({"a": 1})
    assert not (drawn(plain, {"a": ["a-000"]}) == YELLOW).all(axis=-1).any()


def test_a_border_is_one_pixel_wide_and_empty_without_mask():
    mask = np.zeros((10, 10), dtype=bool)
    mask[3:7, 2:8] = True
    border = mask_border(mask, 10)
    assert border.sum() == 4 * 6 - 2 * 4
    assert not border[4:6, 3:7].any()
    assert not mask_border(np.zeros((10, 10), dtype=bool), 10).any()


@pytest.mark.parametrize("text", ["short", "x" * 300, "patient_0001_left_breast_oblique_view_0017"])
def test_long_ids_keep_both_ends_and_fit(text):
    font = ImageFont.load_default(12)
    shown = sheet._shortened(text, font, TILE)
    assert font.getlength(shown) <= TILE
    if font.getlength(text) > TILE:
        start, end = shown.split("...")
        assert text.startswith(start)
        assert text.endswith(end)
        assert len(start) > 5
        assert len(end) > 5
    else:
        assert shown == text


def test_ids_outside_ascii_are_drawn():
    dataset = make_dataset({"größe 病変": 1})
    assert drawn(dataset, choose_images(dataset.manifest, n=1, seed=0)).shape[2] == 3


def test_named_images_keep_their_order():
    manifest = make_dataset({"a": 3, "b": 3}).manifest
    assert images_by_class(manifest, ["b-002", "a-001", "b-000"]) == {"b": ["b-002", "b-000"], "a": ["a-001"]}


def test_bad_requests_are_explained(monkeypatch):
    manifest = make_dataset({"a": 3}).manifest
    with pytest.raises(ValueError, match=r"has no image 'a-01'\. Near ids: 'a-001'"):
        images_by_class(manifest, ["a-01"])
    with pytest.raises(ValueError, match="`n` must be at least 1 image per class, but 0 came"):
        choose_images(manifest, n=0, seed=0)
    monkeypatch.setattr(sheet, "MOST_IMAGES", 2)
    with pytest.raises(ValueError, match="at most 2 images, but 3 were asked for"):
        choose_images(manifest, n=3, seed=0)
