"""Decoding: grey or colour, size, and order."""

import numpy as np
import pytest
from PIL import Image

from data.images import decode
from data.images.decode import decode_images
from data.readers.folder import load_folder


@pytest.fixture
def mixed(tmp_path, save_image):
    grey = save_image(tmp_path / "a" / "grey.png", seed=1, mode="L")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "a" / "grey_as_colour.png")
    save_image(tmp_path / "b" / "colour.png", seed=2)
    return load_folder(tmp_path)


def test_grey_images_have_one_channel_whatever_their_file(mixed):
    images = decode_images(mixed, ["a/grey", "a/grey_as_colour"], 8)
    assert images.shape == (2, 1, 8, 8)
    assert images.dtype == np.uint8
    assert np.array_equal(images[0], images[1])


def test_one_coloured_image_makes_three_channels_and_keeps_the_grey(mixed):
    images = decode_images(mixed, ["b/colour", "a/grey"], 8)
    assert images.shape == (2, 3, 8, 8)
    assert (images[1] == images[1][:1]).all()
    assert not (images[0] == images[0][:1]).all()
    assert np.array_equal(images[1][0], decode_images(mixed, ["a/grey"], 8)[0, 0])


def test_resize_is_pillow_bilinear(mixed):
    image = Image.fromarray(mixed.read_image("b/colour")).resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(decode_images(mixed, ["b/colour"], 8)[0], np.asarray(image).transpose(2, 0, 1))


def test_an_image_of_the_right_size_is_not_touched(tmp_path, save_image):
    values = save_image(tmp_path / "a" / "1.png", size=(16, 16))
    save_image(tmp_path / "b" / "1.png", size=(16, 16))
    assert np.array_equal(decode_images(load_folder(tmp_path), ["a/1"], 16)[0], values.transpose(2, 0, 1))


def test_order_is_the_order_asked_for(mixed):
    ids = ["b/colour", "a/grey"] * 10
    images = decode_images(mixed, ids, 8)
    assert (images[::2] == images[0]).all()
    assert (images[1::2] == images[1]).all()


def test_bad_requests_are_explained(mixed, tmp_path):
    with pytest.raises(ValueError, match="`size` must be at least 1 pixel, but 0 came"):
        decode_images(mixed, ["a/grey"], 0)
    with pytest.raises(ValueError, match="`image_ids` is empty"):
        decode_images(mixed, [], 8)
    (tmp_path / "a" / "grey.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"The image '.*grey\.png' cannot be used: it has 0 bytes"):
        decode_images(mixed, ["b/colour", "a/grey"], 8)


@pytest.mark.parametrize("ids", [["a/grey"] * 5, ["a/grey", "a/grey", "b/colour", "a/grey"]])
@pytest.mark.parametrize("piece", [2, 256])
def test_above_the_memory_limit_the_same_images_are_memory_mapped(mixed, ids, piece, monkeypatch):
    monkeypatch.setattr(decode, "_PIECE", piece)
    inside = decode_images(mixed, ids, 8)
    assert not isinstance(inside, np.memmap)
    monkeypatch.setattr(decode, "MEMORY_LIMIT", inside.nbytes)
    assert not isinstance(decode_images(mixed, ids, 8), np.memmap)
    monkeypatch.setattr(decode, "MEMORY_LIMIT", inside.nbytes - 1)
    mapped = decode_images(mixed, ids, 8)
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, inside)


def test_the_file_behind_a_mapped_array_has_no_name_and_leaves_nothing(mixed, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(decode.tempfile, "tempdir", str(folder))
    monkeypatch.setattr(decode, "MEMORY_LIMIT", 0)
    mapped = decode_images(mixed, ["a/grey", "b/colour"], 8)
    assert mapped.sum() > 0
    assert not list(folder.iterdir())
