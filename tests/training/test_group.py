"""One group end to end: cached = alone = reversed, failures recorded, resuming, checkpoints."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from data.store import Store
from tests.training.tiny import WEIGHTS, make_job, make_task
from training import fit
from training.backbones import build_trunk, freeze_trunk
from training.checkpoints import load_head
from training.group import run_group
from training.metrics import positive_score
from training.settings import HEADS
from training.weights_random import random_trunk


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    return freeze_trunk(build_trunk("ResNet18"))


@pytest.fixture(scope="module")
def task():
    return make_task()


def run(jobs, store, task, trunk, **changes):
    options = {"weights": WEIGHTS, "store": store, "device": "cpu", "load_trunk": lambda _: trunk, **changes}
    return run_group(jobs, **{**task, **options})


ALL_HEADS = [make_job(i, head) for i, head in enumerate(HEADS)]


@pytest.fixture(scope="module")
def together(tmp_path_factory, task, trunk):
    store = Store.create(tmp_path_factory.mktemp("together"))
    outcomes = run(ALL_HEADS, store, task, trunk)
    assert [outcome.status for outcome in outcomes] == ["done"] * len(HEADS)
    return store


@pytest.mark.parametrize("job", ALL_HEADS, ids=HEADS)
def test_trained_alone_gives_the_same_bits(job, together, tmp_path, task, trunk):
    store = Store.create(tmp_path)
    torch.manual_seed(99)  # the global generator must not matter
    torch.rand(5)
    run([job], store, task, trunk)
    pd.testing.assert_frame_equal(
        store.read_predictions(cell_ids=[job.cell_id]),
        together.read_predictions(cell_ids=[job.cell_id]),
        check_exact=True,
    )


PROTOCOL = [
    make_job(0, "Conv", warmup_epochs=1, optimizer="sgd-nesterov", momentum=0.5, clip_norm=0.1),
    make_job(1, "ConvSkip", class_weights="balanced", label_smoothing=0.1),
    make_job(2, "NonLinear", optimizer="adamw", weight_decay=0.5, decay_norm_and_bias=False),
    make_job(3, "Linear", patience=1, epochs=6, lr=0.5),
]


def test_cells_of_other_protocols_share_a_group_and_are_the_same_alone(tmp_path, task, trunk):
    together = Store.create(tmp_path / "together")
    run(PROTOCOL, together, task, trunk)
    for job in PROTOCOL:
        alone = Store.create(tmp_path / job.cell_id)
        run([job], alone, task, trunk)
        path = f"predictions/task=breast/{job.cell_id}.parquet"
        assert (alone.root / path).read_bytes() == (together.root / path).read_bytes()
    row = together.cells().set_index("cell_id").loc[PROTOCOL[3].cell_id]
    history = together.read_history(cell_ids=[PROTOCOL[3].cell_id])
    assert row["stopped_epoch"] == history["epoch"].max() < 5
    assert f"stopped early after epoch {row['stopped_epoch']}" in row["note"]
    assert together.cells()["stopped_epoch"].isna().sum() == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_reverse_order_and_other_workers_give_the_same_bits(workers, together, tmp_path, task, trunk):
    store = Store.create(tmp_path)
    run(ALL_HEADS[::-1], store, task, trunk, workers=workers)
    pd.testing.assert_frame_equal(store.read_predictions(), together.read_predictions(), check_exact=True)


def test_shuffled_manifest_rows_of_the_split_change_nothing(together, tmp_path, task, trunk):
    store = Store.create(tmp_path)
    shuffled = {**task, "split": task["split"].sample(frac=1, random_state=1)}
    run(ALL_HEADS[:2], store, shuffled, trunk)
    expected = together.read_predictions(cell_ids=[job.cell_id for job in ALL_HEADS[:2]])
    pd.testing.assert_frame_equal(store.read_predictions(), expected, check_exact=True)


def test_predictions_cover_validation_and_test_with_scores_of_the_logits(together, task):
    frame = together.read_predictions(cell_ids=[ALL_HEADS[3].cell_id])
    assert frame["split"].value_counts().to_dict() == {"val": 8, "test": 8}
    labels = task["manifest"].set_index("image_id")["label"]
    assert (frame["label"].to_numpy() == labels[frame["image_id"]].to_numpy()).all()
    logits = frame[["logit_0", "logit_1"]].to_numpy()
    np.testing.assert_array_equal(frame["score"].to_numpy(), positive_score(logits))


def test_rows_hold_every_setting_and_what_ran(together):
    row = together.cells().set_index("cell_id").loc[ALL_HEADS[3].cell_id]
    for name, value in ALL_HEADS[3].settings.to_dict().items():
        assert row[name] == value or (value is None and pd.isna(row[name])), name
    assert row["optimizer_implementation"] == "adam (fused)"
    assert row["n_parameters"] > 0
    assert row["device"] == "cpu"
    history = together.read_history(cell_ids=[ALL_HEADS[3].cell_id])
    assert row["best_epoch"] == history["epoch"][history["val_auc"].argmax()]


def test_best_cell_has_a_checkpoint_that_repeats_its_predictions(together, task, trunk):
    history = together.read_history()
    best = history.groupby("cell_id")["val_auc"].max()
    order = {job.cell_id: job.index for job in ALL_HEADS}
    winner = min(best.index, key=lambda cell_id: (-best[cell_id], order[cell_id]))
    assert [path.stem for path in (together.root / "checkpoints").iterdir()] == [winner]
    head, settings, metadata = load_head(together.checkpoint_path(winner))
    assert metadata["cell_id"] == winner
    assert settings == ALL_HEADS[order[winner]].settings
    folder = next((together.root / "features").iterdir())
    stored = together.read_predictions(cell_ids=[winner], splits=["test"])
    logits = fit.score(head, torch.from_numpy(np.load(folder / "test.npy")))
    np.testing.assert_array_equal(logits, stored[["logit_0", "logit_1"]].to_numpy())


def test_done_cells_are_skipped_without_touching_the_trunk(together, task):
    def no_trunk(_):
        raise AssertionError("a finished group must not load the trunk")

    before = {path: path.stat().st_mtime_ns for path in together.root.rglob("*") if path.is_file()}
    outcomes = run(ALL_HEADS, together, task, None, load_trunk=no_trunk)
    assert [outcome.status for outcome in outcomes] == ["skipped"] * len(HEADS)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_resuming_trains_the_rest_and_ends_with_the_same_store(together, tmp_path, task, trunk):
    store = Store.create(tmp_path)
    run(ALL_HEADS[:2], store, task, trunk)
    outcomes = run(ALL_HEADS, store, task, trunk)
    assert [outcome.status for outcome in outcomes] == ["skipped", "skipped", "done", "done"]
    pd.testing.assert_frame_equal(store.read_predictions(), together.read_predictions(), check_exact=True)


def test_lost_checkpoint_is_trained_again_to_the_same_bytes(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    run(ALL_HEADS[:2], store, task, trunk)
    path = next((store.root / "checkpoints").iterdir())
    content = path.read_bytes()
    path.unlink()
    run(ALL_HEADS[:2], store, task, trunk)
    assert path.read_bytes() == content


def test_diverging_cell_is_recorded_and_the_others_go_on(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    wild = make_job(7, "Linear", lr=1e38)
    seen = []

    class Progress:
        def features(self, done, total):
            seen.append((done, total))

        def cell(self, cell_id, status):
            seen.append((cell_id, status))

        def note(self, text):
            pass

    outcomes = run([wild, ALL_HEADS[1]], store, task, trunk, progress=Progress(), workers=1)
    assert [outcome.status for outcome in outcomes] == ["failed", "done"]
    assert "NonFiniteLossError: the training loss is not finite in epoch" in outcomes[0].reason
    row = store.cells().set_index("cell_id").loc[wild.cell_id]
    assert row["status"] == "failed"
    assert row["reason"] == outcomes[0].reason
    assert seen[0] == (0, 64)
    assert (64, 64) in seen
    assert set(seen[-2:]) == {(wild.cell_id, "failed"), (ALL_HEADS[1].cell_id, "done")}


def test_one_class_split_fails_the_cells_with_the_counts(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    split = task["split"].copy()
    positive = split["image_id"].isin(task["manifest"].loc[task["manifest"]["label"] == 1, "image_id"])
    split = split[~((split["split"] == "val") & positive)]
    outcomes = run(ALL_HEADS[:2], store, {**task, "split": split}, trunk)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert "OneClassError: the val part has 0 positive of 4 images" in outcomes[0].reason


def test_memory_error_in_one_cell_is_recorded(tmp_path, task, trunk, monkeypatch):
    real = fit.build_head

    def scarce(settings, n_features):
        if settings.head == "Conv":
            raise MemoryError("cannot allocate 2 GB")
        return real(settings, n_features)

    monkeypatch.setattr(fit, "build_head", scarce)
    outcomes = run(ALL_HEADS, Store.create(tmp_path), task, trunk)
    assert [outcome.status for outcome in outcomes] == ["done", "done", "failed", "done"]
    assert outcomes[2].reason == "MemoryError: cannot allocate 2 GB"


def test_interrupt_is_not_swallowed_and_keeps_finished_cells(tmp_path, task, trunk, monkeypatch):
    real = fit.build_head

    def interrupted(settings, n_features):
        if settings.head == "NonLinear":
            raise KeyboardInterrupt
        return real(settings, n_features)

    store = Store.create(tmp_path)
    threads = torch.get_num_threads()
    monkeypatch.setattr(fit, "build_head", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(ALL_HEADS, store, task, trunk, workers=1)
    assert [store.is_done(job.cell_id) for job in ALL_HEADS] == [False, False, True, True]  # largest first
    assert torch.get_num_threads() == threads


def test_broken_trunk_fails_every_cell_with_the_reason(tmp_path, task):
    broken = freeze_trunk(build_trunk("ResNet18"))
    with torch.no_grad():
        broken.net.conv1.weight.fill_(float("nan"))
    store = Store.create(tmp_path)
    outcomes = run(ALL_HEADS[:2], store, task, broken)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert re.search("features that are not finite for 8 of 8 (val|test) images", outcomes[0].reason)


def test_amp_is_said_to_be_off(tmp_path, task, trunk):
    outcomes = run([make_job(0, "Linear", amp=True)], Store.create(tmp_path), task, trunk)
    expected = "amp was off: it acts on CUDA only, and this cell was trained in float32 on cpu"
    assert outcomes[0].note.startswith(expected)


@pytest.mark.parametrize(
    ("jobs", "changes", "message"),
    [
        ([], {}, "A group needs at least one cell"),
        (
            [make_job(0, "Linear"), make_job(1, "Linear", task="acl")],
            {},
            "must agree on `task`; got acl, breast",
        ),
        ([make_job(0, "Linear"), make_job(0, "Linear")], {}, "have the same cell_id"),
        (
            [make_job(0, "Conv", batch_size=23)],
            {},
            "`batch_size` 23 leaves a batch of one image for 24 training",
        ),
        ([make_job(0, "Linear", image_size=64)], {}, r"32 px wide, but the cells have `image_size` \[64\]"),
        ([make_job(0, "Linear")], {"device": "tpu"}, "`device` is 'tpu'; allowed are auto, cpu, cuda, mps"),
        ([make_job(0, "Linear", backbone="ResNet50")], {}, "The weights are for ResNet18"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(jobs, changes, message, tmp_path, task, trunk):
    store = Store.create(tmp_path)
    with pytest.raises(ValueError, match=message):
        run(jobs, store, task, trunk, **changes)
    assert not list((store.root / "cells").iterdir())
    assert not (store.root / "features").exists()


def test_images_that_do_not_fit_the_manifest_are_refused(tmp_path, task, trunk):
    store = Store.create(tmp_path)
    jobs = ALL_HEADS[:1]
    with pytest.raises(ValueError, match="`manifest` has 40 rows with 40 different ids for 39 images"):
        run(jobs, store, {**task, "images": task["images"][1:]}, trunk)
    with pytest.raises(TypeError, match="`images` must be uint8"):
        run(jobs, store, {**task, "images": task["images"].astype(np.float32)}, trunk)
    stranger = pd.concat([task["split"], pd.DataFrame({"image_id": ["x1"], "split": ["val"]})])
    with pytest.raises(ValueError, match=r"`split` names 1 images that the manifest lacks \(first: 'x1'\)"):
        run(jobs, store, {**task, "split": stranger}, trunk)
    with pytest.raises(ValueError, match="`split` has no image in test"):
        run(jobs, store, {**task, "split": task["split"].iloc[:32]}, trunk)


def test_head_threads_are_asserted(tmp_path, task, trunk, monkeypatch):
    real = fit.build_head

    def meddling(settings, n_features):
        torch.set_num_threads(2)
        return real(settings, n_features)

    monkeypatch.setattr(fit, "build_head", meddling)
    outcomes = run(ALL_HEADS[:1], Store.create(tmp_path), task, trunk)
    assert outcomes[0].status == "failed"
    assert "Torch works on 2 threads instead of 1" in outcomes[0].reason


def test_wrong_preprocessing_is_reported_once_and_noted_in_every_row(tmp_path, task):
    class Progress:
        def __init__(self):
            self.notes = []

        def features(self, done, total):
            pass

        def cell(self, cell_id, status):
            pass

        def note(self, text):
            self.notes.append(text)

    jobs = [make_job(i, "Linear", preprocessing="minus-one-one", seed=i) for i in range(2)]
    task = {**task, "images": task["images"] // 8}
    fitted, store, first = random_trunk("ResNet18"), Store.create(tmp_path), Progress()
    outcomes = run(jobs[:1], store, task, fitted, progress=first)
    assert len(first.notes) == 1
    assert "BatchNorm of the random weights does not fit these images" in first.notes[0]

    def no_trunk(_):
        raise AssertionError("features and probe are kept, so the trunk is not needed")

    later = Progress()
    outcomes += run(jobs, store, task, None, progress=later, load_trunk=no_trunk)[1:]
    assert later.notes == first.notes
    assert [outcome.note for outcome in outcomes] == first.notes * 2
    assert store.cells()["note"].tolist() == first.notes * 2


def test_the_probe_of_batchnorm_writes_the_same_file_whether_features_are_computed_or_found(tmp_path, task):
    def fresh():
        return freeze_trunk(random_trunk("ResNet18"))

    store = Store.create(tmp_path / "s")
    run([make_job(0, "Linear")], store, task, fresh())
    (path,) = store.root.glob("features/*/batchnorm.json")
    before = path.read_bytes()
    path.unlink()
    run([make_job(1, "NonLinear")], store, task, fresh())
    assert path.read_bytes() == before
