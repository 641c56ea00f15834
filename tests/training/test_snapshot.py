"""The best epoch comes back bit for bit, from memory and from a file."""

import tempfile

import pytest
import torch
from torch import nn

from training import snapshot
from training.snapshot import Snapshot


def make_module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Linear(3, 2, bias=False).double())


def change(module):
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.add_(1)


@pytest.mark.parametrize("in_file", [False, True])
def test_restore_brings_back_every_tensor_of_the_last_kept_epoch(monkeypatch, in_file):
    if in_file:
        monkeypatch.setattr(snapshot, "MEMORY_LIMIT", 0)
    module, kept = make_module(), Snapshot()
    kept.keep(module)
    change(module)
    kept.keep(module)
    expected = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    change(module)
    assert kept.in_file == in_file
    state = kept.restore(module)
    assert list(state) == list(expected)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, expected[name])
        assert torch.equal(state[name], expected[name])
        assert tensor.dtype == expected[name].dtype
    assert not kept.in_file


def test_a_full_temporary_folder_means_a_copy_in_memory(monkeypatch):
    class Full:
        def seek(self, place):
            pass

        def write(self, content):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(snapshot, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    module, kept = make_module(), Snapshot()
    expected = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    kept.keep(module)
    change(module)
    assert not kept.in_file
    kept.restore(module)
    assert all(torch.equal(t, expected[n]) for n, t in module.state_dict().items())
