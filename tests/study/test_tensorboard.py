"""`study run-grid --tensorboard`: one run per cell, and what is said without the package."""

import builtins

import pytest

from data.store import Store
from study.grid import build_cells
from study.run.curves import run_name, settings_text, tag, varied_settings


def test_curves_of_training_and_validation_stand_in_one_chart_group():
    assert [tag(name) for name in ("train_loss", "val_positive_rate", "lr", "seconds")] == [
        "loss/train",
        "positive_rate/val",
        "lr",
        "seconds",
    ]


def test_a_run_is_named_by_what_varies(tiny_study):
    from study.config import load_study

    cells = build_cells(load_study(tiny_study).config)
    varied = varied_settings(cells)
    assert varied == ("seed", "pretrain", "head", "lr_decay", "fc_ratio", "lr_decay_factor", "dropout")
    name = run_name(cells[-1].columns, "0123456789ab", ("pretrain", "head"))
    assert name == "resnet18.pt NonLinear 0123456789ab"
    assert "| fc_ratio | 0.25 |" in settings_text(cells[-1].columns)
    assert "filters" not in settings_text(cells[-1].columns)


def test_without_the_package_the_message_names_the_extra(tmp_path, tiny_study, study_command, monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.startswith(("tensorboard", "torch.utils.tensorboard")):
            raise ModuleNotFoundError("No module named 'tensorboard'", name="tensorboard")
        return imported(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    root = tmp_path / "store"
    result = study_command("run-grid", tiny_study, "--store", root, "--tensorboard")
    assert result.exit_code == 2
    assert "pip install '.[tensorboard]'" in result.output
    assert not root.exists()


def test_every_done_cell_gets_one_run_with_its_history(tmp_path, tiny_study, tiny_store, study_command):
    pytest.importorskip("tensorboard")
    import shutil

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root = shutil.copytree(tiny_store, tmp_path / "store")
    for _ in range(2):  # the second time nothing is written again
        result = study_command("run-grid", tiny_study, "--store", root, "--tensorboard", "--no-gradcam")
        assert result.exit_code == 0, result.output
        assert "tensorboard --logdir" in result.stdout
    store = Store.open(root)
    runs = sorted((root / "tensorboard" / "breast").iterdir())
    cells = store.cells()
    assert sorted(run.name.rsplit(" ", 1)[-1] for run in runs) == sorted(cells["cell_id"])
    assert all(len(list(run.iterdir())) == 1 for run in runs)
    history = store.read_history(cell_ids=[runs[0].name.rsplit(" ", 1)[-1]])
    events = EventAccumulator(str(runs[0])).Reload()
    shown = [event.value for event in events.Scalars("loss/val")]
    assert shown == pytest.approx(history["val_loss"].tolist(), rel=1e-6)
    assert "positive_rate/train" in events.Tags()["scalars"]
