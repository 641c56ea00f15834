"""A store refereed: a sound one has no error, and each planted fault is found with no other error."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from study.referee.store import store_subject
from study.referee.table import TABLE, referee_store


def codes(store: Store, severity: str | None = None) -> set[str]:
    return {f.code for f in referee_store(store) if severity in (None, f.severity)}


@pytest.fixture
def sound(analysed, tmp_path) -> Store:
    """A copy of the undamaged store with its results."""
    shutil.copytree(analysed[0].root, tmp_path / "sound")
    return Store.open(tmp_path / "sound")


def test_a_sound_store_has_no_error_and_its_findings_are_a_result_table(sound):
    findings = referee_store(sound)
    assert {f.severity for f in findings} == {"warning", "note"}
    table = sound.read_result(TABLE)
    assert table["code"].tolist() == [f.code for f in findings]
    assert json.loads(table.loc[0, "evidence"])[0].keys() == findings[0].evidence[0].keys()
    assert {"no-seeds", "few-levels", "rank-sum-on-grid", "ignored-clusters"} <= {f.code for f in findings}


def test_the_facts_of_its_images(sound):
    facts = {facts.task: facts for facts in store_subject(sound).tasks}["breast"]
    assert (facts.n_test, facts.n_test_positive, facts.n_test_patients) == (60, 20, 30)
    assert len(facts.design_effects) >= 2
    assert all(0.3 < row["design_effect"] < 3 for row in facts.design_effects)


def plant_manifest(store: Store, task: str, image: str, **values: object) -> None:
    manifest = store.read_manifest(task)
    for name, value in values.items():
        manifest[name] = manifest[name].astype(object)
        manifest.loc[manifest["image_id"] == image, name] = value
    store.write_manifest(task, manifest)


def test_a_copy_across_the_split_is_found(sound):
    for image in ("breast-train-03", "breast-test-07"):
        plant_manifest(sound, "breast", image, sha256="ab" * 32)
    finding = next(f for f in referee_store(sound) if f.code == "leak-copies")
    assert finding.evidence[0]["image_id"] == "breast-test-07"
    assert finding.evidence[0]["trained_image"] == "breast-train-03"
    assert codes(sound, "error") == {"leak-copies"}


def test_a_near_copy_of_the_data_audit_is_found(sound):
    folder = sound.root / "audit" / "knee"
    folder.mkdir(parents=True)
    pair = pd.DataFrame({"image_a": ["knee-train-00"], "image_b": ["knee-test-00"], "kind": ["near"]})
    pair.to_parquet(folder / "pairs.parquet")
    assert codes(sound, "error") == {"leak-copies"}


def test_a_patient_across_the_split_is_found(sound):
    plant_manifest(sound, "breast", "breast-train-03", group_id="test-p0")
    finding = next(f for f in referee_store(sound) if f.code == "leak-patients")
    assert "2 of 60 test images" in finding.sentence
    assert codes(sound, "error") == {"leak-patients"}


def test_a_tested_image_that_the_split_trains_on_is_found(sound):
    split = sound.read_split("knee")
    split.loc[split["image_id"] == "knee-test-07", "split"] = "train"
    sound.write_split("knee", split)
    finding = next(f for f in referee_store(sound) if f.code == "leak-images")
    assert finding.evidence[0]["image_id"] == "knee-test-07"
    assert "leak-images" in codes(sound, "error")


def test_a_collapsed_cell_is_found(make_store):
    def collapse(row, frame):
        return frame.assign(score=0.2, logit_1=np.float32(0.0)) if row["cell_id"] == "c03" else frame

    store = make_store(change=collapse)
    found = {f.code: f for f in referee_store(store)}
    assert [row["cell_id"] for row in found["collapsed-cells"].evidence] == ["c03"]
    assert [row["cell_id"] for row in found["constant-scores"].evidence] == ["c03"]
    assert codes(store, "error") == {"constant-scores"}


def test_an_inert_factor_gives_equal_predictions(make_store):
    twins = {"c01": "c02", "c03": "c04"}
    kept: dict[str, pd.DataFrame] = {}

    def repeat(row, frame):
        kept[row["cell_id"]] = frame
        source = {b: a for a, b in twins.items()}.get(row["cell_id"])
        return frame if source is None else kept[source].assign(cell_id=row["cell_id"])

    store = make_store(change=repeat)
    finding = next(f for f in referee_store(store) if f.code == "equal-predictions")
    assert finding.where == "filters"
    assert [row["filters"] for row in finding.evidence] == ["4 = 16", "4 = 16"]
    assert finding.evidence[0]["cells"] == "c01, c02"
    assert codes(store, "error") == {"equal-predictions"}


def test_missing_results_are_not_judged(make_store):
    assert "not-judged" in codes(make_store())


def test_stale_results_are_not_judged(sound):
    assert "not-judged" not in codes(sound)
    text = sound.read_study()
    sound.write_study(text.replace('contrasts = { head = "pairwise", adjust = "holm" }', ""))
    assert sound.read_study() != text
    (finding,) = [f for f in referee_store(sound) if f.code == "not-judged"]
    assert "another analysis plan" in finding.sentence


def test_the_command(sound, study_command, tmp_path):
    page = tmp_path / "referee.html"
    result = study_command("audit", str(sound.root), "--json", "--html", str(page), "--strict")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["kind"], report["n_errors"]) == ("store", 0)
    assert len(report["findings"]) == report["n_warnings"] + report["n_notes"]
    text = page.read_text()
    assert text.count("<section") == len(report["findings"])
    assert "http" not in text
    assert set(report["references"]) == {key for f in report["findings"] for key in f["sources"]}
    assert "Hurlbert 1984. Pseudoreplication" in text
    plant_manifest(sound, "breast", "breast-train-03", group_id="test-p0")
    strict = study_command("audit", str(sound.root), "--strict")
    assert strict.exit_code == 1
    assert "leak-patients" in strict.output
    assert study_command("audit", str(sound.root), "--brief").exit_code == 0


def test_stats_referees_too(make_store, study_command):
    store = make_store()
    result = study_command("stats", str(store.root))
    assert result.exit_code == 0, result.output
    assert "Referee: 0 errors" in result.output
    assert TABLE in store.results()
