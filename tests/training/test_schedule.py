"""Learning rates against torch's schedulers, optimizers against their first step in closed form."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR

from training.heads import build_head
from training.optimizers import build_optimizer, parameter_groups
from training.schedule import learning_rate
from training.settings import CellSettings

LINEAR = {
    "task": "breast",
    "seed": 0,
    "fold": 0,
    "pretrain": "random",
    "backbone": "ResNet18",
    "head": "Linear",
    "lr_decay": "cosine",
    "fc_ratio": None,
    "filters": None,
    "epochs": 7,
    "batch_size": 64,
    "image_size": 256,
    "lr": 1e-3,
    "lr_decay_factor": 0.5,
    "dropout": None,
    "kernel_size": None,
    "unfreeze": 0,
    "optimizer": "adam",
    "weight_decay": 0.01,
    "amp": False,
    "frozen_batchnorm": "eval",
    "checkpoint": "val_auc",
    "preprocessing": "caffe",
    "augmentation": "paper",
}
# Float32 parameters: a few units in the last place of values near 1.
STEP_TOLERANCE = 5e-7


def settings(**changes):
    return CellSettings(**{**LINEAR, **changes})


def rates(cell):
    return [learning_rate(cell, epoch) for epoch in range(cell.epochs)]


def stepped(make, epochs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = make(optimizer)
    values = []
    for _ in range(epochs):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def test_cosine_against_torch():
    expected = stepped(lambda optimizer: CosineAnnealingLR(optimizer, T_max=7, eta_min=1e-3 / 5), 7)
    assert rates(settings()) == pytest.approx(expected, rel=1e-12)


def test_cosine_starts_at_lr_and_stays_above_its_floor():
    values = rates(settings(epochs=200))
    assert values[0] == 1e-3
    assert 2e-4 < values[-1] < 2.01e-4
    assert values == sorted(values, reverse=True)
    assert learning_rate(settings(epochs=4), 2) == pytest.approx(6e-4, rel=1e-12)  # half way: (lr + lr/5) / 2


def test_beta_against_torch_and_closed_form():
    expected = stepped(lambda optimizer: LambdaLR(optimizer, lambda epoch: 0.5**epoch), 7)
    assert rates(settings(lr_decay="beta")) == pytest.approx(expected, rel=1e-15)
    assert learning_rate(settings(lr_decay="beta"), 3) == 1e-3 / 8


def test_none_is_constant():
    assert rates(settings(lr_decay="none")) == [1e-3] * 7


DECAYS = {
    "cosine": lambda optimizer, epochs: CosineAnnealingLR(optimizer, T_max=epochs, eta_min=1e-3 / 5),
    "beta": lambda optimizer, epochs: LambdaLR(optimizer, lambda epoch: 0.5**epoch),
    "none": lambda optimizer, epochs: LambdaLR(optimizer, lambda epoch: 1.0),
}


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("warmup", [1, 3, 6])
def test_warm_up_and_decay_against_torch(decay, warmup):
    def make(optimizer):
        rise = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        fall = DECAYS[decay](optimizer, 7 - warmup)
        return SequentialLR(optimizer, [rise, fall], milestones=[warmup])

    found = rates(settings(lr_decay=decay, warmup_epochs=warmup))
    assert found == pytest.approx(stepped(make, 7), rel=1e-12)


@pytest.mark.parametrize("decay", DECAYS)
def test_warm_up_rises_in_equal_steps_to_lr_and_the_decay_begins_after_it(decay):
    found = rates(settings(lr_decay=decay, warmup_epochs=3))
    assert found[:4] == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3], rel=1e-15)
    assert found[3:] == rates(settings(lr_decay=decay, epochs=4))


@pytest.mark.parametrize("epoch", [-1, 7])
def test_epoch_outside_the_cell_is_refused(epoch):
    with pytest.raises(ValueError, match="this cell has epochs 0 to 6"):
        learning_rate(settings(), epoch)


CPU = torch.device("cpu")


def module_of(values):
    """A module whose only parameter is `weight`."""
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.tensor(values))
    return module, module.weight


def first_step(name, **changes):
    """Parameter after one step from 2.0 with gradient 0.5."""
    module, parameter = module_of([2.0])
    cell = settings(optimizer=name, **changes)
    optimizer, implementation = build_optimizer(cell, module, device=CPU)
    parameter.grad = torch.tensor([0.5])
    optimizer.step()
    return parameter.item(), implementation


def test_adam_first_step():
    # Bias correction makes the first step lr * sign(g) whatever the gradient; decay only joins the gradient.
    value, implementation = first_step("adam")
    assert value == pytest.approx(2.0 - 1e-3, abs=STEP_TOLERANCE)
    assert implementation == "adam (fused)"


def test_adamw_first_step_decays_the_weight_itself():
    value, implementation = first_step("adamw")
    assert value == pytest.approx(2.0 * (1 - 1e-3 * 0.01) - 1e-3, abs=STEP_TOLERANCE)
    assert implementation == "adamw (fused)"


def test_radam_first_step_is_unrectified():
    # rho <= 5 in the first steps: plain momentum, here the bias-corrected gradient plus decay.
    value, implementation = first_step("radam")
    assert value == pytest.approx(2.0 - 1e-3 * (0.5 + 0.01 * 2.0), abs=STEP_TOLERANCE)
    assert implementation == "radam (loop)"


def test_sgd_nesterov_first_step():
    value, implementation = first_step("sgd-nesterov")
    gradient = 0.5 + 0.01 * 2.0
    assert value == pytest.approx(2.0 - 1e-3 * (gradient + 0.9 * gradient), abs=STEP_TOLERANCE)
    assert implementation == "sgd-nesterov (fused)"


def test_momentum_acts_on_sgd_and_on_nothing_else():
    gradient = 0.5 + 0.01 * 2.0
    value, _ = first_step("sgd-nesterov", momentum=0.5)
    assert value == pytest.approx(2.0 - 1e-3 * 1.5 * gradient, abs=STEP_TOLERANCE)
    for name in ("adam", "adamw", "radam"):
        assert first_step(name, momentum=0.5) == first_step(name)


OPTIMIZERS = ["adam", "adamw", "radam", "sgd-nesterov"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_acts(name):
    # Adam's first step hides decay in its sign, so compare after two steps.
    def two_steps(weight_decay):
        module, parameter = module_of([2.0, -1.0])
        cell = settings(optimizer=name, weight_decay=weight_decay)
        optimizer, _ = build_optimizer(cell, module, device=CPU)
        for gradient in ([0.5, 0.1], [-0.2, 0.3]):
            parameter.grad = torch.tensor(gradient)
            optimizer.step()
        return parameter.detach()

    assert not torch.equal(two_steps(0.0), two_steps(0.5))
    assert math.isfinite(float(two_steps(0.5).sum()))


def conv_head():
    """Every kind of parameter: convolution, BatchNorm over maps and units, linear with and without bias."""
    changes = {"head": "ConvSkip", "fc_ratio": 1.0, "filters": 2, "kernel_size": 2, "dropout": 0.0}
    return build_head(settings(**changes), 6)


NORM_OR_BIAS = {
    *(f"{norm}.{part}" for norm in ("bn_conv", "bn_skip", "bn_fc1") for part in ("weight", "bias")),
    "fc2.bias",
}


def test_norm_and_bias_are_decayed_as_originally_unless_told_otherwise():
    head = conv_head()
    names = {id(parameter): name for name, parameter in head.named_parameters()}
    (only,) = parameter_groups(settings(), head)
    assert [names[id(p)] for p in only["params"]] == list(names.values())
    assert only["weight_decay"] == 0.01
    decayed, spared = parameter_groups(settings(decay_norm_and_bias=False), head)
    assert {names[id(p)] for p in spared["params"]} == NORM_OR_BIAS
    assert {names[id(p)] for p in decayed["params"]} == set(names.values()) - NORM_OR_BIAS
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


def test_parameters_without_gradients_are_left_out():
    head = conv_head()
    for name, parameter in head.named_parameters():
        parameter.requires_grad_(name == "fc2.weight")
    (only,) = parameter_groups(settings(decay_norm_and_bias=False), head)
    assert only["params"] == [head.fc2.weight]
    head.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that takes gradients"):
        build_optimizer(settings(), head, device=CPU)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("everything", [True, False])
def test_decay_with_and_without_norm_and_bias_against_plain_torch(name, everything):
    """Five steps of the head against torch's own optimizer, written out by hand."""
    ours, theirs = conv_head(), conv_head()
    cell = settings(optimizer=name, weight_decay=0.3, decay_norm_and_bias=everything, lr=0.01)
    optimizer, _ = build_optimizer(cell, ours, device=CPU)
    rest = [p for n, p in theirs.named_parameters() if n not in NORM_OR_BIAS]
    spared = [p for n, p in theirs.named_parameters() if n in NORM_OR_BIAS]
    groups = [
        {"params": rest, "weight_decay": 0.3},
        {"params": spared, "weight_decay": 0.3 if everything else 0.0},
    ]
    plain = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "radam": torch.optim.RAdam,
        "sgd-nesterov": lambda groups, lr: torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True),
    }[name](groups, lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        features = torch.randn(8, 6, generator=generator)
        for head, one in ((ours, optimizer), (theirs, plain)):
            one.zero_grad()
            head(features).square().sum().backward()
            one.step()
    for parameter, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        # Fused and looped optimizers differ in the last bits.
        torch.testing.assert_close(parameter, expected, rtol=2e-4, atol=1e-5)
