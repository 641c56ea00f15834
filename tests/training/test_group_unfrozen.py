"""Cells that train the trunk: alone = together = reversed, frozen layers untouched, failures, checkpoints."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from data.store import Store
from tests.training.tiny import SIZE, WEIGHTS, make_job, make_task
from training import group_unfrozen, trunk_inputs
from training.checkpoints import load_head, load_model
from training.fit_unfrozen import UnfrozenCell
from training.frozen import FrozenChangedError
from training.group import run_group
from training.preprocess import preprocess
from training.trunk_inputs import TrunkInputs
from training.weights_random import random_trunk


def make_trunk():
    """Random weights with BatchNorm statistics that fit, so that features are neither huge nor zero."""
    return random_trunk("ResNet18")


def run(jobs, store, task, trunk, **changes):
    options = {"weights": WEIGHTS, "store": store, "device": "cpu", "load_trunk": lambda _: trunk, **changes}
    return run_group(jobs, **{**task, **options})


@pytest.fixture(scope="module")
def trunk():
    return make_trunk()


@pytest.fixture(scope="module")
def task():
    return make_task()


def cells(**changes):
    """Different heads, seeds, batch sizes and schedules: their batches have nothing in common."""
    options = {"unfreeze_schedule": "at-once", **changes}
    return [
        make_job(0, "Linear", **options),
        make_job(1, "NonLinear", **{**options, "seed": 1, "batch_size": 7}),
        make_job(2, "ConvSkip", **{**options, "optimizer": "sgd-nesterov", "lr": 1e-2}),
    ]


GRADUAL = {"unfreeze": 1, "unfreeze_count": "groups", "unfreeze_schedule": "gradual", "unfreeze_every": 1}
WAYS = {
    "two groups": cells(unfreeze=2, unfreeze_count="groups"),
    "all": cells(unfreeze="all", frozen_batchnorm=None),
    "children": cells(unfreeze=8, unfreeze_count="children"),
    "gradual": [*cells(unfreeze=1, unfreeze_count="groups")[:2], make_job(5, "Conv", **GRADUAL)],
    "frozen, live BatchNorm": cells(unfreeze_schedule=None, frozen_batchnorm="train"),
    "one group, live BatchNorm": cells(unfreeze=1, unfreeze_count="groups", frozen_batchnorm="train"),
}


@pytest.fixture(scope="module", params=list(WAYS))
def together(request, tmp_path_factory, task, trunk):
    store = Store.create(tmp_path_factory.mktemp("together"))
    jobs = WAYS[request.param]
    outcomes = run(jobs, store, task, trunk)
    assert [(o.status, o.reason) for o in outcomes] == [("done", None)] * len(jobs)
    return store, jobs


def test_alone_and_in_reverse_order_give_the_same_bits(together, tmp_path, task, trunk, monkeypatch):
    store, jobs = together
    alone = Store.create(tmp_path / "alone")
    torch.manual_seed(99)  # the global generator must not matter
    run([jobs[1]], alone, task, trunk)
    ids = [jobs[1].cell_id]
    expected = store.read_predictions(cell_ids=ids)
    pd.testing.assert_frame_equal(alone.read_predictions(cell_ids=ids), expected, check_exact=True)
    # Reversed, on another number of workers, each cell in a cohort of its own, maps in a file.
    monkeypatch.setattr(group_unfrozen, "HEAD_MEMORY", 1)
    monkeypatch.setattr(trunk_inputs, "MEMORY_LIMIT", 0)
    reverse = Store.create(tmp_path / "reverse")
    run(jobs[::-1], reverse, task, trunk, workers=3)
    pd.testing.assert_frame_equal(reverse.read_predictions(), store.read_predictions(), check_exact=True)
    histories = [s.read_history().drop(columns="seconds") for s in (reverse, store)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


def test_checkpoint_rebuilds_the_model_that_was_scored(together, task, trunk):
    store, jobs = together
    winner = next((store.root / "checkpoints").iterdir()).stem
    settings = next(job.settings for job in jobs if job.cell_id == winner)
    loaded, head, found, _ = load_model(store.checkpoint_path(winner), WEIGHTS, load_trunk=lambda _: trunk)
    assert found == settings
    stored = store.read_predictions(cell_ids=[winner], splits=["test"])
    rows = task["manifest"].set_index("image_id").index.get_indexer(stored["image_id"])
    x = preprocess(torch.from_numpy(task["images"][rows]), settings.preprocessing)
    with torch.no_grad():
        logits = head(loaded(x)).numpy()
    np.testing.assert_allclose(logits, stored[["logit_0", "logit_1"]].to_numpy(), rtol=1e-3, atol=1e-4)
    with torch.no_grad():  # the pretrained trunk gives something else, so the check above can fail
        other = head(trunk(x)).numpy()
    assert np.abs(other - logits).max() > 1e-2
    with pytest.raises(ValueError, match=r"a cell that changed its trunk.*`load_model`"):
        load_head(store.checkpoint_path(winner))


def test_the_shared_trunk_is_as_it_was(together, trunk):
    fresh = make_trunk().state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in trunk.state_dict().items())


def changed_children(job, task, trunk, *, epochs=None):
    """Children of which a parameter, and of which a buffer, differs from the start after training."""
    inputs = TrunkInputs(
        group=task_group(task),
        trunk=trunk,
        stop=None if job.settings.frozen_batchnorm == "train" else job.settings.trained_children()[0],
        augmentation=job.settings.augmentation,
        preprocessing=job.settings.preprocessing,
        device=torch.device("cpu"),
        workers=1,
        folder=None,
    )
    labels = {
        p: torch.from_numpy(task["manifest"]["label"].to_numpy()[r].astype("int64"))
        for p, r in inputs.group.rows.items()
    }
    cell = UnfrozenCell(job, trunk, labels=labels, device=torch.device("cpu"))
    for epoch in range(epochs or job.settings.epochs):
        cell.train_epoch(inputs.table("train", epoch), inputs.table("val"))
    start, model = trunk.net.state_dict(), cell._model
    parameters = {name for name, _ in trunk.net.named_parameters()}
    changed = {n for n, t in model.trunk.state_dict().items() if not torch.equal(t, start[n])}
    return (
        {name.split(".")[0] for name in changed & parameters},
        {name.split(".")[0] for name in changed - parameters},
    )


def task_group(task):
    from training.group_input import group_images

    return group_images([], images=task["images"], manifest=task["manifest"], split=task["split"])


def test_only_what_is_unfrozen_changes(task, trunk):
    two = make_job(0, "Linear", unfreeze=2, unfreeze_count="groups", unfreeze_schedule="at-once")
    assert changed_children(two, task, trunk) == ({"layer3", "layer4"}, {"layer3", "layer4"})
    live = make_job(0, "Linear", frozen_batchnorm="train")
    everywhere = {"bn1", "layer1", "layer2", "layer3", "layer4"}
    assert changed_children(live, task, trunk) == (set(), everywhere)


def test_gradual_unfreezing_adds_a_group_per_stage(task, trunk):
    gradual = {**GRADUAL, "unfreeze": 2, "epochs": 3}
    job = make_job(0, "Linear", **gradual)
    stages = [changed_children(job, task, trunk, epochs=n) for n in (1, 2, 3)]
    expected = [set(), {"layer4"}, {"layer3", "layer4"}]
    assert stages == [(s, s) for s in expected]


def test_gradual_unfreezing_gives_other_predictions_than_at_once(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    jobs = [make_job(0, "Linear", **GRADUAL), *WAYS["gradual"][:1]]
    jobs[1] = dataclasses.replace(jobs[1], cell_id="other")
    run(jobs, store, task, trunk)
    first, second = (store.read_predictions(cell_ids=[job.cell_id])["score"] for job in jobs)
    assert not np.array_equal(first, second)


def test_rows_count_the_parameters_that_are_trained(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    job = make_job(0, "Linear", unfreeze=1, unfreeze_count="groups", unfreeze_schedule="at-once")
    run([job], store, task, trunk)
    assert store.cells()["n_parameters"].tolist() == [8393728 + 2 * 512 + 2]


def test_levels_of_the_original_that_train_the_same_are_noted(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    frozen = make_job(0, "Linear", unfreeze=1, unfreeze_count="children")
    outcome = run([frozen], store, task, trunk)[0]
    assert "`unfreeze` 1 (children) trains no layer of the trunk, as do the levels 0" in outcome.note
    seven = make_job(
        1, "Linear", unfreeze=7, unfreeze_count="children", unfreeze_schedule="at-once", epochs=1
    )
    outcome = run([seven], store, task, trunk)[0]
    assert "trains layer1, layer2, layer3, layer4 of the trunk, as do the levels 5, 6" in outcome.note


def test_failing_cells_are_recorded_and_the_others_go_on(tmp_path, task, trunk, monkeypatch):
    store = Store.create(tmp_path)
    jobs = WAYS["two groups"]
    wild = make_job(7, "Linear", unfreeze=2, unfreeze_count="groups", unfreeze_schedule="at-once", lr=1e38)
    real = UnfrozenCell.train_epoch

    def scarce(self, *arguments, **options):
        if self.job.cell_id == jobs[1].cell_id and self.epoch == 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, *arguments, **options)

    monkeypatch.setattr(UnfrozenCell, "train_epoch", scarce)
    seen = []

    class Progress:
        def features(self, done, total):
            seen.append((done, total))

        def cell(self, cell_id, status):
            seen.append((cell_id, status))

        def note(self, text):
            pass

    outcomes = run([jobs[0], wild, jobs[1]], store, task, trunk, progress=Progress())
    assert [o.status for o in outcomes] == ["done", "failed", "failed"]
    assert "NonFiniteLossError: the training loss is not finite in epoch" in outcomes[1].reason
    assert outcomes[2].reason == "OutOfMemoryError: out of memory"
    assert [pair for pair in seen if isinstance(pair[0], int)][-1] == (144, 144)
    alone = Store.create(tmp_path / "alone")
    run([jobs[0]], alone, task, trunk)
    kept = store.read_predictions(cell_ids=[jobs[0].cell_id])
    pd.testing.assert_frame_equal(kept, alone.read_predictions(), check_exact=True)


def test_a_frozen_layer_that_changes_fails_the_cell(tmp_path, task, monkeypatch):
    own = make_trunk()
    job = make_job(0, "Linear", unfreeze=1, unfreeze_count="groups", unfreeze_schedule="at-once")
    real = UnfrozenCell.train_epoch

    def meddling(self, *arguments, **options):
        own.net.bn1.running_mean.add_(0.1)
        return real(self, *arguments, **options)

    monkeypatch.setattr(UnfrozenCell, "train_epoch", meddling)
    outcome = run([job], Store.create(tmp_path), task, own)[0]
    assert outcome.status == "failed"
    assert "FrozenChangedError: The frozen trunk changed while it was frozen (SHA-256" in outcome.reason


def test_a_layer_that_waits_for_its_turn_is_checked(task, trunk):
    job = make_job(0, "Linear", **GRADUAL)
    cell = UnfrozenCell(
        job,
        trunk,
        labels={p: torch.tensor([0, 1] * 8) for p in ("train", "val", "test")},
        device=torch.device("cpu"),
    )
    cell._model.set_epoch(0)
    with torch.no_grad():
        cell._model.trunk.layer4[0].conv1.weight.add_(1.0)
    with pytest.raises(FrozenChangedError, match="A frozen layer of the cell's own trunk changed"):
        cell._model.set_epoch(1)


def test_maps_that_are_not_finite_fail_every_cell(tmp_path, task):
    broken = make_trunk()
    with torch.no_grad():
        broken.net.conv1.weight.fill_(float("nan"))
    outcomes = run(WAYS["two groups"], Store.create(tmp_path), task, broken)
    assert [o.status for o in outcomes] == ["failed"] * 3
    assert "frozen layers give maps that are not finite for val images" in outcomes[0].reason


def test_resuming_ends_with_the_same_store_and_checkpoint(tmp_path, task, trunk):
    jobs = WAYS["two groups"]
    store = Store.create(tmp_path / "whole")
    run(jobs, store, task, trunk)
    resumed = Store.create(tmp_path / "resumed")
    run(jobs[:1], resumed, task, trunk)
    for path in (resumed.root / "checkpoints").iterdir():
        path.unlink()
    outcomes = run(jobs, resumed, task, trunk)
    assert [o.status for o in outcomes] == ["skipped", "done", "done"]
    pd.testing.assert_frame_equal(resumed.read_predictions(), store.read_predictions(), check_exact=True)
    one, two = (sorted((s.root / "checkpoints").iterdir()) for s in (store, resumed))
    assert [(p.name, p.read_bytes()) for p in one] == [(p.name, p.read_bytes()) for p in two]


def test_a_batch_of_one_is_refused_for_every_head_with_live_batchnorm(tmp_path, task, trunk):
    job = make_job(0, "Linear", batch_size=23, frozen_batchnorm="train")
    with pytest.raises(ValueError, match="and ResNet18 has BatchNorm in train mode, which needs two"):
        run([job], Store.create(tmp_path), task, trunk)


def test_activations_shrink_with_the_frozen_part():
    def size(k):
        job = make_job(0, "Linear", unfreeze=k, unfreeze_count="groups", unfreeze_schedule="at-once")
        return group_unfrozen.activation_bytes(job.settings)

    # layer4 at 32 px: 1 x 1 maps of 512 channels from 5 convolutions and 5 BatchNorms.
    assert size(1) == 10 * 512 * 4
    assert size(1) < size(2) < size(4)


def test_cohorts_fit_into_the_memory(monkeypatch):
    monkeypatch.setattr(group_unfrozen, "HEAD_MEMORY", 10)
    assert group_unfrozen._cohorts([4, 5, 3, 20, 1]) == [[0, 1], [2], [3], [4]]


@pytest.mark.parametrize(("backbone", "size"), [("DenseNet121", 32), ("InceptionV3", 75)])
def test_other_backbones_train_their_top_group_and_are_rebuilt(backbone, size, tmp_path):
    own, weights = random_trunk(backbone), dataclasses.replace(WEIGHTS, backbone=backbone)
    small = make_task()
    small["images"] = np.ascontiguousarray(
        np.pad(small["images"], ((0, 0), (0, 0), (0, size - SIZE), (0, size - SIZE)), mode="wrap")
    )
    job = make_job(
        0, "Linear", backbone=backbone, image_size=size, unfreeze=1, unfreeze_count="groups",
        unfreeze_schedule="at-once", epochs=1,
    )  # fmt: skip
    store = Store.create(tmp_path)
    outcome = run([job], store, small, own, weights=weights)[0]
    assert outcome.status == "done", outcome.reason
    trunk, head, settings, _ = load_model(
        store.checkpoint_path(job.cell_id), weights, load_trunk=lambda _: own
    )
    stored = store.read_predictions(splits=["test"])
    rows = small["manifest"].set_index("image_id").index.get_indexer(stored["image_id"])
    x = preprocess(torch.from_numpy(small["images"][rows]), settings.preprocessing)
    with torch.no_grad():
        logits, before = head(trunk(x)).numpy(), head(own(x)).numpy()
    expected = stored[["logit_0", "logit_1"]].to_numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)
    assert np.abs(before - expected).max() > 1e-3
