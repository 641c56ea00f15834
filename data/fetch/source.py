"""What is known of a file that can be downloaded, and whether a file on disk is that one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.names import check_name

_HEX = re.compile(r"[0-9a-f]+")
# Length of a digest in hex digits; of a SHA-256 the first digits alone may be published.
_DIGITS = {"sha256": 64, "md5": 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that its publisher offers to everybody.

    Attributes
    ----------
    name : file name on disk, without folder
    url : address, https
    size : bytes, None = not published
    sha256 : hex digits, or the first of them where no more are published; "" = none
    md5 : hex digits, "" = none; guards against damage, not against an attacker
    unpack : whether it is an archive (.zip, .tar.gz, .tgz) of which the content is needed
    options : options of the data set with which this file is needed; empty = always

    Raises
    ------
    ValueError : a name with a folder, an address without https, digests that are no hex digits
    """

    name: str
    url: str
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    unpack: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("file", self.name)
        require_https(self.url)
        for kind, longest in _DIGITS.items():
            digits = getattr(self, kind)
            whole = len(digits) == longest or (kind == "sha256" and len(digits) < longest)
            if digits and not (whole and _HEX.fullmatch(digits)):
                raise ValueError(
                    f"`{kind}` of {self.name} must be {longest} hex digits, but {digits!r} came."
                )


def require_https(url: str) -> None:
    """Refuse an address that is not encrypted.

    Raises
    ------
    ValueError : the address does not begin with https://
    """
    if not url.lower().startswith("https://"):
        raise ValueError(
            f"{url} is no https address: what comes over it can be read and changed on the way. "
            "Only https is used; fetch the file by hand if you trust that address."
        )


def mismatch(source: SourceFile, path: Path) -> str:
    """Say how a file differs from what is published of it; "" = not at all.

    Raises
    ------
    OSError : the file cannot be read
    """
    size = Path(path).stat().st_size
    if source.size is not None and size != source.size:
        return f"{size} bytes, but {source.size} were expected"
    for kind, label in (("sha256", "SHA-256"), ("md5", "MD5")):
        expected = getattr(source, kind)
        if not expected:
            continue
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if not found.startswith(expected):
            return f"{label} {found[:12]}…, but {expected[:12]}{'…' * (len(expected) > 12)} was expected"
    return ""


def size_text(size: int | None) -> str:
    """Bytes in MB (10^6); "size not published" where there is none."""
    if size is None:
        return "size not published"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size} bytes"


def hash_text(source: SourceFile) -> str:
    """What content can be checked by: the digest with its name, else "hash not published here"."""
    if source.sha256:
        return f"SHA-256 {source.sha256}"
    return f"MD5 {source.md5}" if source.md5 else "hash not published here"
