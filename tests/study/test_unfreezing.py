"""Unfreezing and fusion from the study file to the store: grid, warnings, run, Grad-CAM, provenance."""

import json

import pandas as pd
import pytest

from study.config import parse_study
from study.grid import build_cells, group_cells
from study.run.unfreezing import same_level_notes

GRID = """
name = "levels"
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = {{ n_patients = 36, size = 48, difficulty = 0.2, seed = 5 }}
split = {{ train = 0.5, val = 0.2, test = 0.3 }}
[factors]
{factors}
[protocol]
backbone = "{backbone}"
head = "Linear"
epochs = {epochs}
batch_size = 16
image_size = 48
lr = 1e-3
{protocol}
"""


def text(factors, *, backbone="ResNet18", epochs=2, protocol='pretrain = "random"'):
    return GRID.format(factors=factors, backbone=backbone, epochs=epochs, protocol=protocol)


def cells(*arguments, **options):
    return build_cells(parse_study(text(*arguments, **options)))


def test_settings_without_effect_do_not_multiply_the_grid():
    factors = """
unfreeze = [0, 2, "all"]
unfreeze_count = ["groups", "children"]
unfreeze_schedule = ["at-once", "gradual"]
unfreeze_every = [1, 2]
frozen_batchnorm = ["eval", "train"]
"""
    found = cells(factors, epochs=20)
    counts = pd.Series([str(cell.recipe["unfreeze"]) for cell in found]).value_counts()
    # frozen: BatchNorm only. 2: count x (at once, gradual 1, gradual 2) x BatchNorm. all: at once 1, gradual
    # 2 x BatchNorm, because the first epochs are frozen.
    assert counts.to_dict() == {"0": 2, "2": 12, "all": 5}
    frozen = next(cell for cell in found if cell.recipe["unfreeze"] == 0)
    assert frozen.recipe["unfreeze_count"] is None
    assert frozen.recipe["unfreeze_schedule"] is None


def test_levels_that_train_the_same_layers_are_named():
    found = cells(
        'unfreeze = [0, 1, 3, 5, 7, 9, "all"]', protocol='pretrain="random"\nunfreeze_count="children"'
    )
    notes = same_level_notes(found)
    assert [note.split(" train ")[0] for note in notes] == [
        "`unfreeze` 0 and 1 (children)",
        "`unfreeze` 5 (children) and 7 (children)",
        "`unfreeze` 9 (children) and all",
    ]
    assert "same layers of ResNet18 (layer1, layer2, layer3, layer4): their cells are replicates" in notes[1]
    assert same_level_notes(cells("unfreeze = [0, 1, 2, 3, 4, 5]")) == []


def test_levels_have_groups_of_their_own_and_schedules_share_one():
    assert len(group_cells(cells("unfreeze = [0, 1]"))) == 2
    assert len(group_cells(cells('unfreeze = [1]\nunfreeze_schedule = ["at-once", "gradual"]'))) == 1


@pytest.mark.parametrize(
    ("factors", "options", "message"),
    [
        ("unfreeze = [0, 6]", {}, "ResNet18 has 5 layer groups"),
        ("unfreeze = [1]", {"protocol": 'pretrain = "random+phantom"'}, "fuses frozen trunks"),
        (
            "unfreeze = [3]",
            {"protocol": 'pretrain = "random"\nunfreeze_schedule = "gradual"'},
            r"is reached in epoch 3 \(0-based\), but there are 2 `epochs`",
        ),
    ],
)
def test_a_dry_run_refuses_what_cannot_run(factors, options, message, tmp_path, study_command):
    path = tmp_path / "study.toml"
    path.write_text(text(factors, **options))
    result = study_command("run-grid", path, "--dry-run", "--weights-dir", tmp_path)
    assert result.exit_code == 2
    assert pd.Series([" ".join(result.stderr.split())]).str.contains(message).all()


def test_unfrozen_and_fused_cells_run_and_are_explained(tmp_path, other_weights, study_command):
    path, root = tmp_path / "study.toml", tmp_path / "store"
    factors = f"""
unfreeze = [0, 1, 2]
unfreeze_count = ["groups", "children"]
pretrain = ["random", "random+file:{other_weights}"]
"""
    exclude = f'exclude = [{{ unfreeze = [1, 2], pretrain = ["random+file:{other_weights}"] }}]\n'
    path.write_text(exclude + text(factors, protocol=""))
    dry = study_command("run-grid", path, "--dry-run")
    assert dry.exit_code == 0, dry.output
    words = " ".join(dry.stdout.split())
    assert "6 cells in 6 groups" in words
    assert "`unfreeze` 0 and 1 (children) train the same layers of ResNet18" in words
    assert "Cells that train layers of the backbone" in words
    result = study_command("run-grid", path, "--store", root)
    assert result.exit_code == 0, result.output
    assert "6 cells trained, 0 found done, 0 failed" in result.stdout
    assert "1 (groups) and 2 (children) train the same layers" in " ".join(result.stderr.split())
    cells = pd.read_parquet(root / "cells.parquet").astype({"unfreeze": str})
    frozen, same = (
        pd.read_parquet(root / "predictions/task=breast" / f"{cell_id}.parquet")["score"]
        for cell_id in (
            cells.query("unfreeze == '0' and pretrain == 'random'")["cell_id"].item(),
            cells.query("unfreeze == '1' and unfreeze_count == 'children'")["cell_id"].item(),
        )
    )
    assert (frozen == same).all()  # nothing is trained but the head, which has no dropout
    run = json.loads((root / "run.json").read_text())["runs"][-1]
    fused = run["weights"][f"random+file:{other_weights}/ResNet18"]
    for part in ("random", f"file:{other_weights}"):
        assert run["weights"][f"{part}/ResNet18"]["sha256"] in fused["source"]
    done = cells[cells["pretrain"].str.contains(r"\+")]["cell_id"].tolist()
    done += cells.query("unfreeze == '2'")["cell_id"].tolist()
    arguments = [word for cell_id in done for word in ("--cell", cell_id)]
    explained = study_command("gradcam", root, *arguments, "--per-kind", "1")
    assert explained.exit_code == 0, explained.output
    index = pd.read_parquet(root / "gradcam/index.parquet")
    assert set(done) <= set(index["cell_id"])
