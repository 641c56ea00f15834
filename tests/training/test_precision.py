"""Choice of the number type by device, and the optimiser step: clipping, autocast, scaled loss."""

import pytest
import torch

from training.precision import OptimizerStep, choose_precision

CPU = torch.device("cpu")
CUDA = torch.device("cuda")  # a name only: nothing is put there


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_cuda_takes_the_number_type_that_the_card_computes_in(has, dtype):
    chosen = choose_precision(True, CUDA, bf16=lambda: has)
    assert chosen.dtype == dtype
    kind = str(dtype).removeprefix("torch.")
    assert chosen.note == f"amp: training steps in {kind}; cached features and all scores in float32"


@pytest.mark.parametrize("kind", ["cpu", "mps"])
def test_other_devices_stay_in_float32_and_say_so(kind):
    chosen = choose_precision(True, torch.device(kind))
    assert chosen.dtype == torch.float32
    assert chosen.note.startswith("amp was off: it acts on CUDA only")
    assert chosen.note.endswith(f"float32 on {kind}")


def test_without_amp_nothing_is_said():
    for device in (CPU, CUDA):
        chosen = choose_precision(False, device, bf16=lambda: True)
        assert (chosen.dtype, chosen.note) == (torch.float32, None)


def two_parameters():
    module = torch.nn.Module()
    module.a = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    module.b = torch.nn.Parameter(torch.tensor([3.0]))
    return module


def stepped(clip_norm, dtype=torch.float32):
    """Parameters after one plain SGD step with lr 1 on 3 a_0 + 4 b: gradient (3, 0) and (4), norm 5."""
    module = two_parameters()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    update = OptimizerStep(optimizer, clip_norm=clip_norm, dtype=dtype, device=CPU)
    update.backward(3 * module.a[0] + 4 * module.b[0])
    return torch.cat([module.a, module.b]).detach()


START = torch.tensor([1.0, -2.0, 3.0])
GRADIENT = torch.tensor([3.0, 0.0, 4.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_norm_is_that_of_all_parameters_together(dtype):
    # In float16 the loss is scaled: clipping must see the unscaled gradient.
    torch.testing.assert_close(stepped(2.5, dtype), START - GRADIENT / 2, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("clip_norm", [0.0, 5.1, 1e9])
def test_a_gradient_below_the_norm_is_not_touched(clip_norm, dtype):
    assert torch.equal(stepped(clip_norm, dtype), START - GRADIENT)


def test_an_overflowing_gradient_in_float16_skips_the_step():
    module = two_parameters()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    update = OptimizerStep(optimizer, clip_norm=1.0, dtype=torch.float16, device=CPU)
    update.backward(module.a[0] * float("inf"))
    assert torch.equal(torch.cat([module.a, module.b]).detach(), START)
    update.backward(module.b[0])
    assert module.b.item() == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_forward_pass_runs_in_the_number_type(dtype):
    module = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    update = OptimizerStep(optimizer, clip_norm=0.0, dtype=dtype, device=CPU)
    before = module.weight.detach().clone()
    for _ in range(4):  # torch's first scale is too large for some losses; each overflow halves it
        with update.forward():
            logits = module(torch.ones(3, 4))
        assert logits.dtype == dtype
        update.backward(logits.float().square().mean())
    assert module.weight.dtype == torch.float32
    assert not torch.equal(module.weight, before)
