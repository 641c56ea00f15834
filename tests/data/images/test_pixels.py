"""Image files are read without loss or refused with a reason."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data.images.pixels import probe_image, read_mask_files, read_pixels

rng = np.random.default_rng(1)
GREY = rng.integers(0, 256, (12, 20), dtype=np.uint8)
COLOUR = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)


def test_grey_and_colour_come_back_unchanged(tmp_path):
    for name, values in (
        ("grey.png", GREY),
        ("colour.png", COLOUR),
        ("grey.tif", GREY),
        ("colour.bmp", COLOUR),
    ):
        Image.fromarray(values).save(tmp_path / name)
        assert np.array_equal(read_pixels(tmp_path / name), values)
        facts = probe_image(tmp_path / name)
        assert (facts.width, facts.height) == (20, 12)


def test_palette_and_two_tone_files_become_what_they_show(tmp_path):
    image = Image.fromarray(COLOUR).quantize(16)
    image.save(tmp_path / "palette.png")
    assert np.array_equal(read_pixels(tmp_path / "palette.png"), np.asarray(image.convert("RGB")))
    Image.fromarray(GREY > 127).save(tmp_path / "two.png")
    assert np.array_equal(read_pixels(tmp_path / "two.png"), np.where(GREY > 127, 255, 0))
    probe_image(tmp_path / "two.png")


def test_opaque_alpha_is_dropped(tmp_path):
    Image.fromarray(np.dstack([COLOUR, np.full_like(GREY, 255)])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)])).save(tmp_path / "la.png")
    assert np.array_equal(read_pixels(tmp_path / "rgba.png"), COLOUR)
    assert np.array_equal(read_pixels(tmp_path / "la.png"), GREY)


def _transparent(path):
    Image.fromarray(np.dstack([COLOUR, GREY])).save(path)


def _transparent_palette(path):
    Image.fromarray(COLOUR).quantize(16).save(path, transparency=3)


def _transparent_colour(path):
    Image.fromarray(COLOUR).save(path, transparency=tuple(int(v) for v in COLOUR[0, 0]))


def _sixteen_bit(path):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)


def _cmyk(path):
    Image.fromarray(COLOUR).convert("CMYK").save(path, format="TIFF")


def _two_frames(path):
    Image.fromarray(GREY).save(path, format="TIFF", save_all=True, append_images=[Image.fromarray(GREY)])


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("no image at all")


def _truncated(path):
    Image.fromarray(COLOUR).save(path)
    path.write_bytes(path.read_bytes()[:-200])


def _bit_flipped(path):
    Image.fromarray(COLOUR).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _truncated_jpeg(path):
    Image.fromarray(COLOUR).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-150])


def _second_directory_without_size(path):
    Image.fromarray(GREY).save(path, format="TIFF")
    content = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", content, 4)[0]
    (entries,) = struct.unpack_from("<H", content, at)
    struct.pack_into("<I", content, at + 2 + 12 * entries, len(content))
    path.write_bytes(bytes(content) + struct.pack("<HHHIII", 1, 258, 3, 1, 8, 0))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_transparent, "transparent pixels; flatten the file"),
        (_transparent_palette, "transparent pixels; flatten the file"),
        (_transparent_colour, "transparent pixels; flatten the file"),
        (_sixteen_bit, "16-bit, but 8-bit grey or RGB is needed"),
        (_cmyk, "mode CMYK, but 8-bit grey or RGB is needed"),
        (_two_frames, "it holds 2 frames, but one is needed"),
        (_empty, "it has 0 bytes"),
        (_text, "no image, or a damaged one"),
        (_truncated, "damaged"),
        (_bit_flipped, "damaged"),
        (_truncated_jpeg, "damaged"),
        (_second_directory_without_size, "damaged: Missing dimensions"),
    ],
)
def test_what_cannot_be_read_without_loss_is_refused_with_a_reason(tmp_path, make, reason):
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(ValueError, match=rf"The image '.*image\.png' cannot be used: .*{reason}"):
        read_pixels(path)
    with pytest.raises(ValueError, match=reason):
        probe_image(path)


def test_sixteen_bit_colour_png_is_not_cut_to_eight_bits(tmp_path):
    """Pillow opens such files as RGB and drops the lower byte without a word."""
    path = tmp_path / "deep.png"
    rows = b"".join(b"\0" + row.tobytes() for row in COLOUR.astype(">u2"))
    header = struct.pack(">IIBBBBB", 20, 12, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, content in chunks:
            file.write(struct.pack(">I", len(content)) + kind + content)
            file.write(struct.pack(">I", zlib.crc32(kind + content)))
    with Image.open(path) as image:
        assert image.mode == "RGB"
    with pytest.raises(ValueError, match=r"16-bit, but 8-bit grey or RGB is needed"):
        read_pixels(path)


def test_masks_are_merged_and_must_fit(tmp_path):
    left, right = np.zeros((4, 6), dtype=np.uint8), np.zeros((4, 6, 3), dtype=np.uint8)
    left[:, 0], right[:, 5, 1] = 255, 1
    Image.fromarray(left).save(tmp_path / "a.png")
    Image.fromarray(right).save(tmp_path / "b.png")
    merged = read_mask_files([tmp_path / "a.png", tmp_path / "b.png"], shape=(4, 6))
    assert merged.dtype == bool
    assert merged.any(axis=0).tolist() == [True, False, False, False, False, True]
    with pytest.raises(ValueError, match=r"b\.png' has 6 x 4 pixels, but its image has 4 x 6"):
        read_mask_files([tmp_path / "b.png"], shape=(6, 4))
