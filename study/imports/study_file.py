"""The study file of imported predictions: which factors there are, and the analysis plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from study.config import parse_study
from study.config.analysis import AnalysisPlan
from study.config.base import Frozen
from study.config.load import parse_toml, validate


class ImportedTask(Frozen):
    """A task of imported predictions."""

    positive: tuple[str, ...]
    """Classes that count as positive."""


class ImportedStudy(Frozen):
    """Study file of a store whose predictions were made elsewhere."""

    name: str
    """Name of the store."""
    title: str = ""
    """Title of the manuscript."""
    description: str = ""
    """The question."""
    imported: Literal[True]
    """Marks the file: nothing can be trained from it."""
    tasks: dict[str, ImportedTask]
    """Tasks by name."""
    factors: dict[str, tuple[Any, ...]]
    """Factors of the models and their levels."""
    analysis: AnalysisPlan = Field(default_factory=AnalysisPlan)
    """Planned analyses."""


def is_imported(text: str) -> bool:
    """Whether a study file says that its predictions were imported."""
    return parse_toml(text, "the study file of the store").get("imported") is True


def parse_imported(text: str, *, source: str) -> ImportedStudy:
    """The checked study file of an imported store."""
    return validate(ImportedStudy, parse_toml(text, source), source)


def parse_stored_plan(text: str, *, source: str) -> AnalysisPlan:
    """The analysis plan of a store's study file, whether its cells were trained or imported."""
    if is_imported(text):
        return parse_imported(text, source=source).analysis
    return parse_study(text, source=source).analysis


def default_plan(factors: Sequence[str]) -> AnalysisPlan:
    """DeLong and McNemar between the levels of every factor."""
    entries = [{"contrast": name} for name in factors]
    return AnalysisPlan.model_validate({"delong": entries, "mcnemar": entries})


def study_text(study: ImportedStudy) -> str:
    """The study file as TOML."""
    content = study.model_dump(mode="json", exclude_defaults=True)
    head = {key: content[key] for key in ("name", "title", "description", "imported") if key in content}
    lines = [f"{key} = {_value(value)}" for key, value in head.items()]
    for task, entry in content["tasks"].items():
        lines += ["", f"[tasks.{_key(task)}]", *_pairs(entry)]
    lines += ["", "[factors]", *_pairs(content["factors"]), "", "[analysis]"]
    plan = content.get("analysis", {})
    lines += _pairs({key: value for key, value in plan.items() if not isinstance(value, list)})
    for kind, entries in plan.items():
        for entry in entries if isinstance(entries, list) else ():
            lines += ["", f"[[analysis.{kind}]]", *_pairs(entry)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
