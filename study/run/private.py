"""What provenance must not tell: passwords, tokens, and who sat at the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# user:password@ of an address, and settings of an address or option whose name says that they are secret.
_LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
_SECRET = re.compile(
    r"((?:token|key|secret|password|passwd|signature|sig|credential|auth)[\w-]*\s*[=:]\s*)[^&\s,;]+",
    re.IGNORECASE,
)


def without_private(value: Any) -> Any:
    """The value with log-ins and secrets in its texts replaced by ***, and the home folder by ~."""
    if isinstance(value, Path):
        return without_private(str(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {key: without_private(inner) for key, inner in value.items()}
    return [without_private(inner) for inner in value] if isinstance(value, list | tuple) else value


def _text(text: str) -> str:
    text = _SECRET.sub(r"\1***", _LOGIN.sub("***@", text))
    home = str(Path.home())
    if len(home) < 2:
        return text
    return re.sub(rf"{re.escape(home)}(?=/|\\|$)", "~", text)
