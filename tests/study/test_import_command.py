"""`study import`: predictions made elsewhere become a store on which every analysis works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data.store import Store
from stats.roc.delong import delong
from study.analyse import analyse
from study.cli import app
from study.imports.study_file import is_imported, parse_stored_plan

MODELS = {"a": 1.2, "b": 0.7, "c": 0.9, "d": 0.4}


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """60 images of 30 patients, a third of them for validation, four models."""
    rng = np.random.default_rng(5)
    sick = np.arange(60) % 3 == 0
    frame = pd.DataFrame({"image": [f"i{i:02d}" for i in range(60)]})
    frame["patient"] = [f"p{i // 2}" for i in range(60)]
    frame["truth"] = np.where(sick, "malignant", "benign")
    frame["part"] = np.where((np.arange(60) // 2) % 3 == 0, "validation", "Test")
    for name, shift in MODELS.items():
        frame[name] = 1 / (1 + np.exp(-rng.normal(size=60) - shift * (2 * sick - 1)))
    path = tmp_path / "wide.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    rows = {
        "model": list(MODELS),
        "pretrain": ["ImageNet", "RadImageNet"] * 2,
        "net": ["N1", "N1", "N2", "N2"],
    }
    path = tmp_path / "cells.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["import", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    return result.stdout if code == 0 else result.stderr


OPTIONS = ("--label", "truth", "--positive", "malignant", "--image-id", "image", "--patient", "patient")


def test_every_analysis_works_on_imported_predictions(wide: Path, cells: Path, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[analysis]\n[[analysis.delong]]\ncontrast = "pretrain"\n'
        '[[analysis.wilcoxon]]\ncontrast = "pretrain"\npaired = true\n'
        '[[analysis.mixed]]\nformula = "test_auc ~ pretrain + (1|net)"\n'
    )
    text = run(
        *(wide, "--as", root, *OPTIONS, "--split", "part", "--task", "breast"),
        *("--scores", "a,b,c,d", "--cells", cells, "--plan", plan),
    )
    assert "4 models on 60 images (val 20, test 40), 20 positive (malignant)" in text
    store = Store.open(root)
    tables = analyse(store, parse_stored_plan(store.read_study(), source="study.toml"))
    rows = tables["comparisons"].set_index("analysis")
    assert rows.loc["wilcoxon", "n"] == 2
    assert len(tables["mixed_fixed"]) == 2
    frame = pd.read_csv(wide)
    test, val = frame[frame["part"] == "Test"], frame[frame["part"] == "validation"]
    on_val, on_test = (delong(own["truth"] == "malignant", own[list(MODELS)]).auc for own in (val, test))
    best = [max(pair, key=lambda k: on_val[k]) for pair in ((0, 2), (1, 3))]
    found = rows.loc["delong"]
    assert found["estimate_a"] == pytest.approx(on_test[best[0]], rel=1e-12)
    assert found["estimate_b"] == pytest.approx(on_test[best[1]], rel=1e-12)
    assert found["n_groups"] == 20


def test_a_table_without_splits_compares_single_models(wide: Path, tmp_path: Path) -> None:
    root = tmp_path / "plain"
    run(wide, "--as", root, *OPTIONS, "--scores", "a,b")
    store = Store.open(root)
    tables = analyse(store, parse_stored_plan(store.read_study(), source="study.toml"))
    row = tables["comparisons"].iloc[0]
    frame = pd.read_csv(wide)
    fit = delong(frame["truth"] == "malignant", frame[["a", "b"]])
    assert (row["arm_a"], row["arm_b"]) == ("a", "b")
    assert row["p_value"] == pytest.approx(fit.pairs.p_value[0], rel=1e-12)
    assert "a has one cell, taken without val_auc" in row["note"]


def test_long_and_wide_tables_give_the_same_store(wide: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(wide)
    keys = ["image", "patient", "truth", "part"]
    long = frame.melt(id_vars=keys, value_vars=list(MODELS), var_name="model", value_name="p")
    path = tmp_path / "long.parquet"
    long.sample(frac=1.0, random_state=1).to_parquet(path)
    run(wide, "--as", tmp_path / "w", *OPTIONS, "--split", "part", "--scores", "a,b,c,d")
    run(path, "--as", tmp_path / "l", *OPTIONS, "--split", "part", "--score", "p", "--factors", "model")
    tables = []
    for name in ("w", "l"):
        store = Store.open(tmp_path / name)
        tables.append(analyse(store, parse_stored_plan(store.read_study(), source="s"))["metrics"])
    first, second = (t.set_index("model").sort_index()[["val_auc", "test_auc", "test_f1"]] for t in tables)
    pd.testing.assert_frame_equal(first, second)


def test_importing_again_changes_nothing_and_another_task_is_added(wide: Path, tmp_path: Path) -> None:
    root = tmp_path / "grown"
    run(wide, "--as", root, *OPTIONS, "--scores", "a,b")
    before = {p.name: p.read_bytes() for p in (root / "cells").iterdir()}
    run(wide, "--as", root, *OPTIONS, "--scores", "a,b")
    assert {p.name: p.read_bytes() for p in (root / "cells").iterdir()} == before
    run(wide, "--as", root, *OPTIONS, "--scores", "a,b", "--task", "knee")
    store = Store.open(root)
    assert store.tasks() == ["imported", "knee"]
    grid = pd.read_parquet(root / "grid.parquet")
    assert grid.groupby("task").size().to_dict() == {"imported": 2, "knee": 2}


def test_logits_are_turned_into_probabilities(wide: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(wide)
    frame["a"] = np.log(frame["a"] / (1 - frame["a"]))
    path = tmp_path / "logits.csv"
    frame.to_csv(path, index=False)
    message = run(path, "--as", tmp_path / "x", *OPTIONS, "--scores", "a", code=2)
    assert "values outside 0 to 1 (row" in message
    assert "say --logits" in message
    run(path, "--as", tmp_path / "x", *OPTIONS, "--scores", "a", "--logits")
    scores = Store.open(tmp_path / "x").read_predictions().sort_values("image_id")["score"]
    np.testing.assert_allclose(scores, pd.read_csv(wide)["a"], rtol=1e-12)


def test_the_study_file_is_marked_and_cannot_be_trained(wide: Path, tmp_path: Path) -> None:
    root = tmp_path / "marked"
    run(wide, "--as", root, *OPTIONS, "--scores", "a,b")
    assert is_imported((root / "study.toml").read_text())
    result = CliRunner().invoke(app, ["run-grid", str(root / "study.toml")], catch_exceptions=False)
    assert result.exit_code == 2


def changed(wide: Path, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    path = tmp_path / "changed.csv"
    change(pd.read_csv(wide)).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: pd.concat([f, f.iloc[[3]]]), "Image 'i03' stands 2 times for model a"),
        (lambda f: f.assign(part=["test", "val"] * 30), "patients have images in several splits, first 'p0'"),
        (lambda f: f.assign(part="holdout"), "`part` holds 'holdout'; splits are named train, val and test"),
        (lambda f: f.assign(a=np.where(f.index == 7, np.nan, f["a"])), "`a` has 1 missing or infinite value"),
        (
            lambda f: f.assign(patient=np.where(f.index == 7, None, f["patient"])),
            "`patient` is missing in 1 row",
        ),
        (lambda f: f.assign(truth="benign"), "has one class only"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(
    wide: Path, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    path = changed(wide, tmp_path, change)
    root = tmp_path / "refused"
    assert message in run(path, "--as", root, *OPTIONS, "--split", "part", "--scores", "a,b", code=2)
    assert not root.exists()


def test_a_column_has_one_role(wide: Path, tmp_path: Path) -> None:
    target = (wide, "--as", tmp_path / "no", "--label", "truth", "--positive", "malignant")
    assert "`truth` is named as label and as score" in run(*target, "--scores", "truth,a", code=2)
    message = run(*target, "--patient", "a", "--scores", "a,b", code=2)
    assert "`a` is named as score and as patient" in message
    run(*target, "--image-id", "image", "--patient", "image", "--scores", "a,b")  # one image per patient


def test_long_tables_join_by_image_and_agree_on_it(wide: Path, tmp_path: Path) -> None:
    keys = ["image", "patient", "truth"]
    long = pd.read_csv(wide).melt(id_vars=keys, value_vars=["a", "b"], var_name="model", value_name="p")
    options = ("--score", "p", "--factors", "model")
    for change, message in (
        (lambda f: f.drop(index=65), "model b has no score for 1 images, first 'i05'"),
        (
            lambda f: f.assign(truth=np.where(f.index == 66, "benign", f["truth"])),
            "Image 'i06' has the class 'benign'",
        ),
    ):
        path = tmp_path / "long.csv"
        change(long).to_csv(path, index=False)
        assert message in run(path, "--as", tmp_path / "no", *OPTIONS, *options, code=2)
    without = [*OPTIONS[:4], *options]
    assert "needs image ids" in run(path, "--as", tmp_path / "no", *without, code=2)


def test_descriptions_of_the_models_are_checked(wide: Path, cells: Path, tmp_path: Path) -> None:
    target = ("--as", tmp_path / "no", *OPTIONS, "--scores", "a,b,c", "--cells", cells)
    frame = pd.read_csv(cells)
    frame.iloc[:2].to_csv(cells, index=False)
    assert "has no row for 'c' in `model`" in run(wide, *target, code=2)
    frame.assign(pretrain="ImageNet", net="N1").to_csv(cells, index=False)
    assert "gives 'a' and 'b' the same factors" in run(wide, *target, code=2)
    frame.rename(columns={"net": "score"}).to_csv(cells, index=False)
    assert "`score` cannot be the name of a factor" in run(wide, *target, code=2)


def test_wide_or_long_must_be_said(wide: Path, tmp_path: Path) -> None:
    assert "Say --scores A,B for a wide table" in run(wide, "--as", tmp_path / "no", *OPTIONS, code=2)


def test_a_store_of_trained_cells_is_left_alone(wide: Path, tmp_path: Path) -> None:
    root = tmp_path / "trained"
    Store.create(root).write_study('name = "trained"\n')
    message = run(wide, "--as", root, *OPTIONS, "--scores", "a,b", code=2)
    assert "holds cells that were trained" in message
    assert (root / "study.toml").read_text() == 'name = "trained"\n'
