"""Fusion: joined features, one cache per pretraining, hashes, heads, Grad-CAM, and what is refused."""

import hashlib

import pandas as pd
import pytest
import torch

from data.store import Store
from tests.training.tiny import SIZE, make_job, make_task
from training.backbones import FusedTrunk, build_trunk, freeze_trunk, gradcam_layers
from training.checkpoints import load_model
from training.fusion import pretrain_parts
from training.group import run_group
from training.preprocess import preprocess
from training.saliency.explained import network_maps
from training.weights import Weights, combine_weights, load_backbone, resolve_weights, weights_available
from training.weights_random import random_trunk


def weights(name, digit):
    return Weights(
        name=name,
        backbone="ResNet18",
        sha256=digit * 64,
        source=f"drawn in the test, {name}",
        path=None,
        preprocessing="imagenet-rgb",
    )


A, B = weights("phantom", "a"), weights("random", "b")
AB = combine_weights([A, B])


@pytest.fixture(scope="module")
def trunks():
    """Two trunks with other weights; the second is drawn with another seed."""
    return {"phantom": random_trunk("ResNet18"), "random": random_trunk("ResNet18", seed=1)}


@pytest.fixture(scope="module")
def task():
    return make_task()


def run(jobs, store, task, trunks, given, loaded=None):
    def load(part):
        if loaded is not None:
            loaded.append(part.name)
        return trunks[part.name]

    return run_group(jobs, **task, weights=given, store=store, device="cpu", load_trunk=load)


def fused_job(index=0, head="NonLinear", **changes):
    return make_job(index, head, pretrain="phantom+random", **changes)


def test_head_sees_both_widths_and_the_caches_are_those_of_the_single_pretrainings(tmp_path, task, trunks):
    store, loaded = Store.create(tmp_path), []
    run([make_job(0, "Linear", pretrain="phantom")], store, task, trunks, A, loaded)
    run([make_job(1, "Linear", pretrain="random")], store, task, trunks, B, loaded)
    assert loaded == ["phantom", "random"]
    outcomes = run([fused_job(2), fused_job(3, "Linear")], store, task, trunks, AB, loaded)
    assert [o.status for o in outcomes] == ["done", "done"]
    assert loaded == ["phantom", "random"]  # no further pass
    rows = store.cells().set_index("index")
    assert rows.loc[2, "group_key"] == f"{rows.loc[0, 'group_key']}+{rows.loc[1, 'group_key']}"
    hidden = 256  # fc_ratio 0.25 of 1024
    assert rows.loc[2, "n_parameters"] == 1024 * hidden + 2 * hidden + 2 * hidden + 2
    assert rows.loc[3, "n_parameters"] == 2 * 1024 + 2
    again = Store.create(tmp_path / "alone")
    run([fused_job(2)], again, task, trunks, AB)
    ids = [fused_job(2).cell_id]
    pd.testing.assert_frame_equal(
        again.read_predictions(cell_ids=ids), store.read_predictions(cell_ids=ids), check_exact=True
    )


def test_checkpoint_and_gradcam_of_a_fused_cell(tmp_path, task, trunks):
    store, job = Store.create(tmp_path), fused_job()
    run([job], store, task, trunks, AB)
    both = FusedTrunk([trunks["phantom"], trunks["random"]])
    path = store.checkpoint_path(job.cell_id)
    trunk, head, settings, metadata = load_model(path, AB, load_trunk=lambda _: both)
    assert (metadata["n_features"], metadata["weights_sha256"]) == (1024, AB.sha256)
    chosen = store.read_predictions(cell_ids=[job.cell_id], splits=["test"]).head(3)
    rows = pd.Index(task["manifest"]["image_id"]).get_indexer(chosen["image_id"])
    x = preprocess(torch.from_numpy(task["images"][rows]), settings.preprocessing)
    target = torch.from_numpy((chosen["logit_1"] > chosen["logit_0"]).to_numpy(dtype="int64"))
    heat, peaks = network_maps(trunk, head, x, target)
    assert heat.shape == (3, SIZE, SIZE)
    assert list(peaks) == ["1_layer3", "1_layer4", "2_layer3", "2_layer4"]
    with pytest.raises(ValueError, match="was trained with phantom\\+random weights of ResNet18"):
        load_model(path, combine_weights([B, A]), load_trunk=lambda _: both)


def test_fused_features_stand_side_by_side_and_stay_frozen(trunks):
    both = FusedTrunk([trunks["phantom"], trunks["random"]])
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    both.train()
    assert not any(module.training for module in both.modules())
    with torch.no_grad():
        expected = torch.cat([trunks["phantom"](x), trunks["random"](x)], dim=1)
        assert torch.equal(both(x), expected)
    assert both.n_features == 1024
    assert len(gradcam_layers(both)) == 4
    other = freeze_trunk(build_trunk("DenseNet121"))
    with pytest.raises(
        ValueError, match="two trunks or more of one backbone; got 2 of DenseNet121, ResNet18"
    ):
        FusedTrunk([trunks["phantom"], other])


def test_hash_and_source_name_both(tmp_path):
    assert AB.sha256 == hashlib.sha256(("a" * 64 + "+" + "b" * 64).encode()).hexdigest()
    assert combine_weights([B, A]).sha256 != AB.sha256
    assert "a" * 64 in AB.source
    assert "b" * 64 in AB.source
    assert AB.parts == (A, B)
    assert A.parts == (A,)
    there, steps = weights_available("random+RadImageNet", "ResNet50", tmp_path)
    assert not there
    assert steps.startswith("RadImageNet: ")
    with pytest.raises(FileNotFoundError, match="RadImageNet weights for ResNet50 are not on this machine"):
        resolve_weights("random+RadImageNet", "ResNet50", weights_dir=tmp_path)


def test_resolved_fusion_loads_both_trunks(tmp_path):
    path = tmp_path / "other.pt"
    torch.save(random_trunk("ResNet18", seed=1).net.state_dict(), path)
    found = resolve_weights(f"random+file:{path}", "ResNet18", weights_dir=tmp_path)
    trunk = load_backbone(found)
    assert isinstance(trunk, FusedTrunk)
    first, second = (part.net.conv1.weight for part in trunk.trunks)
    assert torch.equal(first, random_trunk("ResNet18").net.conv1.weight)
    assert not torch.equal(first, second)


def test_names_are_cut_at_levels_only():
    assert pretrain_parts("ImageNet+RadImageNet") == ("ImageNet", "RadImageNet")
    assert pretrain_parts("file:a+b.pt+random") == ("file:a+b.pt", "random")
    assert pretrain_parts("random+file:x+y.pt+file:z.pt") == ("random", "file:x+y.pt", "file:z.pt")
    assert pretrain_parts("file:/data/a+phantom.pt") == ("file:/data/a+phantom.pt",)
    with pytest.raises(ValueError, match="names ImageNet twice"):
        pretrain_parts("ImageNet+ImageNet")


def test_a_wrong_part_is_named():
    with pytest.raises(ValueError, match="backbone"):
        combine_weights([A, Weights(**{**_plain(B), "backbone": "ResNet50"})])


def _plain(w):
    return {
        name: getattr(w, name) for name in ("name", "backbone", "sha256", "source", "path", "preprocessing")
    }
