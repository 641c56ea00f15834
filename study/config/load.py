"""Read a study file by name or path, and say what is wrong with it in words."""

import difflib
import hashlib
import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from study.config.analysis import AnalysisPlan
from study.config.recipe import RECIPE_FIELDS
from study.config.study import StudyConfig

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStudy:
    """A study file: its checked content, its exact text, and where it came from."""

    config: StudyConfig
    text: str
    source: str

    @property
    def hash(self) -> str:
        return study_hash(self.config)


def shipped_studies() -> tuple[str, ...]:
    """Names of the studies that come with the package."""
    folder = resources.files("study") / "studies"
    return tuple(
        sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
    )


def load_study(name_or_path: str | Path) -> LoadedStudy:
    """A shipped study by its name, or a study file by its path.

    Raises
    ------
    FileNotFoundError : neither a shipped study nor a file; the message lists the names
    ValueError : the file is no TOML, or a key or value is not allowed; the message names the place
    """
    name = str(name_or_path)
    if name in shipped_studies():
        text = (resources.files("study") / "studies" / f"{name}.toml").read_text(encoding="utf-8")
        return LoadedStudy(config=parse_study(text, source=name), text=text, source=name)
    path = Path(name)
    if not path.is_file():
        close = difflib.get_close_matches(name, shipped_studies(), n=1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        raise FileNotFoundError(
            f"Study `{name}` is neither a shipped study nor a file.{hint} "
            f"Shipped studies: {', '.join(shipped_studies())}. A study file of your own ends in .toml."
        )
    text = read_text(path)
    return LoadedStudy(config=parse_study(text, source=str(path)), text=text, source=str(path))


def parse_study(text: str, *, source: str = "study file") -> StudyConfig:
    """The checked study from the text of a study file."""
    return validate(StudyConfig, parse_toml(text, source), source)


def parse_analysis(text: str, *, source: str = "plan file") -> AnalysisPlan:
    """An analysis plan from a file that holds an `[analysis]` table (other tables are not looked at)."""
    content = parse_toml(text, source)
    if "analysis" not in content:
        raise ValueError(
            f"{source} has no [analysis] table; a plan file holds the analysis part of a study file."
        )
    return validate(AnalysisPlan, content["analysis"], source, prefix="analysis.")


def study_hash(config: StudyConfig) -> str:
    """SHA-256 of the canonical JSON of a study; comments and layout of the file do not matter."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_text(path: Path) -> str:
    """The text of a file; ValueError where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a text file in UTF-8 (byte {error.start}); save it as UTF-8."
        ) from error


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text; a fault names `source`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is not valid TOML: {error}.") from error
    except RecursionError:
        raise ValueError(f"{source} is nested too deeply to be a file of settings.") from None


def validate(model: type[_Model], content: dict[str, Any], source: str, prefix: str = "") -> _Model:
    """The checked model; every fault is a line of the ValueError that names the place and what is allowed."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_in_words(item, model, prefix) for item in error.errors()]
        raise ValueError("\n".join(f"{source}: {line}" for line in lines)) from error


def _in_words(item: Any, model: type[BaseModel], prefix: str) -> str:
    path = prefix + ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        allowed = _allowed_keys(model, item["loc"])
        close = difflib.get_close_matches(str(item["loc"][-1]), allowed, n=1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        return f"unknown key `{path}`.{hint} Allowed here: {', '.join(allowed)}."
    if item["type"] == "missing":
        return f"`{path}` is missing."
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"`{path}`: {message}." if path else f"{message}."
    return f"`{path}` = {item['input']!r}: {message}."


def _allowed_keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """Keys allowed beside the offending one, found by walking the models along its path."""
    current: Any = model
    for part in loc[:-1]:
        current = _step(current, part)
    fields = getattr(current, "model_fields", None)
    return list(fields) if fields else list(RECIPE_FIELDS)


def _step(current: Any, part: Any) -> Any:
    """The model below `current` at `part`; containers keep the model that they hold."""
    fields = getattr(current, "model_fields", None)
    if fields is None or part not in fields:
        return current
    found = _models_in(fields[part].annotation)
    return found[0] if found else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in getattr(annotation, "__args__", ()) for m in _models_in(argument)]
