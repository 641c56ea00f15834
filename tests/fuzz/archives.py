"""Archives as `study data fetch` unpacks them."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path
from random import Random

from data.fetch.unpack import unpack
from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import mutated_bytes

_FILES = {
    "set/a/1.png": b"one" * 50,
    "set/a/2.png": b"two" * 50,
    "set/b/1.png": b"",
    "set/list.csv": b"path,label\n",
}
_NAMES = (
    *(
        "../escape",
        "a/../../escape",
        "/tmp/escape",
        "C:\\escape",
        "..\\escape",
        "a/..",
        ".. /escape",
        "",
        ".",
        "...",
    ),
    *(
        "a\x00b",
        "a" * 300,
        "a/" * 200 + "x",
        "set/A/1.png",
        "set/a",
        "set/a/1.png/x",
        "CON",
        "x.",
        "\u202eexe",
        "é",
        "é",
    ),
    *("~root/x", "//host/share", "\\\\?\\C:\\x", ".\x7f", "set//a//3.png", "./set/./z", "\ud7ff", "a:b"),
)


def _zip(files: dict[str, bytes], rng: Random | None = None) -> bytes:
    buffer = io.BytesIO()
    method = (
        zipfile.ZIP_DEFLATED
        if rng is None
        else rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    )
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _tar(files: dict[str, bytes], rng: Random | None = None) -> bytes:
    buffer = io.BytesIO()
    form = (
        tarfile.PAX_FORMAT
        if rng is None
        else rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    )
    with tarfile.open(fileobj=buffer, mode="w:", format=form) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def _prepare(samples: Path) -> None:
    (samples / "set.zip").write_bytes(_zip(_FILES))
    (samples / "set.tar.gz").write_bytes(_tar(_FILES))


def _make(rng: Random, samples: Path, out: Path) -> Case:
    suffix = rng.choice((".zip", ".tar.gz"))
    content = (samples / f"set{suffix}").read_bytes()
    kind, same = rng.random(), None
    if kind < 0.1:
        files = dict(rng.sample(sorted(_FILES.items()), len(_FILES)))
        content, same = (_zip if suffix == ".zip" else _tar)(files, rng), str(_tree_of(_FILES))
    elif kind < 0.35:
        content = _hostile(rng, suffix)
    elif kind < 0.6 and suffix == ".tar.gz":
        # below the compression: the headers of the members
        content = gzip.compress(mutated_bytes(rng, gzip.decompress(content), content))
    else:
        content = mutated_bytes(rng, content, (samples / "set.zip").read_bytes())
    path = out / f"set{suffix}"
    path.write_bytes(content)
    return Case(call=lambda: _unpacked(path, out / "here"), same=same, told="order, method, format")


def _unpacked(path: Path, folder: Path) -> object:
    unpack(path, folder)
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise AssertionError(f"{file} is a link or device")
        if file.is_file():
            found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return _tree_of({f"set/{name}": content for name, content in found.items()})


def _tree_of(files: dict[str, bytes]) -> list[tuple[str, int]]:
    return sorted((name, hash_of(content)) for name, content in files.items())


def hash_of(content: bytes) -> int:
    """A checksum that is the same in every process."""
    import zlib

    return zlib.crc32(content)


def _hostile(rng: Random, suffix: str) -> bytes:
    """A name that leads elsewhere, a link, a device, a bomb, many files."""
    kind = rng.randrange(4)
    if kind == 0:
        names = rng.sample(_NAMES, 2)
        files = {**_FILES, **dict.fromkeys(names, b"x")}
        try:
            return (_zip if suffix == ".zip" else _tar)(files, rng)
        except (ValueError, IndexError):  # the writer refuses the name
            return _zip(_FILES)
    if kind == 1:
        files = {f"{i:05d}": b"" for i in range(300)}
        return _zip(files) if suffix == ".zip" else _tar(files)
    if kind == 2:
        files = {"zeros": bytes(rng.choice((2**20, 2**25)))}
        return _zip(files) if suffix == ".zip" else _tar(files)
    return _link(rng, suffix)


def _link(rng: Random, suffix: str) -> bytes:
    buffer = io.BytesIO()
    where = rng.choice(("../../outside", "/etc", "/etc/passwd", "set", "."))
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w") as file:
            info = zipfile.ZipInfo("link")
            info.external_attr = (rng.choice((stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO)) | 0o777) << 16
            file.writestr(info, where)
            file.writestr("link/x", b"x")
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("link")
        info.type = rng.choice(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE)
        )
        info.linkname = where
        file.addfile(info)
        inside = tarfile.TarInfo("link/x")
        inside.size = 1
        file.addfile(inside, io.BytesIO(b"x"))
    return buffer.getvalue()


ARCHIVES = Target(name="archives", share=0.14, prepare=_prepare, make=_make)
