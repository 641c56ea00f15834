"""The study file: TOML in, frozen and checked models out."""

from study.config.analysis import (
    AnalysisPlan,
    DelongPlan,
    McnemarPlan,
    MixedPlan,
    WilcoxonPlan,
)
from study.config.load import (
    LoadedStudy,
    load_study,
    parse_analysis,
    parse_study,
    shipped_studies,
    study_hash,
)
from study.config.recipe import RECIPE_FIELDS, Recipe, unused_fields
from study.config.split import SplitConfig
from study.config.study import StudyConfig, TaskConfig

__all__ = [
    "RECIPE_FIELDS",
    "AnalysisPlan",
    "DelongPlan",
    "LoadedStudy",
    "McnemarPlan",
    "MixedPlan",
    "Recipe",
    "SplitConfig",
    "StudyConfig",
    "TaskConfig",
    "WilcoxonPlan",
    "load_study",
    "parse_analysis",
    "parse_study",
    "shipped_studies",
    "study_hash",
    "unused_fields",
]
