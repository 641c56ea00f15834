"""Checkpoints of heads: round trip, same bytes, damaged files; the allocator switch."""

import pytest
import torch
from safetensors.torch import save_file

from training.checkpoints import head_metadata, load_head, save_checkpoint
from training.heads import build_head
from training.settings import CellSettings

F = 6
CELL = CellSettings(
    task="breast",
    seed=3,
    fold=0,
    pretrain="random",
    backbone="ResNet18",
    head="NonLinear",
    lr_decay="beta",
    fc_ratio=0.5,
    filters=None,
    epochs=5,
    batch_size=64,
    image_size=256,
    lr=1e-4,
    lr_decay_factor=0.5,
    dropout=0.5,
    kernel_size=None,
    unfreeze=0,
    optimizer="adam",
    weight_decay=1e-5,
    amp=False,
    frozen_batchnorm="eval",
    checkpoint="val_auc",
    preprocessing="caffe",
    augmentation="paper",
)


def write(path):
    head = build_head(CELL, F)
    metadata = head_metadata(CELL, cell_id="abc", n_features=F, weights_sha256="0" * 64, epoch=4)
    save_checkpoint(path, head.state_dict(), metadata)
    return head, metadata


def test_round_trip_gives_the_same_head_in_evaluation_mode(tmp_path):
    head, metadata = write(tmp_path / "new folder" / "abc.safetensors")
    loaded, settings, found = load_head(tmp_path / "new folder" / "abc.safetensors")
    assert settings == CELL
    assert found == metadata
    assert not loaded.training
    x = torch.ones(2, F)
    assert torch.equal(loaded(x), head.eval()(x))


def test_same_content_gives_the_same_bytes_and_leaves_no_temporary_file(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_absent_checkpoint_names_the_next_step(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint .*run the grid again"):
        load_head(tmp_path / "abc.safetensors")


def test_damaged_or_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "abc.safetensors"
    write(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="is damaged or of another version"):
        load_head(path)
    save_file({"fc1.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match="is damaged or of another version"):
        load_head(path)
    metadata = head_metadata(CELL, cell_id="abc", n_features=F, weights_sha256="0" * 64, epoch=4)
    save_checkpoint(path, {"fc1.weight": torch.zeros(2, 2)}, metadata)
    with pytest.raises(ValueError, match=r"(?s)is damaged or of another version .*bn1"):
        load_head(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_features": "64"}, "`n_features` is missing or not of the kind int"),
        ({"n_features": 10**7}, "tensors that its head does not have so: "),
        ({"epoch": None}, "`epoch` is missing"),
        ({"cell_id": {}}, "`cell_id` is missing"),
        ({"weights_sha256": 1}, "`weights_sha256` is missing"),
        ({"settings": []}, "`settings` is missing"),
        (
            {"settings": {**CELL.to_dict(), "image_size": 10**6}},
            "`image_size` is 1000000; allowed: 1 to 1024",
        ),
        ({"settings": {**CELL.to_dict(), "filters": [4]}}, r"`filters` is \[4\], which is not of its kind"),
        ({"settings": {**CELL.to_dict(), "backbone": None}}, "`backbone` is None"),
    ],
)
def test_a_checkpoint_that_says_false_things_of_its_cell_is_refused(tmp_path, changes, reason):
    """Before anything is built: it could ask for any amount of memory."""
    path = tmp_path / "abc.safetensors"
    write(path)
    state = load_head(path)[0].state_dict()
    metadata = head_metadata(CELL, cell_id="abc", n_features=F, weights_sha256="0" * 64, epoch=4)
    save_checkpoint(path, state, metadata | changes)
    with pytest.raises(ValueError, match=rf"is damaged or of another version .*{reason}"):
        load_head(path)
