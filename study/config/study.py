"""The whole study file as one model, with the checks that cross its parts."""

import re
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from study.config.analysis import CONTRAST_KINDS, FOLD_IS_NO_ARM, AnalysisPlan
from study.config.base import Frozen
from study.config.recipe import RECIPE_FIELDS, Recipe
from study.config.split import DuplicatePolicy, LabelConflictPolicy, SplitConfig

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
_REQUIRED = ("pretrain", "backbone", "head")


class TaskConfig(Frozen):
    """One classification task: a data set, its positive classes, its split."""

    dataset: str
    """Name in the registry (`study data list`)."""
    positive: Annotated[tuple[str, ...], Field(min_length=1)]
    """Classes that count as positive; all others are negative."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the data set, such as `path`, or `n_patients` of the phantoms."""
    split: SplitConfig = SplitConfig()
    """Division into train, val and test."""
    duplicates: DuplicatePolicy = "keep"
    """Images that show one picture: all take part, one of each label does, or they stay in one part."""
    label_conflicts: LabelConflictPolicy = "keep"
    """Images that show one picture under both labels: they take part, none does, or it is an error."""
    protocol: dict[str, Any] = Field(default_factory=dict)
    """Settings of this task alone, instead of those in [protocol]; they are no factor."""

    @field_validator("protocol")
    @classmethod
    def _settings_are_valid(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: _checked_levels(name, (setting,))[0] for name, setting in value.items()}

    @model_validator(mode="after")
    def _policy_can_act(self) -> "TaskConfig":
        if self.duplicates == "group" and self.split.fixed:
            raise ValueError(
                'duplicates = "group" acts where the split is drawn, but this one is given; '
                'take duplicates = "drop" or "keep", or give a split that keeps them together'
            )
        return self


