"""Learning rates against torch's schedulers, optimizers against their first step in closed form."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from training.optimizers import build_optimizer
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


@pytest.mark.parametrize("epoch", [-1, 7])
def test_epoch_outside_the_cell_is_refused(epoch):
    with pytest.raises(ValueError, match="this cell has epochs 0 to 6"):
        learning_rate(settings(), epoch)


def first_step(name, *, weight_decay=0.01):
    """Parameter after one step from 2.0 with gradient 0.5."""
    parameter = torch.nn.Parameter(torch.tensor([2.0]))
    cell = settings(optimizer=name, weight_decay=weight_decay)
    optimizer, implementation = build_optimizer(cell, [parameter], device=torch.device("cpu"))
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


@pytest.mark.parametrize("name", ["adam", "adamw", "radam", "sgd-nesterov"])
def test_weight_decay_acts(name):
    # Adam's first step hides decay in its sign, so compare after two steps.
    def two_steps(weight_decay):
        parameter = torch.nn.Parameter(torch.tensor([2.0, -1.0]))
        cell = settings(optimizer=name, weight_decay=weight_decay)
        optimizer, _ = build_optimizer(cell, [parameter], device=torch.device("cpu"))
        for gradient in ([0.5, 0.1], [-0.2, 0.3]):
            parameter.grad = torch.tensor(gradient)
            optimizer.step()
        return parameter.detach()

    assert not torch.equal(two_steps(0.0), two_steps(0.5))
    assert math.isfinite(float(two_steps(0.5).sum()))
