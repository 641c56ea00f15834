"""What the registry holds of a data set: its facts, its options, where it lies and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.dataset import Dataset, DatasetInfo
from data.images.window import parse_window

Kind = Literal["text", "whole number", "number", "any"]
_TYPES: dict[str, Any] = {
    "text": str | Path,
    "whole number": int,
    "number": int | float,
    "any": object,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a data set, as `options` of a study file or `--option` gives it.

    Attributes
    ----------
    kind : type of value that is allowed
    help : what it sets, as a noun phrase
    default : value where it is not given;  required : it must be given
    choices : the only values allowed; empty = any of its kind
    check : further check that returns the value to use and raises ValueError with a reason
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[Any, ...] = ()
    check: Callable[[Any], Any] | None = None


WINDOW = Option(
    name="window",
    kind="any",
    help='grey levels of DICOM files: "file" (their own window), "full", or centre and width as [40, 400]',
    default="file",
    check=parse_window,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A data set that a study file may name.

    Attributes
    ----------
    load : (data root, options with their defaults) -> Dataset; files that cannot be read stand in
        `Dataset.unreadable`
    find : (data root, options) -> the folder or file with the data; looks at names only and raises
        ValueError or OSError where they are not there; None for what the program makes itself
    """

    info: DatasetInfo
    load: Callable[[Path | None, Mapping[str, Any]], Dataset]
    find: Callable[[Path | None, Mapping[str, Any]], Path] | None
    options: tuple[Option, ...] = ()


def checked_options(reader: Reader, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a data set, the given ones checked, the others at their defaults.

    Raises
    ------
    ValueError : an option is unknown, missing, of another type, or not among the choices
    """
    name = reader.info.name
    allowed = [option.name for option in reader.options]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        takes = f"takes {', '.join(allowed)}" if allowed else "takes no options"
        raise ValueError(f"The data set '{name}' has no option {', '.join(map(repr, unknown))}; it {takes}.")
    return {option.name: _value(name, option, options) for option in reader.options}


def _value(name: str, option: Option, options: Mapping[str, Any]) -> Any:
    if option.name not in options:
        if option.required:
            raise ValueError(f"The data set '{name}' needs the option `{option.name}`: {option.help}.")
        return option.default
    value = options[option.name]
    numeric = option.kind in ("whole number", "number")
    if not isinstance(value, _TYPES[option.kind]) or (numeric and isinstance(value, bool)):
        raise ValueError(
            f"`{option.name}` of the data set '{name}' must be a {option.kind}, but {value!r} came."
        )
    if option.choices and value not in option.choices:
        raise ValueError(
            f"`{option.name}` of the data set '{name}' must be one of "
            f"{', '.join(map(str, option.choices))}, but {value!r} came."
        )
    if option.check is None:
        return value
    try:
        return option.check(value)
    except ValueError as error:
        raise ValueError(f"`{option.name}` of the data set '{name}': {error}") from error
