"""The study file: what is read, and what is said about a wrong one."""

from typing import get_args

import pytest
from pydantic import ValidationError

from data.splits import policies
from study.config import (
    RECIPE_FIELDS,
    Recipe,
    load_study,
    parse_analysis,
    parse_study,
    shipped_studies,
    study_hash,
)
from study.config import split as split_config
from study.imports.study_file import is_imported
from training import layer_groups, settings

GOOD = """
name = "small"
[tasks.breast]
dataset = "busi"
positive = ["malignant"]
[factors]
head = ["Linear", "Conv"]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 2
[analysis]
[[analysis.delong]]
contrast = "head"
[[analysis.mixed]]
formula = "test_auc ~ head + (1|task)"
contrasts = { head = "pairwise", adjust = "holm" }
"""


@pytest.mark.parametrize("name", shipped_studies())
def test_every_shipped_study_is_valid(name):
    assert load_study(name).config.name == name


def test_the_contrast_of_a_mixed_model_is_read_from_its_short_form():
    contrast = parse_study(GOOD).analysis.mixed[0].contrasts
    assert (contrast.factor, contrast.kind, contrast.adjust) == ("head", "pairwise", "holm")


def test_models_are_frozen():
    config = parse_study(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        config.name = "other"


def test_hash_ignores_layout_and_sees_the_plan():
    assert study_hash(parse_study(GOOD)) == study_hash(parse_study("# a comment\n" + GOOD))
    assert study_hash(parse_study(GOOD)) != study_hash(
        parse_study(GOOD.replace("[analysis]", "[analysis]\nalpha=0.01"))
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 2", "epoch = 2", "unknown key `protocol.epoch`. Did you mean `epochs`?"),
        ("epochs = 2", "epochs = 0", "`protocol.epochs` = 0: Input should be greater than or equal to 1"),
        ("[protocol]", "[protocl]", "unknown key `protocl`. Did you mean `protocol`?"),
        ('["Linear", "Conv"]', '["Linear", "Cnv"]', "`head`: level 'Cnv' does not exist"),
        ('["Linear", "Conv"]', '["Linear", "Linear"]', "level 'Linear' is given twice"),
        ('["Linear", "Conv"]', "[]", "`head` has no level"),
        ("[factors]", "[factors]\nhed = [1]", "`hed` is not a setting; settings are pretrain, backbone"),
        ('backbone = "ResNet18"', "", "`backbone` is missing"),
        ("epochs = 2", 'epochs = 2\nhead = "Conv"', "`head` stands in both"),
        ('contrast = "head"', 'contrast = "pretrain"', "`pretrain` is not varied in this study; varied are"),
        ('contrast = "head"', "", "`analysis.delong.0.contrast` is missing"),
        ('name = "small"', 'name = "../x"', "must consist of letters"),
        ('dataset = "busi"', 'dataset = "busi"\nsplit = { train = 0.9 }', "train . val . test must be 1"),
        ('head = "pairwise", ', "", "write one factor"),
        ('name = "small"', 'name = small"', "is not valid TOML"),
        ('name = "small"', 'name = "small"\nseeds = [1, 1]', "seeds must differ"),
        ('name = "small"', 'name = "small"\nexclude = [{ head = "X" }]', "level 'X' does not exist"),
        ('name = "small"', 'name = "small"\nexclude = [{ hed = "X" }]', "`hed` is not a factor"),
        ('pretrain = "random"', 'pretrain = "imagenet"', "`protocol.pretrain` = 'imagenet'"),
    ],
)
def test_a_wrong_file_is_named_by_place_and_remedy(old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        parse_study(GOOD.replace(old, new))


def test_an_unknown_study_names_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match=r"Did you mean `large-grid`\? Shipped studies: "):
        load_study("large-gird")


def test_a_study_file_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    loaded = load_study(path)
    assert (loaded.config.name, loaded.text, loaded.source) == ("small", GOOD, str(path))


def test_a_plan_file_needs_its_table():
    assert parse_analysis("[analysis]\nalpha = 0.01").alpha == 0.01
    with pytest.raises(ValueError, match=r"no \[analysis\] table"):
        parse_analysis("alpha = 0.01")
    with pytest.raises(ValueError, match=r"unknown key `analysis.alhpa`. Did you mean `alpha`"):
        parse_analysis("[analysis]\nalhpa = 0.01")


