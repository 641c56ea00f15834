"""Names in an archive: each stays below its folder, on every system, and none stands for two files."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

# Control characters, and what Windows reads as a separator, a drive or a stream.
_NOWHERE = re.compile(r"[\x00-\x1f\x7f\\:]")
# "..", also with the blanks and dots that Windows drops from the end of a name.
_UPWARDS = re.compile(r"[. ]{2,}")


class NameCheck:
    """Checks the names of one archive, one after the other."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def checked(self, name: str, *, is_folder: bool) -> tuple[str, ...]:
        """Parts of a name below the folder.

        Raises
        ------
        ValueError : the name is absolute, has `..`, a drive letter, a backslash or a control character; or it
            is, apart from capitals, one that came before
        """
        upwards = any(_UPWARDS.fullmatch(part) for part in name.split("/"))
        if _NOWHERE.search(name) or name.startswith("/") or upwards:
            raise self._refused(
                name, "it would leave the folder, or means a place on some systems (absolute, '..', drive)"
            )
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if not parts and not is_folder:
            raise self._refused(name, "it is empty")
        for depth in range(1, len(parts) + 1):
            self._add(name, "/".join(parts[:depth]), is_folder=is_folder or depth < len(parts))
        return parts

    def _add(self, name: str, path: str, *, is_folder: bool) -> None:
        key = unicodedata.normalize("NFC", path).casefold()
        here, other = (self._folders, self._files) if is_folder else (self._files, self._folders)
        before = other.get(key) or here.get(key)
        if before is not None and (key in other or before != path or not is_folder):
            how = "comes twice" if before == path else f"is '{before}' on systems that ignore capitals"
            raise self._refused(name, f"'{path}' {how}")
        here[key] = path

    def _refused(self, name: str, reason: str) -> ValueError:
        return ValueError(
            f"'{self._archive}' holds the name {name!a}, which is refused: {reason}. Nothing was unpacked."
        )
