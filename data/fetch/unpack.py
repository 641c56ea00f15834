"""Unpack an archive that nobody vouches for: all stays in its folder, no links, no bombs, all or nothing."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.atomic import TEMPORARY_SUFFIX, sync_folder
from data.fetch.archive_names import NameCheck
from data.fetch.members import DAMAGED, Member, tar_members, zip_members

_PIECE = 1 << 20
_FREE_BYTES = 16 * 2**20  # a small archive of zeros is no bomb


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackLimits:
    """What an archive may become.

    max_bytes : all files together
    max_files : files and folders
    max_ratio : bytes of all files per byte of the archive, beyond the first 16 MiB
    """

    max_bytes: int = 200 * 10**9
    max_files: int = 1_000_000
    max_ratio: float = 200.0


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive that `unpack` knows."""
    return archive_stem(path.name) != path.name


def archive_stem(name: str) -> str:
    """The name without .zip, .tar.gz or .tgz."""
    for suffix in (".zip", ".tar.gz", ".tgz"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def unpack(archive: Path, folder: Path, *, limits: UnpackLimits | None = None) -> int:
    """Unpack a .zip, .tar.gz or .tgz file into a new folder; returns the number of files.

    Everything goes to a temporary folder beside `folder`, which is renamed at the end. Where all lies in one
    folder at the top of the archive, that one becomes `folder`. Modes, owners and times are not taken over.

    Raises
    ------
    FileExistsError : `folder` exists
    ValueError : no archive of these kinds, damaged, truncated or encrypted; a name that leaves the folder, is
        absolute, comes twice, or differs from another in capitals only; a link or device; more bytes, files
        or compression than `limits`
    OSError : the archive cannot be read, or the folder not written
    """
    archive, folder = Path(archive), Path(folder)
    if not is_archive(archive):
        raise ValueError(f"'{archive}' is no archive that can be unpacked here: .zip, .tar.gz or .tgz.")
    if folder.exists():
        raise FileExistsError(f"'{folder}' exists already. Move or delete it, then unpack again.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        temporary.mkdir()
        n_files = _unpack_into(archive, temporary, limits or UnpackLimits())
        top = list(temporary.iterdir())
        (top[0] if len(top) == 1 and top[0].is_dir() else temporary).rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)
    return n_files


def _unpack_into(archive: Path, folder: Path, limits: UnpackLimits) -> int:
    most = min(limits.max_bytes, max(_FREE_BYTES, int(limits.max_ratio * archive.stat().st_size)))
    names, n_files = NameCheck(archive), 0
    for number, member in enumerate(_members(archive, most), start=1):
        if number > limits.max_files:
            raise ValueError(f"'{archive}' holds more than {limits.max_files} files; nothing was unpacked.")
        target = folder.joinpath(*names.checked(member.name, is_folder=member.is_folder))
        if member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with _damage_named(archive), member.open() as content, target.open("xb") as file:
            # Neither reader gives more bytes than the size that was counted against the limit.
            shutil.copyfileobj(content, file, _PIECE)
        n_files += 1
    if n_files == 0:
        raise ValueError(f"'{archive}' holds no file.")
    return n_files


def _members(archive: Path, most: int) -> Iterator[Member]:
    members = zip_members if archive.name.lower().endswith(".zip") else tar_members
    with _damage_named(archive):
        yield from members(archive, most)


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ValueError(
            f"'{archive}' is damaged or truncated ({error}); nothing was unpacked. Delete it and "
            "fetch it again."
        ) from error