class StudyConfig(Frozen):
    """A study: data, grid, protocol and analysis plan."""

    name: str
    """Name of the study and of its default store."""
    title: str = ""
    """Title of the manuscript."""
    description: str = ""
    """What the study asks, in a sentence or two; printed by the manuscript."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """Training seeds; each multiplies the grid."""
    tasks: Annotated[dict[str, TaskConfig], Field(min_length=1)]
    """Tasks by name."""
    factors: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Levels of each varied setting."""
    exclude: tuple[dict[str, tuple[Any, ...]], ...] = ()
    """Combinations of levels that are left out of the grid."""
    protocol: Recipe = Recipe()
    """Settings that all cells share."""
    analysis: AnalysisPlan = AnalysisPlan()
    """The analysis plan."""

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError(f"`{value}` must consist of letters, digits, - and _ (it names a folder)")
        return value

    @field_validator("tasks")
    @classmethod
    def _task_names(cls, value: dict[str, TaskConfig]) -> dict[str, TaskConfig]:
        for name in value:
            if not _NAME.match(name):
                raise ValueError(f"task name `{name}` must consist of letters, digits, - and _")
        return value

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"seeds must differ from each other; got {list(value)}")
        return value

    @field_validator("exclude", mode="before")
    @classmethod
    def _single_level_is_a_list(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [
            {k: (v if isinstance(v, list | tuple) else [v]) for k, v in rule.items()}
            if isinstance(rule, dict)
            else rule
            for rule in value
        ]

    @field_validator("factors")
    @classmethod
    def _levels_are_valid(cls, value: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        return {name: _checked_levels(name, levels) for name, levels in value.items()}

    @model_validator(mode="after")
    def _parts_agree(self) -> "StudyConfig":
        for name in _REQUIRED:
            everywhere = all(name in task.protocol for task in self.tasks.values())
            if name not in self.factors and getattr(self.protocol, name) is None and not everywhere:
                raise ValueError(f"`{name}` is missing: give one value in [protocol] or levels in [factors]")
        for task, entry in self.tasks.items():
            both = sorted(set(self.factors) & set(entry.protocol))
            if both:
                raise ValueError(
                    f"`{both[0]}` stands in both [factors] and tasks.{task}.protocol; keep one of them"
                )
        twice = sorted(set(self.factors) & self.protocol.model_fields_set)
        if twice:
            raise ValueError(f"`{twice[0]}` stands in both [factors] and [protocol]; keep one of them")
        self._check_exclude()
        self._check_plan()
        return self

    def _check_exclude(self) -> None:
        for position, rule in enumerate(self.exclude):
            for name, levels in rule.items():
                known = self.levels(name) if name in (*self.factors, "task") else None
                if known is None:
                    raise ValueError(
                        f"exclude.{position}: `{name}` is not a factor; factors are {', '.join(self.factors)}"
                    )
                for level in levels:
                    if level not in known:
                        raise ValueError(
                            f"exclude.{position}.{name}: level {level!r} does not exist; "
                            f"levels are {', '.join(map(repr, known))}"
                        )

    def _check_plan(self) -> None:
        names = self.varied()
        for kind in CONTRAST_KINDS:
            for position, plan in enumerate(getattr(self.analysis, kind)):
                where = f"analysis.{kind}.{position}.contrast"
                if plan.contrast == "fold":
                    raise ValueError(f"{where}: {FOLD_IS_NO_ARM}")
                if plan.contrast is not None and plan.contrast not in names:
                    raise ValueError(
                        f"{where}: `{plan.contrast}` is not varied in this study; "
                        f"varied are {', '.join(names)}"
                    )
        referring = [("delong", i, e) for i, e in enumerate(self.analysis.delong) if e.reference is not None]
        for kind, position, entry in referring + [
            ("margin", i, e) for i, e in enumerate(self.analysis.margin)
        ]:
            known = [str(level) for level in self.levels(entry.contrast)]
            if entry.reference not in known:
                raise ValueError(
                    f"analysis.{kind}.{position}.reference: `{entry.reference}` is no level of "
                    f"`{entry.contrast}`; levels are {', '.join(known)}"
                )
        for kind in ("wilcoxon", "permutation"):
            for position, plan in enumerate(getattr(self.analysis, kind)):
                for by in plan.by:
                    if by not in (*names, *RECIPE_FIELDS):
                        raise ValueError(f"analysis.{kind}.{position}.by: `{by}` is not a factor of the grid")

        if self.analysis.mixed:
            from stats.metrics import METRIC_COLUMNS
            from study.analyses.grid_data import RUN_COLUMNS
            from study.analyses.mixed_models import check_mixed

            for plan in self.analysis.mixed:
                check_mixed(plan, {"task", "seed", "fold", *RECIPE_FIELDS, *METRIC_COLUMNS, *RUN_COLUMNS})

    @property
    def folds(self) -> int:
        """Largest number of folds of a task; 1 without cross-validation."""
        return max(task.split.folds or 1 for task in self.tasks.values())

    def varied(self) -> tuple[str, ...]:
        """Columns that vary over the grid: task, seed, fold with cross-validation, and the factors."""
        return ("task", "seed", *(("fold",) if self.folds > 1 else ()), *self.factors)

    def levels(self, name: str) -> tuple[Any, ...]:
        """Levels of a factor, of `task`, of `seed` or of `fold`."""
        if name == "task":
            return tuple(self.tasks)
        if name == "seed":
            return self.seeds
        if name == "fold":
            return tuple(range(self.folds))
        return self.factors[name] if name in self.factors else (getattr(self.protocol, name),)


def _checked_levels(name: str, levels: tuple[Any, ...]) -> tuple[Any, ...]:
    """Levels of one factor in the type of the setting, in the given order."""
    if name not in RECIPE_FIELDS:
        raise ValueError(f"`{name}` is not a setting; settings are {', '.join(RECIPE_FIELDS)}")
    if not levels:
        raise ValueError(f"`{name}` has no level; give at least one")
    field = Recipe.model_fields[name]
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    checked = []
    for level in levels:
        try:
            checked.append(adapter.validate_python(level))
        except ValidationError as error:
            raise ValueError(
                f"`{name}`: level {level!r} does not exist. {error.errors()[0]['msg']}"
            ) from error
        if checked[-1] is None:
            raise ValueError(f"`{name}`: a level must have a value")
    repeated = [level for i, level in enumerate(checked) if level in checked[:i]]
    if repeated:
        raise ValueError(f"`{name}`: level {repeated[0]!r} is given twice")
    return tuple(checked)
