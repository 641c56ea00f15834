"""The common base of all models of the study file."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A checked, immutable part of the study file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, use_attribute_docstrings=True)
