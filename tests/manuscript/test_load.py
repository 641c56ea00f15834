import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data.store import Store
from manuscript.load import Report, find_store, load_report
from manuscript.pick import pick


def test_the_report_holds_what_the_store_holds(synthetic_store: Store, synthetic_report: Report) -> None:
    assert synthetic_report.study["name"] == "synthetic"
    assert len(synthetic_report.cells) == 12
    assert list(synthetic_report.failed["reason"]) == ["the loss is not finite in epoch 2"]
    metrics = synthetic_report.table("metrics")
    assert metrics is not None
    pd.testing.assert_frame_equal(metrics, synthetic_store.read_result("metrics"))
    assert synthetic_report.gradcam is not None
    assert len(synthetic_report.gradcam) == 4


def test_a_store_without_results_gives_a_report_without_tables(make_store: Callable[..., Store]) -> None:
    report = load_report(make_store().root)
    assert report.table("metrics") is None
    assert report.analysis("delong") is None
    assert len(report.done) == 12


def test_an_empty_store_gives_a_report_without_cells(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "empty")
    store.write_study('name = "empty"\n')
    report = load_report(store.root)
    assert report.cells.empty
    assert report.done.empty
    assert report.history is None


def test_results_of_other_cells_stop_with_the_command(
    make_store: Callable[..., Store], analyse_store: Callable[[Store], None]
) -> None:
    store = make_store(fail_last=True)
    analyse_store(store)
    row = store.cells().iloc[-1]
    donor = store.cells().iloc[0]["cell_id"]
    predictions = store.read_predictions(cell_ids=[donor]).drop(columns="task", errors="ignore")
    store.write_cell(
        {"cell_id": row["cell_id"], "task": row["task"], "status": "done", "index": int(row["index"])},
        predictions.assign(cell_id=row["cell_id"]),
    )
    with pytest.raises(ValueError, match=r"describe 11 cells, but 12 cells are done .* Run `study stats"):
        load_report(store.root)


def test_a_changed_plan_stops_with_the_command_but_a_changed_title_does_not(
    make_store: Callable[..., Store], analyse_store: Callable[[Store], None]
) -> None:
    store = make_store()
    analyse_store(store)
    text = store.read_study()
    store.write_study("# a comment\n" + text.replace("A synthetic study", "Another title"))
    assert load_report(store.root).study["title"] == "Another title"
    store.write_study(text.replace("alpha = 0.05", "alpha = 0.01"))
    with pytest.raises(ValueError, match=r"follow another analysis plan .* Run `study stats .*store`"):
        load_report(store.root)


def test_results_older_than_the_predictions_stop_with_the_command(
    make_store: Callable[..., Store], analyse_store: Callable[[Store], None]
) -> None:
    store = make_store()
    analyse_store(store)
    row = store.cells().iloc[0]
    predictions = store.read_predictions(cell_ids=[row["cell_id"]]).drop(columns="task", errors="ignore")
    flipped = predictions.assign(score=1 - predictions["score"], logit_1=-predictions["logit_1"])
    kept = {name: row[name] for name in ("cell_id", "task", "status", "pretrain", "head")}
    store.write_cell(kept | {"index": int(row["index"])}, flipped)
    with pytest.raises(ValueError, match=r"older than the predictions of 1 cell \(.*Run `study stats"):
        load_report(store.root)


def test_planned_cells_that_did_not_run_are_open(make_store: Callable[..., Store]) -> None:
    store = make_store()
    cells = store.cells()
    planned = cells[["index", "cell_id", "task", "pretrain"]].copy()
    planned.loc[len(planned)] = [99, "not-run-yet", "knee", "random"]
    planned[planned["task"] == "knee"].assign(study="hash").to_parquet(store.root / "grid.parquet")
    report = load_report(store.root)
    assert list(report.cells["status"]) == ["done"] * 6 + ["open"]


def test_the_named_store_comes_first(
    monkeypatch: pytest.MonkeyPatch, make_store: Callable[..., Store]
) -> None:
    root = make_store().root
    monkeypatch.setenv("STUDY_STORE", str(root))
    assert find_store() == root


def test_a_named_store_that_is_no_folder_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_STORE", str(tmp_path / "nowhere"))
    with pytest.raises(NotADirectoryError, match=r"`STUDY_STORE` is `.*nowhere`, which is no folder"):
        find_store()


def test_the_newest_store_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STUDY_STORE", raising=False)
    monkeypatch.setattr("manuscript.load.PROJECT", tmp_path)
    for age, name in ((50, "old"), (10, "new"), (90, "oldest")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "study.toml").write_text("")
        os.utime(folder / "study.toml", (1e9 - age, 1e9 - age))
    assert find_store(tmp_path) == tmp_path / "runs" / "new"


def test_without_any_store_the_published_grid_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STUDY_STORE", raising=False)
    monkeypatch.setattr("manuscript.load.PROJECT", tmp_path)
    assert find_store(tmp_path) is None


def test_the_published_grid_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_STORE", "published")
    assert find_store() is None


def test_the_published_grid_gives_the_papers_tests() -> None:
    report = load_report(None)
    assert report.mode == "published"
    assert len(report.done) == 176
    wilcoxon = report.analysis("wilcoxon")
    fixed = report.table("mixed_fixed")
    assert wilcoxon is not None
    assert fixed is not None
    # Table 13 of the paper: W 622, p 0.003935 for the ACL task and p 0.8023 for the breast task.
    assert pick(wilcoxon, "statistic", task="acl") == 622
    assert pick(wilcoxon, "p_value", task="acl") == pytest.approx(0.003935, abs=5e-7)
    assert pick(wilcoxon, "p_value", task="breast") == pytest.approx(0.8023, abs=5e-5)
    # Tables 11 and 12.
    assert pick(fixed, "p_value", term="pretrain[RadImageNet]") == pytest.approx(0.0543, abs=5e-5)
    assert pick(fixed, "estimate", term="head[Linear]") == pytest.approx(-0.313, abs=5e-4)


def test_unused_settings_of_the_published_grid_are_missing() -> None:
    cells = load_report(None).cells
    assert cells.loc[cells["head"] == "Linear", ["fc_ratio", "filters"]].isna().all(axis=None)
    assert cells.loc[cells["head"] == "Conv", ["fc_ratio", "filters"]].notna().all(axis=None)
