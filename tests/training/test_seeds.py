"""Random streams: keyed, independent of each other and of the global generators."""

import numpy as np
import pytest
import torch

from training.seeds import derive_seed, epoch_order, numpy_stream, torch_stream


def test_seed_is_fixed_for_ever():
    # printf '["order","breast",0,1]' | b2sum -l 64, as a number, halved.
    # Another value changes every result ever stored: raise SCHEMA_VERSION with it.
    assert derive_seed("order", "breast", 0, 1) == 5574570018498619817


@pytest.mark.parametrize(
    "other",
    [("init", "a", "b"), ("order", "b", "a"), ("order", "ab", ""), ("order", "a", "b", None), ("order", "a")],
)
def test_other_purpose_order_or_keys_give_another_seed(other):
    assert derive_seed("order", "a", "b") != derive_seed(*other)


def test_type_of_a_key_matters():
    assert len({derive_seed("x", key) for key in (1, "1", 1.0, True, None)}) == 5


def test_seeds_fit_torch_and_numpy():
    seeds = [derive_seed("x", i) for i in range(200)]
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_ignore_and_keep_the_global_generators():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = torch.rand(3, generator=torch_stream("x", 1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(100)
    assert torch.equal(torch.rand(3, generator=torch_stream("x", 1)), first)
    assert np.array_equal(numpy_stream("x", 1).random(4), numpy_stream("x", 1).random(4))


def test_order_is_a_permutation_keyed_by_task_seed_and_epoch():
    orders = [
        epoch_order(50, task=task, seed=seed, epoch=epoch)
        for task in ("a", "b")
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 8


def test_key_of_another_type_is_refused():
    with pytest.raises(TypeError, match=r"got ndarray"):
        derive_seed("x", np.zeros(2))
