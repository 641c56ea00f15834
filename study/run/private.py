"""What provenance must not tell: passwords, tokens, and who sat at the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# user:password@ of an address: a password may hold / and @, but host:9000/ is a port.
_LOGIN = re.compile(r"(?<=://)(?:[^/@\s]*:(?!\d+(?:/|$))\S*@|[^/\s]*@)")
_NAMES = r"token|key|secret|password|passwd|signature|sig|credential|auth"
# Settings of an address or option whose name says that they are secret.
_SECRET = re.compile(
    rf"((?:{_NAMES})[\w-]*[\"']?\s*[=:]\s*(?:bearer\s+|basic\s+)?|\bbearer\s+)(?:\"[^\"]*\"|'[^']*'|[^&\s,;]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"--?[\w-]*(?:{_NAMES})[\w-]*", re.IGNORECASE)
_FIELD = re.compile(
    r"(?:^|[\W_])(?:secret|password|passwd|token|credentials?|(?:api|access)_?key)(?:$|[\W_])"
)


def without_private(value: Any) -> Any:
    """The value with log-ins and secrets in its texts replaced by ***, and the home folder by ~.

    Secret are also the text of a field such as `password`, and what follows an option such as `--token`.
    """
    if isinstance(value, Path):
        return without_private(str(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {key: _field(str(key), inner) for key, inner in value.items()}
    if not isinstance(value, list | tuple):
        return value
    return [
        "***" if _follows_option(before, inner) else without_private(inner)
        for before, inner in zip((None, *value), value, strict=False)
    ]


def _field(name: str, value: Any) -> Any:
    secret = isinstance(value, str) and _FIELD.search(name.lower()) is not None
    return "***" if secret else without_private(value)


def _follows_option(before: Any, value: Any) -> bool:
    texts = isinstance(before, str) and isinstance(value, str)
    return texts and not value.startswith("-") and _OPTION.fullmatch(before) is not None


def _text(text: str) -> str:
    text = _SECRET.sub(r"\1***", _LOGIN.sub("***@", text))
    home = str(Path.home())
    if len(home) < 2:
        return text
    return re.sub(rf"{re.escape(home)}(?=/|\\|$)", "~", text)
