"""An object store (`s3://`, `gs://`) or any other file system that fsspec knows by its URL.

An object appears whole with the request that puts it, so nothing has a temporary name here. Creation that
only one of several writers may win is a conditional put (`If-None-Match: *` of S3, a generation of 0 on
Google's storage), which fsspec calls `mode="create"`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.place.scratch import scratch_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MISSING = (
    "A store at '{url}' needs the package `{package}`, which is not installed: pip install '.[remote]' "
    "(gs:// needs gcsfs and az:// adlfs in its place)."
)


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """The objects below a URL (see `data.place.base.Place`)."""

    url: str
    fs: AbstractFileSystem
    prefix: str

    @classmethod
    def at(cls, url: str) -> RemotePlace:
        """The place of a URL; nothing is asked of the server.

        Raises
        ------
        ValueError : no such protocol; its package is not installed; the URL names no bucket
        """
        try:
            import fsspec
        except ModuleNotFoundError as error:
            raise ValueError(_MISSING.format(url=url, package="fsspec")) from error
        protocol, _, rest = (part.rstrip("/") for part in url.partition("://"))
        if protocol in ("file", "local"):
            raise ValueError(f"The store '{url}' is a folder of this machine: give its path, {rest}.")
        if not rest:
            raise ValueError(f"The store '{url}' names no folder; give one, such as s3://BUCKET/runs/demo.")
        url = url.rstrip("/")
        try:
            # Listings are asked anew each time: other machines write too.
            fs, prefix = fsspec.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            package = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}.get(protocol)
            raise ValueError(_MISSING.format(url=url, package=package or error)) from error
        except ValueError as error:
            raise ValueError(f"The store '{url}' has a protocol that is not known ({error}).") from error
        return cls(url=url, fs=fs, prefix=prefix.rstrip("/"))

    @property
    def where(self) -> str:
        return self.url

    def full(self, name: str) -> str:
        return f"{self.url}/{name}"

    def read_bytes(self, name: str) -> bytes:
        return self.fs.cat_file(self._path(name))

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        if not names:
            return {}
        paths = {self._path(name): name for name in names}
        found = self.fs.cat(list(paths), on_error="return")
        contents = {paths[path]: content for path, content in found.items()}
        for content in contents.values():
            if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                raise content
        return {name: contents[name] for name in names if isinstance(contents.get(name), bytes)}

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        if size == 0:
            return b""
        try:
            return self.fs.cat_file(self._path(name), start=offset, end=offset + size)
        except OSError as error:
            if "InvalidRange" not in f"{error} {error.__cause__}":
                raise
            return b""  # it ends before

    def checksum(self, name: str) -> str:
        return hashlib.sha256(self.read_bytes(name)).hexdigest()

    def write_bytes(self, name: str, content: bytes) -> None:
        self.fs.pipe_file(self._path(name), content)

    def create_exclusive(self, name: str, content: bytes) -> bool:
        path = self._path(name)
        for last in (False, False, True):
            try:
                if self.fs.exists(path):
                    return False
                self.fs.pipe_file(path, content, mode="create")
                return True
            except FileExistsError:
                return False
            except OSError as error:
                # S3 asks to try again where another request on the object was in progress.
                if last or "ConditionalRequestConflict" not in f"{error} {error.__cause__}":
                    raise
        return False

    def size(self, name: str) -> int | None:
        try:
            info = self.fs.info(self._path(name))
        except FileNotFoundError:
            return None
        return int(info["size"]) if info["type"] == "file" else None

    def sizes(self, folder: str) -> dict[str, int]:
        return {name: int(info["size"]) for name, info in self._found(folder).items()}

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        found = self._found(folder, maxdepth=1)
        return sorted(name for name in found if name.endswith(suffix))

    def walk(self, folder: str = "") -> list[str]:
        return sorted(self._found(folder))

    def remove(self, name: str) -> bool:
        path = self._path(name)
        if not self.fs.exists(path):
            return False
        try:
            self.fs.rm_file(path)
        except FileNotFoundError:
            return False
        return True

    def remove_if(self, name: str, sha256: str) -> bool:
        try:
            return self.checksum(name) == sha256 and self.remove(name)
        except FileNotFoundError:
            return False

    def move(self, name: str, to: str) -> bool:
        # An object store has no rename. A reader may see both names for a moment, never a part of either.
        try:
            self.write_bytes(to, self.read_bytes(name))
        except FileNotFoundError:
            return False
        return self.remove(name)

    def scratch(self, name: str) -> Path:
        path = scratch_folder(self.url) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def local(self, name: str) -> Path:
        path = self.scratch(name)
        self.fs.get_file(self._path(name), str(path))
        return path

    def upload(self, name: str) -> None:
        self.fs.put_file(str(self.scratch(name)), self._path(name))

    def remove_stale(self) -> int:
        return 0  # a put that was cut off leaves nothing

    def _path(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def _found(self, folder: str, maxdepth: int | None = None) -> dict[str, Any]:
        """Names below a folder with what the server says of each, without those that begin with a dot."""
        path = self._path(folder).rstrip("/")
        found = self.fs.find(path, maxdepth=maxdepth, detail=True)
        start = len(self.prefix) + 1
        names = {str(full)[start:]: info for full, info in found.items() if info["type"] == "file"}
        return {name: info for name, info in names.items() if not name.rpartition("/")[2].startswith(".")}


def is_url(root: object) -> bool:
    """Whether the name of a store is a URL and no path."""
    return isinstance(root, str) and "://" in root
