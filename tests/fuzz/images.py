"""Image files of every kind that is read, masks and DICOM, and the data sets that hold them."""

from __future__ import annotations

import io
import shutil
import zlib
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from data.images.pixels import probe_image, read_mask_files, read_pixels
from tests.data.dicom_files import dicom_dataset
from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes, mutated_text

_SIZE = (24, 16)
_MANIFEST = "path,label,patient,mask\n" + "".join(
    f"{c}/{i}.png,{c},p{i},\n" for c in ("x", "y") for i in range(3)
)


def _pixels(mode: str) -> np.ndarray:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}[mode]
    values = np.random.default_rng(7).integers(0, 256, (_SIZE[1], _SIZE[0], *channels), dtype=np.uint8)
    if mode in ("RGBA", "LA"):
        values[..., -1] = 255
    return values


def _prepare(samples: Path) -> None:
    for mode in ("L", "RGB", "RGBA", "LA"):
        Image.fromarray(_pixels(mode)).save(samples / f"{mode}.png")
    grey, colour = Image.fromarray(_pixels("L")), Image.fromarray(_pixels("RGB"))
    colour.convert("P").save(samples / "P.png")
    grey.save(samples / "two.png", interlace=1)
    for suffix in ("jpg", "bmp", "tif"):
        grey.save(samples / f"L.{suffix}")
        colour.save(samples / f"RGB.{suffix}")
    colour.save(samples / "lzw.tif", compression="tiff_lzw")
    deep = _pixels("L").astype(np.uint16) * 16
    for name, pixels, fields in (
        (
            "deep",
            deep,
            {"WindowCenter": 2000, "WindowWidth": 1500, "RescaleSlope": 2.0, "RescaleIntercept": -5},
        ),
        ("plain", _pixels("L"), {"bits": 8}),
        ("colour", _pixels("RGB"), {"bits": 8}),
        ("signed", deep.astype(np.int16) - 2000, {"bits": 16}),
    ):
        dicom_dataset(pixels, **fields).save_as(samples / f"{name}.dcm", enforce_file_format=True)
    for number, name in enumerate(f"{c}/{i}.png" for c in ("x", "y") for i in range(3)):
        path = samples / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(number).integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(values).save(path)


def _make(rng: Random, samples: Path, out: Path) -> Case:
    kind = rng.random()
    if kind < 0.12:
        return _same(rng, samples, out)
    files = sorted(path for path in samples.iterdir() if path.is_file())
    source = rng.choice(files)
    if kind < 0.2:
        content = _bomb(rng)
        path = out / f"bomb{rng.choice(('.png', '.tif', '.bmp', '.jpg'))}"
    else:
        content = mutated_bytes(rng, source.read_bytes(), rng.choice(files).read_bytes())
        if source.suffix == ".png" and rng.random() < 0.5:
            content = with_checksums(content)
        path = out / f"image{rng.choice((source.suffix, source.suffix, '.png', '.dcm'))}"
    path.write_bytes(content)
    if kind < 0.85:
        return Case(call=lambda: _read(rng, path), told=source.name)
    return _data_set(rng, samples, out, path)


def _read(rng: Random, path: Path) -> object:
    """Probe and read: what the probe passes must be readable, or say why not."""
    facts = probe_image(path)
    pixels = read_pixels(path)
    if pixels.dtype != np.uint8 or pixels.shape[:2] != (facts.height, facts.width):
        raise AssertionError(f"{pixels.dtype} {pixels.shape}, but the probe says {facts}")
    read_mask_files([path], shape=(_SIZE[1], _SIZE[0]))
    return facts.mode


def _data_set(rng: Random, samples: Path, out: Path, odd: Path) -> Case:
    """`study data check` on a folder, or on a manifest, that holds the odd file."""
    shutil.copytree(samples / "set", out / "set")
    shutil.copyfile(odd, out / "set" / "x" / rng.choice((odd.name, "0_mask.png", "0.png")))
    if rng.random() < 0.5:
        return Case(args=("data", "check", "folder", "-o", f"path={out / 'set'}", "--json"))
    path = out / "set" / "list.csv"
    text = mutated_text(rng, _MANIFEST, (*TEXTS, f"x/{odd.name}", "../../x/0.png", "/dev/zero", "/dev/stdin"))
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return Case(args=("data", "check", "manifest", "-o", f"path={path}", "--json"))


def with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have the right checksum again, so that a change is read and not refused at once."""
    whole, at = content[:8], 8
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        if length > len(content):
            return whole + content[at:]
        whole += content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return whole + content[at:]


def _bomb(rng: Random) -> bytes:
    """A small file that says that it is very large."""
    side = rng.choice((9000, 14_000, 20_000, 60_000, 2**31 - 1))
    if rng.random() < 0.5:
        header = side.to_bytes(4, "big") * 2 + rng.choice((b"\x08\x00", b"\x08\x02", b"\x01\x00")) + b"\0\0\0"
        data = zlib.compress(bytes(1000))
        chunks = b"".join(
            len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
            for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
        )
        return b"\x89PNG\r\n\x1a\n" + chunks
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        file = dicom_dataset(np.zeros((4, 4), dtype=np.uint8), bits=8)
        file.Rows = file.Columns = min(side, 65_535)
        file.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, format=rng.choice(("TIFF", "BMP", "GIF", "PPM")))
    return buffer.getvalue().replace(b"\x10\x00\x00\x00", min(side, 2**31 - 1).to_bytes(4, "little"))


def _same(rng: Random, samples: Path, out: Path) -> Case:
    """A PNG written in another way has the same pixels."""
    name = rng.choice(("L.png", "RGB.png"))
    image = Image.open(samples / name)
    kind, options = rng.choice(
        (
            ("compression level", {"compress_level": rng.randrange(10)}),
            ("resolution", {"dpi": (rng.randrange(1, 600), 72)}),
            ("optimised", {"optimize": True}),
        )
    )
    path = out / "again.png"
    image.save(path, **options)
    if rng.random() < 0.3:
        kind, path = "BMP", out / "again.bmp"
        image.save(path)
    truth = read_pixels(samples / name)
    return Case(call=lambda: _digest(read_pixels(path)), same=str(_digest(truth)), told=kind)


def _digest(pixels: np.ndarray) -> tuple[int, tuple[int, ...]]:
    return zlib.crc32(pixels.tobytes()), pixels.shape


IMAGES = Target(name="images", share=0.2, prepare=_prepare, make=_make)
