"""Fitting one head: checkpoint rule, batch-size rule, metrics of the history, device of dropout."""

import math
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from training.fit import HeadData, check_batch_size, train_head
from training.heads import build_head
from training.metrics import epoch_metrics, positive_score, rank_auc
from training.seeds import epoch_order
from training.settings import HEAD_FIELDS, HEADS, CellJob, CellSettings
from training.stopping import best_epoch
from training.trainer import NonFiniteLossError
from training.workers import CancelledError, run_tasks

F = 16
CPU = torch.device("cpu")


def make_job(head="NonLinear", cell_id="cell", **changes):
    values = {
        "task": "breast",
        "seed": 0,
        "fold": 0,
        "pretrain": "random",
        "backbone": "ResNet18",
        "head": head,
        "lr_decay": "none",
        "fc_ratio": 1.0,
        "filters": 2,
        "epochs": 4,
        "batch_size": 16,
        "image_size": 256,
        "lr": 1e-2,
        "lr_decay_factor": None,
        "dropout": 0.5,
        "kernel_size": 2,
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
    return CellJob(cell_id=cell_id, index=0, settings=CellSettings(**values))


def make_data(n_train=48, signal=2.0, positive_every=2):
    generator = torch.Generator().manual_seed(4)

    def part(n):
        labels = (torch.arange(n) % positive_every == 1).long()
        features = torch.randn(n, F, generator=generator)
        features[:, 0] += signal * labels
        return features, labels

    train, train_labels = part(n_train)
    val, val_labels = part(20)
    test, test_labels = part(20)
    return HeadData(
        train=lambda epoch: train + 0.01 * epoch,
        val=val,
        test=test,
        train_labels=train_labels,
        val_labels=val_labels,
        test_labels=test_labels,
    )


def fitted(job, data=None):
    return train_head(job, data or make_data(), device=CPU)


@pytest.mark.parametrize("head", HEADS)
def test_separable_classes_are_learned(head):
    data = make_data(signal=6.0)
    result = fitted(make_job(head, epochs=8, lr=0.05), data)
    assert rank_auc(data.test_labels.numpy(), positive_score(result.test_logits)) > 0.9
    assert result.history["train_loss"].iloc[-1] < result.history["train_loss"].iloc[0]


@pytest.mark.parametrize("head", HEADS)
def test_same_job_gives_the_same_bits(head):
    first = fitted(make_job(head))
    torch.manual_seed(1)
    second = fitted(make_job(head))
    np.testing.assert_array_equal(first.test_logits, second.test_logits)
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)


def test_dropout_is_keyed_by_the_cell():
    first, second = fitted(make_job(cell_id="a")), fitted(make_job(cell_id="b"))
    assert not np.array_equal(first.test_logits, second.test_logits)
    plain = [fitted(make_job(cell_id=name, dropout=0.0)).test_logits for name in ("a", "b")]
    np.testing.assert_array_equal(*plain)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "radam", "sgd-nesterov"])
def test_every_optimizer_trains_and_repeats(optimizer):
    job = make_job(optimizer=optimizer)
    first = fitted(job)
    np.testing.assert_array_equal(first.test_logits, fitted(job).test_logits)
    assert first.optimizer.startswith(optimizer)


PROTOCOLS = {
    "warm-up": {"warmup_epochs": 2, "lr_decay": "cosine"},
    "momentum": {"optimizer": "sgd-nesterov", "momentum": 0.5},
    "no decay of norm and bias": {"decay_norm_and_bias": False, "weight_decay": 0.5},
    "class weights": {"class_weights": "balanced"},
    "label smoothing": {"label_smoothing": 0.2},
    "clipping": {"clip_norm": 0.1},
}


