"""Heads: shapes and formulas, initialisation, dropout streams, one training step each."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from training.heads import SeededDropout, build_head, count_parameters, head_parameters
from training.seeds import torch_stream
from training.settings import HEAD_FIELDS, HEADS, CellSettings

F = 12


def settings(head, **changes):
    values = {
        "task": "breast",
        "seed": 0,
        "fold": 0,
        "pretrain": "random",
        "backbone": "ResNet18",
        "head": head,
        "lr_decay": "beta",
        "fc_ratio": 0.5,
        "filters": 3,
        "epochs": 5,
        "batch_size": 64,
        "image_size": 256,
        "lr": 1e-4,
        "lr_decay_factor": 0.5,
        "dropout": 0.5,
        "kernel_size": 4,
        "unfreeze": 0,
        "optimizer": "adam",
        "weight_decay": 1e-5,
        "amp": False,
        "frozen_batchnorm": "eval",
        "checkpoint": "val_auc",
        "preprocessing": "caffe",
        "augmentation": "paper",
        **changes,
    }
    for name in ("fc_ratio", "filters", "kernel_size", "dropout"):
        if name not in HEAD_FIELDS[head]:
            values[name] = None
    return CellSettings(**values)


def same_tensors(first, second):
    left, right = first.state_dict(), second.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def expected_parameters(head, features, hidden, filters, kernel):
    flat = filters * (features - kernel + 1)
    tail = 2 * hidden + hidden * 2 + 2  # BatchNorm, then Linear(hidden, 2)
    return {
        "Linear": features * 2 + 2,
        "NonLinear": features * hidden + tail,
        "Conv": filters * kernel + 2 * filters + flat * hidden + tail,
        "ConvSkip": filters * kernel + 2 * filters + flat * hidden + tail + features * flat + 2 * flat,
    }[head]


@pytest.mark.parametrize("head", HEADS)
def test_number_of_parameters_by_hand(head):
    expected = expected_parameters(head, F, 6, 3, 4)
    assert head_parameters(settings(head), F) == expected
    assert count_parameters(build_head(settings(head), F)) == expected


def test_the_papers_largest_head():
    cell = settings("ConvSkip", fc_ratio=1.0, filters=16, kernel_size=2)
    # fc1 32752 x 2048 and skip 2048 x 32752, as the text defines the width, not its code's 603 million.
    assert head_parameters(cell, 2048) == expected_parameters("ConvSkip", 2048, 2048, 16, 2)
    assert 134e6 < head_parameters(cell, 2048) < 135e6


@pytest.mark.parametrize(
    ("name", "level"), [("fc_ratio", 1.0), ("filters", 5), ("kernel_size", 2)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("head", ["Conv", "ConvSkip"])
def test_every_shape_setting_acts(head, name, level):
    assert head_parameters(settings(head), F) != head_parameters(settings(head, **{name: level}), F)


def test_conv_skip_formula_in_evaluation_mode():
    head = build_head(settings("ConvSkip"), F).eval()
    x = torch.randn(5, F)
    maps = functional.leaky_relu(head.bn_conv(functional.conv1d(x[:, None], head.conv.weight)), 0.01)
    flat = maps.reshape(5, -1) + torch.relu(head.bn_skip(x @ head.skip.weight.T))
    hidden = functional.leaky_relu(head.bn_fc1(flat @ head.fc1.weight.T), 0.01)
    torch.testing.assert_close(head(x), hidden @ head.fc2.weight.T + head.fc2.bias)
    assert head(x).shape == (5, 2)


def test_non_linear_formula_in_evaluation_mode():
    head = build_head(settings("NonLinear"), F).eval()
    x = torch.randn(5, F)
    hidden = functional.leaky_relu(head.bn1(x @ head.fc1.weight.T), 0.01)
    torch.testing.assert_close(head(x), hidden @ head.fc2.weight.T + head.fc2.bias)


@pytest.mark.parametrize("head", HEADS)
def test_start_does_not_depend_on_what_ran_before(head):
    first = build_head(settings(head), F)
    torch.manual_seed(8)
    before = torch.get_rng_state()
    second = build_head(settings(head), F)
    assert same_tensors(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("head", HEADS)
def test_start_depends_on_the_seed_but_not_on_decay_or_data(head):
    first = build_head(settings(head), F)
    assert same_tensors(first, build_head(settings(head, lr_decay="cosine", task="acl", lr=1.0), F))
    assert not same_tensors(first, build_head(settings(head, seed=1), F))


def test_start_has_the_declared_distributions():
    head = build_head(settings("ConvSkip", filters=4, fc_ratio=1.0, kernel_size=2), 200)
    flat = 4 * 199
    for layer, fan_in in ((head.fc1, flat), (head.conv, 2)):
        deviation = math.sqrt(2 / fan_in)
        n = layer.weight.numel()
        assert abs(layer.weight.std().item() / deviation - 1) < 4 / math.sqrt(2 * n) + 1 / n
    bound = 1 / math.sqrt(200)  # nn.Linear's default is uniform in this range
    assert 0.999 * bound < head.skip.weight.abs().max() <= bound
    assert abs(head.skip.weight.std().item() / (bound / math.sqrt(3)) - 1) < 0.01
    assert torch.equal(head.bn_skip.running_var, torch.ones(flat))
    assert head.bn_skip.num_batches_tracked == 0


@pytest.mark.parametrize("head", ["Linear", "NonLinear", "Conv"])
def test_biases_start_at_zero(head):
    last = build_head(settings(head), F).get_submodule("fc1" if head == "Linear" else "fc2")
    assert torch.equal(last.bias, torch.zeros(2))


@pytest.mark.parametrize("head", HEADS)
def test_one_training_step_lowers_the_loss_and_moves_every_tensor(head):
    model = build_head(settings(head, dropout=0.0), F)
    start = {name: value.clone() for name, value in model.named_parameters()}
    x = torch.randn(16, F, generator=torch_stream("test", 1))
    labels = (x[:, 0] > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        loss = functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    for name, value in model.named_parameters():
        assert not torch.equal(value, start[name]), name


def test_dropout_repeats_with_its_generator_and_keeps_the_mean():
    dropout = SeededDropout(0.25)
    x = torch.ones(200, 200)
    dropout.generator = torch_stream("dropout", "cell", 0)
    first = dropout(x)
    torch.rand(7)
    dropout.generator = torch_stream("dropout", "cell", 0)
    assert torch.equal(dropout(x), first)
    dropout.generator = torch_stream("dropout", "cell", 1)
    assert not torch.equal(dropout(x), first)
    assert set(first.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    # Share of kept values: 4 standard errors of 40 000 draws.
    assert abs((first > 0).double().mean().item() - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 40_000)


def test_dropout_without_generator_is_refused_in_training_only():
    dropout = SeededDropout(0.5)
    with pytest.raises(RuntimeError, match=r"call `Head\.set_dropout` before training"):
        dropout(torch.ones(2))
    assert torch.equal(dropout.eval()(torch.ones(2)), torch.ones(2))


def test_dropout_setting_reaches_every_layer():
    layers = [
        m for m in build_head(settings("ConvSkip", dropout=0.3), F).modules() if isinstance(m, SeededDropout)
    ]
    assert [layer.p for layer in layers] == [0.3, 0.3]
    assert not any(isinstance(m, nn.Dropout) for m in build_head(settings("Conv"), F).modules())


@pytest.mark.parametrize(
    ("changes", "n_features", "message"),
    [
        ({"kernel_size": 13}, F, "`kernel_size` is 13, longer than the 12 features"),
        ({"fc_ratio": 0.01}, F, "`fc_ratio` 0.01 of 12 features leaves no hidden unit"),
        ({}, 0, "`n_features` is 0"),
    ],
)
def test_impossible_shapes_are_named(changes, n_features, message):
    with pytest.raises(ValueError, match=message):
        build_head(settings("Conv", **changes), n_features)
