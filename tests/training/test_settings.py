"""Cell settings: allowed values, fields that a head does not read, round trip."""

import json

import pytest

from training.settings import HEAD_FIELDS, HEADS, SETTING_FIELDS, CellSettings, settings_json

BASE = {
    "task": "breast",
    "seed": 0,
    "fold": 0,
    "pretrain": "random",
    "backbone": "ResNet18",
    "head": "ConvSkip",
    "lr_decay": "beta",
    "fc_ratio": 0.5,
    "filters": 4,
    "epochs": 5,
    "batch_size": 64,
    "image_size": 256,
    "lr": 1e-4,
    "lr_decay_factor": 0.5,
    "dropout": 0.5,
    "kernel_size": 2,
    "unfreeze": 0,
    "optimizer": "adam",
    "weight_decay": 1e-5,
    "amp": False,
    "frozen_batchnorm": "eval",
    "checkpoint": "val_auc",
    "preprocessing": "caffe",
    "augmentation": "paper",
}


@pytest.mark.parametrize("head", HEADS)
def test_dict_round_trip_is_identity(head):
    values = dict(BASE, head=head)
    for name in ("fc_ratio", "filters", "kernel_size", "dropout"):
        if name not in HEAD_FIELDS[head]:
            values[name] = None
    settings = CellSettings(**values)
    assert tuple(settings.to_dict()) == SETTING_FIELDS
    assert CellSettings.from_dict(json.loads(settings_json(settings))) == settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "ResNet34"}, "`backbone` is 'ResNet34'; allowed are ResNet18, ResNet50"),
        ({"head": "Dense"}, "`head` is 'Dense'; allowed are Linear"),
        ({"lr_decay": "step"}, "`lr_decay` is 'step'"),
        ({"optimizer": "adagrad"}, "`optimizer` is 'adagrad'"),
        ({"preprocessing": "none"}, "`preprocessing` is 'none'"),
        ({"augmentation": "heavy"}, "`augmentation` is 'heavy'"),
        ({"checkpoint": "last"}, "`checkpoint` is 'last'"),
        ({"fc_ratio": None}, "`fc_ratio` is missing; the head ConvSkip reads"),
        ({"head": "Linear"}, "the head Linear does not read it; give None"),
        ({"lr_decay_factor": None}, "`lr_decay_factor` is missing"),
        ({"lr_decay_factor": 1.5}, r"`lr_decay_factor` is 1.5; allowed are numbers in \(0, 1\]"),
        ({"epochs": 0}, "`epochs` is 0; allowed are whole numbers from 1"),
        ({"epochs": 2.0}, "`epochs` is 2.0; allowed are whole numbers"),
        (
            {"backbone": "InceptionV3", "image_size": 64},
            "`image_size` is 64; allowed are whole numbers from 75",
        ),
        ({"lr": 0.0}, r"`lr` is 0.0; allowed are numbers in \(0, inf\)"),
        ({"lr": float("nan")}, "`lr` is nan"),
        ({"dropout": 1.0}, r"`dropout` is 1.0; allowed are numbers in \[0, 1\)"),
        ({"fc_ratio": 0.0}, "`fc_ratio` is 0.0"),
        ({"filters": 0}, "`filters` is 0"),
        ({"unfreeze": "top5"}, "`unfreeze` is 'top5'"),
        ({"unfreeze": -1}, "`unfreeze` is -1"),
        ({"unfreeze": 2}, "`unfreeze_count` is None; allowed are groups, children"),
        (
            {"unfreeze": 6, "unfreeze_count": "groups"},
            r"ResNet18 has 5 layer groups \(stem, layer1, .*\): allowed are 0 to 5",
        ),
        ({"unfreeze_count": "groups"}, "`unfreeze_count` is 'groups', but has no effect with `unfreeze` 0"),
        (
            {"unfreeze": "all", "unfreeze_schedule": "at-once"},
            "`frozen_batchnorm` is .* no effect",
        ),
        (
            {"unfreeze": 2, "unfreeze_count": "groups", "unfreeze_schedule": "slow"},
            "are at-once, gradual",
        ),
        (
            {"unfreeze": 2, "unfreeze_count": "groups", "unfreeze_schedule": "gradual"},
            "`unfreeze_every` is None; allowed are whole numbers from 1",
        ),
        (
            {
                "unfreeze": 2,
                "unfreeze_count": "groups",
                "unfreeze_schedule": "gradual",
                "unfreeze_every": 3,
            },
            r"is reached in epoch 6 \(0-based\), but there are 5 `epochs`. Take at least 7",
        ),
        ({"frozen_batchnorm": "half"}, "`frozen_batchnorm` is 'half'; allowed are eval, train"),
        (
            {"pretrain": "random+phantom", "frozen_batchnorm": "train"},
            "fuses frozen trunks; it needs `unfreeze = 0`",
        ),
        ({"pretrain": "random+phantom+random"}, "names random twice"),
        ({"momentum": 0.0}, r"`momentum` is 0.0; allowed are numbers in \(0, 1\)"),
        ({"optimizer": "sgd-nesterov", "momentum": None}, "`momentum` is missing"),
        ({"decay_norm_and_bias": None}, "`decay_norm_and_bias` is None; allowed are true and false"),
        ({"decay_norm_and_bias": "no"}, "`decay_norm_and_bias` is 'no'"),
        ({"class_weights": "sqrt"}, "`class_weights` is 'sqrt'; allowed are none, balanced"),
        ({"label_smoothing": 1.0}, r"`label_smoothing` is 1.0; allowed are numbers in \[0, 1\)"),
        ({"clip_norm": -1.0}, r"`clip_norm` is -1.0; allowed are numbers in \[0, inf\)"),
        ({"patience": 2.5}, "`patience` is 2.5; allowed are whole numbers from 0"),
        ({"warmup_epochs": -1}, "`warmup_epochs` is -1; allowed are whole numbers from 0"),
        ({"warmup_epochs": 5}, "`warmup_epochs` is 5 of 5 `epochs`: .* Give 0 to 4, or more epochs"),
    ],
)
def test_bad_value_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        CellSettings(**{**BASE, **change})


def test_settings_that_nothing_reads_may_be_none():
    cell = CellSettings(**{**BASE, "momentum": None, "decay_norm_and_bias": None, "weight_decay": 0.0})
    assert (cell.momentum, cell.decay_norm_and_bias) == (None, None)


def test_from_dict_names_missing_and_unknown_fields():
    values = {**CellSettings(**BASE).to_dict(), "nesterov": True}
    del values["lr"]
    with pytest.raises(ValueError, match=r"missing fields \['lr'\], unknown fields \['nesterov'\]"):
        CellSettings.from_dict(values)


def test_seed_and_head_do_not_split_a_group():
    settings = CellSettings(**BASE)
    linear = dict(BASE, head="Linear", fc_ratio=None, filters=None, kernel_size=None, dropout=None, seed=3)
    assert CellSettings(**linear).group() == settings.group()
    assert CellSettings(**dict(BASE, image_size=128)).group() != settings.group()
