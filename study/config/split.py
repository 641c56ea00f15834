"""The split of a task, drawn or given, and the policies for images that show one picture."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, model_validator

from study.config.base import Frozen

DuplicatePolicy = Literal["keep", "drop", "group"]
LabelConflictPolicy = Literal["keep", "drop", "error"]
# What decides a draw, and nothing else.
_DRAW = ("train", "val", "test", "stratify", "group", "seed")


class SplitConfig(Frozen):
    """How the images of a task are divided."""

    train: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """Share of training images."""
    val: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of validation images."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.10
    """Share of test images."""
    stratify: bool = True
    """Keep the share of positives equal across the parts."""
    group: Literal["patient", "image"] = Field(
        default="patient", validation_alias=AliasChoices("group", "unit")
    )
    """Unit that is never divided: the patient (exam) where the data set has ids, or the single image."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of the division."""
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    """Cross-validation: every image is tested in one of so many folds, `test` is 1 / folds."""
    file: str | None = None
    """A given split instead of a drawn one: CSV or parquet file with image_id, split and, for folds, fold."""
    published: bool = False
    """The split that the data set brings, instead of a drawn one."""
    others: Literal["refuse", "leave out"] = "refuse"
    """What becomes of images that a given split does not name."""

    @model_validator(mode="before")
    @classmethod
    def _folds_give_the_shares(cls, value: Any) -> Any:
        """With folds, `test` follows from their number and `train` is what is left."""
        if not isinstance(value, dict) or not isinstance(folds := value.get("folds"), int) or folds < 2:
            return value
        if value.get("file") is not None or value.get("published"):
            return value
        test = value.get("test", 1 / folds)
        if not isinstance(test, int | float) or abs(test - 1 / folds) > 1e-6:
            raise ValueError(
                f"folds = {folds} tests 1/{folds} of the images at a time, but test = {test!r} was given; "
                "leave out `test` and `train`"
            )
        val = value.get("val", cls.model_fields["val"].default)
        if not isinstance(val, int | float) or "train" in value:
            return {**value, "test": 1 / folds}
        if val + 1 / folds >= 1:
            raise ValueError(f"val = {val:g} and folds = {folds} leave nothing for training; lower `val`")
        return {**value, "test": 1 / folds, "train": 1 - val - 1 / folds}

    @property
    def fixed(self) -> bool:
        """Whether the split is given, by a file or by the data set, and not drawn."""
        return self.published or self.file is not None

    @model_validator(mode="after")
    def _a_given_split_is_not_drawn(self) -> "SplitConfig":
        if self.published and self.file is not None:
            raise ValueError("`file` and `published` both give the split; keep one of them")
        unused = [name for name in _DRAW if name in self.model_fields_set]
        if self.fixed and unused:
            raise ValueError(
                f"the split is given by `{'published' if self.published else 'file'}`, so "
                f"{', '.join(f'`{name}`' for name in unused)} cannot act; leave out what decides a draw"
            )
        if not self.fixed and self.others != "refuse":
            raise ValueError(
                "`others` acts on a split from `file` or `published`; a drawn one has all images"
            )
        return self

    @model_validator(mode="after")
    def _shares_add_up(self) -> "SplitConfig":
        total = self.train + self.val + self.test
        # With folds, test = 1 / folds may be written with few digits.
        if abs(total - 1) > (1e-9 if self.folds is None else 1e-6):
            raise ValueError(
                f"train + val + test must be 1; got {self.train} + {self.val} + {self.test} = {total:g}"
            )
        return self
