"""The files of a .zip or .tar.gz archive, one by one; links, devices and passwords are refused."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# What the readers of the standard library raise for damaged content.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
)
_LONGEST_HEADER = 1 << 20
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Member:
    """A file or folder of an archive: its name as stated, and its content."""

    name: str
    is_folder: bool
    open: Callable[[], IO[bytes]]


def zip_members(archive: Path, most: int) -> Iterator[Member]:
    """Members of a zip file in its order.

    Raises
    ------
    ValueError : encrypted, a link or device, or more than `most` bytes by its own statement
    zipfile.BadZipFile, others of DAMAGED : damaged or truncated
    """
    with zipfile.ZipFile(archive) as file:
        infos = file.infolist()
        check_total(archive, sum(info.file_size for info in infos), most)
        for info in infos:
            if info.flag_bits & 0x1:
                raise ValueError(
                    f"'{archive}' is encrypted ({info.filename!a} needs a password); nothing was "
                    "unpacked. Unpack it by hand."
                )
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _special(archive, info.filename)
            folder = info.filename.endswith("/")  # is_dir() fails for a name without a letter
            yield Member(info.filename, folder, lambda info=info: file.open(info))  # type: ignore[misc]


def tar_members(archive: Path, most: int) -> Iterator[Member]:
    """Members of a gzipped tar file in its order; its checksum is verified at the end.

    Raises
    ------
    ValueError : a link or device, or more than `most` bytes
    tarfile.TarError, others of DAMAGED : damaged or truncated
    """
    with gzip.open(archive) as stream, _Bounded(stream, archive) as bounded:
        with tarfile.open(fileobj=bounded, mode="r:") as file:
            total = 0
            for info in file:
                if not (info.isreg() or info.isdir()):
                    raise _special(archive, info.name)
                total += info.size
                check_total(archive, total, most)
                yield Member(info.name, info.isdir(), lambda info=info: _extracted(file, info))  # type: ignore[misc]
        # tarfile ends in silence at a header that it cannot read.
        if bounded.last_block != bytes(_BLOCK):
            raise tarfile.ReadError("the end of the archive is missing")
        bounded.drain(most)


def check_total(archive: Path, total: int, most: int) -> None:
    """Refuse an archive that becomes larger than allowed.

    Raises
    ------
    ValueError : `total` bytes are more than `most`
    """
    if total > most:
        raise ValueError(
            f"'{archive}' would unpack to {total} bytes or more, but {most} are allowed for an archive of "
            "its size (it may be a decompression bomb); nothing was unpacked."
        )


class _Bounded(io.RawIOBase):
    """A stream that gives headers of sensible length only, and remembers the last block."""

    def __init__(self, stream: gzip.GzipFile, archive: Path) -> None:
        self._stream = stream
        self._archive = archive
        self.last_block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        content = self._stream.read(size)
        if size == _BLOCK:
            self.last_block = content
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def drain(self, most: int) -> None:
        """Read to the end, which verifies the checksum."""
        total = 0
        while piece := self._stream.read(_LONGEST_HEADER):
            total += len(piece)
            check_total(self._archive, total, most)


def _extracted(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = file.extractfile(info)
    if content is None:
        raise tarfile.ReadError(f"{info.name!a} has no content")
    return content


def _special(archive: Path, name: str) -> ValueError:
    return ValueError(
        f"'{archive}' holds {name!a}, a link or device, which is refused; nothing was unpacked. "
        "Unpack it by hand if you trust it."
    )