@pytest.mark.parametrize(
    ("field", "levels"),
    [
        ("lr_decay", settings.LR_DECAYS),
        ("optimizer", settings.OPTIMIZERS),
        ("preprocessing", settings.PREPROCESSINGS),
        ("augmentation", settings.AUGMENTATIONS),
        ("checkpoint", settings.CHECKPOINTS),
        ("class_weights", settings.CLASS_WEIGHTS),
        ("frozen_batchnorm", settings.FROZEN_BATCHNORMS),
        ("unfreeze_count", layer_groups.UNFREEZE_COUNTS),
        ("unfreeze_schedule", layer_groups.UNFREEZE_SCHEDULES),
    ],
)
def test_the_study_file_offers_what_training_accepts(field, levels):
    assert get_args(Recipe.model_fields[field].annotation) == levels


def test_the_study_file_and_training_have_the_same_settings():
    trained = set(settings.CellSettings.__dataclass_fields__)
    assert trained == {"task", "seed", "fold", *RECIPE_FIELDS}


def _split(text: str):
    task = f'positive = ["malignant"]\nsplit = {{ {text} }}'
    return parse_study(GOOD.replace('positive = ["malignant"]', task)).tasks["breast"].split


def test_folds_fix_the_share_for_testing_and_leave_the_rest_for_training():
    split = _split("folds = 5, val = 0.15")
    assert (split.folds, split.test, split.val) == (5, 0.2, 0.15)
    assert split.train == pytest.approx(0.65)
    again = type(split).model_validate(split.model_dump())
    assert again == split


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folds = 5, test = 0.1", "folds = 5 tests 1/5 of the images at a time, but test = 0.1"),
        ("folds = 5, val = 0.8", "val = 0.8 and folds = 5 leave nothing for training"),
        ("folds = 5, train = 0.5", r"train \+ val \+ test must be 1"),
        ("folds = 1", "greater than or equal to 2"),
    ],
)
def test_folds_that_contradict_the_shares_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        _split(text)


def _task(split):
    line = f'positive = ["malignant"]\nsplit = {{ {split} }}'
    return parse_study(GOOD.replace('positive = ["malignant"]', line)).tasks["breast"]


def test_a_given_split_names_its_file_or_the_data_set():
    assert _task('file = "splits.csv"').split.fixed
    assert _task('published = true, folds = 5, others = "leave out"').split.folds == 5
    assert not _task("seed = 3").split.fixed


def test_the_unit_of_a_split_has_two_names():
    assert _task('unit = "image"').split.group == _task('group = "image"').split.group == "image"


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ('file = "a.csv", seed = 1', "the split is given by `file`, so `seed` cannot act"),
        ('published = true, train = 0.75, group = "image"', "so `train`, `group` cannot act"),
        ('published = true, file = "a.csv"', "`file` and `published` both give the split"),
        ('others = "leave out"', "`others` acts on a split from `file` or `published`"),
    ],
)
def test_what_a_given_split_cannot_use_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        _task(split)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'split = { file = "a.csv" }\nduplicates = "group"',
            'duplicates = "group" acts where the split is drawn',
        ),
        ('duplicates = "remove"', "Input should be 'keep', 'drop' or 'group'"),
        ('label_conflicts = "group"', "Input should be 'keep', 'drop' or 'error'"),
    ],
)
def test_a_policy_that_cannot_act_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_study(GOOD.replace("[factors]", f"{text}\n[factors]"))


def test_the_study_file_and_the_data_know_the_same_policies():
    for name in ("DuplicatePolicy", "LabelConflictPolicy"):
        assert get_args(getattr(split_config, name)) == get_args(getattr(policies, name))


@pytest.mark.parametrize("text", ["x = " + "[" * 3000, "x = " + "{a=" * 3000])
def test_a_file_nested_too_deeply_is_named(text):
    with pytest.raises(ValueError, match=r"deep\.toml is nested too deeply"):
        parse_study(text, source="deep.toml")
    with pytest.raises(ValueError, match="nested too deeply"):
        is_imported(text)