@pytest.mark.parametrize("head", ["Linear", "ConvSkip"])
@pytest.mark.parametrize("changes", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_setting_of_the_protocol_acts_and_repeats(changes, head):
    data = make_data(positive_every=3)
    plain = {
        name: value for name, value in changes.items() if name in ("optimizer", "weight_decay", "lr_decay")
    }
    first = fitted(make_job(head, **changes), data)
    np.testing.assert_array_equal(first.test_logits, fitted(make_job(head, **changes), data).test_logits)
    assert not np.array_equal(first.test_logits, fitted(make_job(head, **plain), data).test_logits)


def test_against_a_plain_torch_loop():
    """Warm-up, balanced weights, smoothing, clipping and spared biases, written out without this package."""
    data = make_data(positive_every=3)
    changes = {"lr_decay": "beta", "lr_decay_factor": 0.5, "warmup_epochs": 1, "weight_decay": 0.3}
    changes |= {"optimizer": "adamw", "decay_norm_and_bias": False, "class_weights": "balanced"}
    job = make_job("Linear", label_smoothing=0.1, clip_norm=0.2, **changes)
    head = build_head(job.settings, F)
    weight, bias = head.fc1.weight, head.fc1.bias
    groups = [{"params": [weight], "weight_decay": 0.3}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, fused=True)
    balance = torch.tensor([48 / (2 * 32), 48 / (2 * 16)])
    losses = []
    for epoch, lr in enumerate([0.005, 0.01, 0.005, 0.0025]):
        for group in optimizer.param_groups:
            group["lr"] = lr
        features = data.train(epoch)
        order = epoch_order(48, task="breast", seed=0, epoch=epoch)
        for rows in torch.from_numpy(order).split(16):
            logits, labels = functional.linear(features[rows], weight, bias), data.train_labels[rows]
            loss = functional.cross_entropy(logits, labels, weight=balance, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([weight, bias], 0.2)
            optimizer.step()
        losses.append(
            functional.cross_entropy(functional.linear(data.val, weight, bias), data.val_labels).item()
        )
    assert fitted(job, data).history["val_loss"].tolist() == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("rule", ["val_auc", "val_loss"])
def test_stored_predictions_are_those_of_the_chosen_epoch(rule):
    data = make_data()
    result = fitted(make_job(checkpoint=rule, lr=0.1, epochs=6), data)
    chosen = result.history.iloc[result.best_epoch]
    val = epoch_metrics(result.val_logits, data.val_labels.numpy())
    assert val.auc == chosen["val_auc"]
    assert val.loss == chosen["val_loss"]
    head = build_head(make_job().settings, F)
    head.load_state_dict(result.state)
    with torch.inference_mode():
        np.testing.assert_array_equal(head.eval()(data.test).numpy(), result.test_logits)


def test_stopping_at_the_chosen_epoch_changes_nothing():
    # The test images are scored with the chosen epoch, so later epochs must leave no trace.
    job = make_job(lr=0.1, epochs=6)
    result = fitted(job)
    shorter = fitted(make_job(lr=0.1, epochs=result.best_epoch + 1))
    assert result.best_epoch < 5
    np.testing.assert_array_equal(result.test_logits, shorter.test_logits)


@pytest.mark.parametrize("rule", ["val_auc", "val_loss"])
def test_early_stopping_is_the_beginning_of_the_full_run(rule):
    protocol = {"checkpoint": rule, "lr": 0.1, "epochs": 12, "lr_decay": "cosine"}
    full, early = fitted(make_job(**protocol)), fitted(make_job(**protocol, patience=2))
    stop = early.stopped_epoch
    assert stop == early.best_epoch + 2
    assert early.history["epoch"].tolist() == list(range(stop + 1))
    columns = full.history.columns.drop("seconds")  # the schedule is that of all 12 epochs
    pd.testing.assert_frame_equal(early.history[columns], full.history[columns].iloc[: stop + 1])
    assert early.best_epoch == best_epoch(full.history.iloc[: stop + 1], rule)
    assert early.notes == (
        f"stopped early after epoch {stop} (0-based): no better {rule} since epoch {stop - 2}",
    )
    assert (full.stopped_epoch, full.notes) == (None, ())


def test_patience_that_runs_out_in_the_last_epoch_stopped_nothing():
    early = fitted(make_job(lr=0.1, epochs=12, patience=2))
    same = fitted(make_job(lr=0.1, epochs=early.stopped_epoch + 1, patience=2))
    assert (same.stopped_epoch, same.notes) == (None, ())
    np.testing.assert_array_equal(same.test_logits, early.test_logits)


def test_divergence_is_marked_and_noted_and_the_cell_is_done():
    data = make_data()
    turned = replace(data, train=lambda epoch: data.train(epoch) * (1 if epoch < 2 else -300))
    result = fitted(make_job("Linear"), turned)
    losses, marks = result.history["train_loss"], result.history["diverged"]
    assert marks.tolist() == [loss > 10 * math.log(2) and loss > losses[0] for loss in losses]
    assert marks.tolist()[:3] == [False, False, True]
    worst = int(losses[marks].idxmax())
    assert result.notes[0].startswith(f"diverged: the training loss was {losses[worst]:.3g} in epoch {worst}")


def test_history_has_one_row_per_epoch_with_the_contracts_columns():
    history = fitted(make_job(lr_decay="beta", lr_decay_factor=0.5)).history
    assert list(history.columns) == [
        "epoch",
        "lr",
        "train_loss",
        "val_loss",
        "train_auc",
        "val_auc",
        "train_f1",
        "val_f1",
        "train_accuracy",
        "val_accuracy",
        "train_positive_rate",
        "val_positive_rate",
        "seconds",
        "diverged",
    ]
    assert not history["diverged"].any()
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["lr"].tolist() == pytest.approx([1e-2, 5e-3, 2.5e-3, 1.25e-3])


def test_each_epoch_reads_its_own_features():
    seen = []
    data = make_data()
    real = data.train

    def train(epoch):
        seen.append(epoch)
        return real(epoch)

    fields = {
        name: getattr(data, name) for name in ("val", "test", "train_labels", "val_labels", "test_labels")
    }
    fitted(make_job(), HeadData(train=train, **fields))
    assert seen == [0, 1, 2, 3]


def test_diverging_loss_names_its_epoch():
    data = make_data()
    broken = HeadData(
        train=lambda epoch: data.train(epoch) * (math.nan if epoch == 2 else 1.0),
        **{
            name: getattr(data, name) for name in ("val", "test", "train_labels", "val_labels", "test_labels")
        },
    )
    with pytest.raises(
        NonFiniteLossError, match=r"training loss is not finite in epoch 2 \(0-based\)"
    ) as caught:
        fitted(make_job(), broken)
    assert caught.value.epoch == 2


def test_stop_ends_the_training():
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        train_head(make_job(), make_data(), device=CPU, stop=stop)


def test_batch_of_one_is_refused_with_sizes_that_work():
    job = make_job(batch_size=64)
    check_batch_size(job.settings, 585)
    with pytest.raises(
        ValueError, match="`batch_size` 64 leaves a batch of one image for 577 training images"
    ) as e:
        check_batch_size(job.settings, 577)
    assert "sizes that work near it: 62, 63, 65, 66" in str(e.value)
    for size in (62, 63, 65, 66):
        assert 577 % size != 1
    with pytest.raises(ValueError, match="`batch_size` 1 leaves a batch of one image"):
        check_batch_size(make_job(batch_size=1).settings, 10)
    check_batch_size(make_job("Linear", batch_size=64).settings, 577)  # no BatchNorm


def test_epoch_metrics_by_hand():
    logits = np.array([[0, 2], [0, 1], [0, -1], [0, 3], [0, 0]], dtype=np.float32)
    labels = np.array([1, 0, 1, 1, 0])
    metrics = epoch_metrics(logits, labels)
    assert metrics.auc == pytest.approx(4 / 6)  # pairs won: (2>1,2>0,3>1,3>0), lost: -1 against both
    assert metrics.f1 == pytest.approx(2 * 2 / (3 + 3))
    assert metrics.accuracy == pytest.approx(3 / 5)  # a tie of logits counts as negative
    assert metrics.positive_rate == pytest.approx(3 / 5)
    expected = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    assert metrics.loss == pytest.approx(expected, rel=1e-6)


def test_ties_count_one_half_and_one_class_is_refused():
    assert rank_auc(np.array([1, 0, 1, 0]), np.zeros(4)) == 0.5
    with pytest.raises(ValueError, match="got 2 positive and 0 negative"):
        rank_auc(np.ones(2), np.zeros(2))


def test_score_keeps_order_far_from_zero():
    logits = np.array([[0, -800], [0, -20], [0, 0], [0, 20], [0, 800]], dtype=np.float32)
    score = positive_score(logits)
    assert score.dtype == np.float64
    assert score[2] == 0.5
    assert score[3] == pytest.approx(1 / (1 + math.exp(-20)), rel=1e-15)
    assert score[0] == 0.0
    assert score[4] == 1.0


def test_the_largest_task_that_fits_beside_the_running_ones_begins_next():
    lock, running, seen = threading.Lock(), [], []

    def task(size):
        def work(_stop):
            with lock:
                running.append(size)
                seen.append(tuple(sorted(running)))
            threading.Event().wait(0.05 if size < 60 else 0.2)
            with lock:
                running.remove(size)

        return work

    sizes = [20, 60, 10, 70, 200]
    done = dict(run_tasks([task(size) for size in sizes], workers=2, sizes=sizes, budget=100))
    assert done == dict.fromkeys(range(5))
    assert seen[0] == (200,)  # above the budget: alone
    assert all(sum(sizes) <= 100 for sizes in seen[1:])
    assert (20, 70) in seen  # 60 does not fit beside 70, 20 does
    assert (60, 70) not in seen


def test_tasks_run_on_one_thread_and_errors_are_results():
    def threads(_stop):
        return torch.get_num_threads()

    def fail(_stop):
        raise MemoryError("too big")

    before = torch.get_num_threads()
    results = dict(run_tasks([threads, fail, threads], workers=2))
    assert results[0] == results[2] == 1
    assert isinstance(results[1], MemoryError)
    assert torch.get_num_threads() == before
