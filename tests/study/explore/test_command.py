"""`study explore`: what the page holds, what it says of old or missing results, and bad input."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.atomic import write_parquet
from study.explore.page import embedded_json


def data_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text).group(1))


def test_the_page_names_its_file_and_what_is_missing(own_store, study_command):
    result = study_command("explore", own_store.root)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Page: {own_store.root / 'explore.html'} (")
    assert "`study stats` has not run on this store. Run `study stats …/small`" in result.stderr
    assert "has not run on this store" in (own_store.root / "explore.html").read_text(encoding="utf-8")


def test_results_that_are_up_to_date_show_findings_and_the_compared_models(own_store, study_command):
    assert study_command("stats", own_store.root).exit_code == 0
    result = study_command("explore", own_store.root)
    assert "study stats" not in result.stderr
    page = own_store.root / "explore.html"
    selected = own_store.read_result("selected")
    assert data_of(page)["tasks"]["knee"]["models"] == selected["cell_id"].tolist()
    assert "What the planned analyses found (" in page.read_text(encoding="utf-8")


def test_intervals_and_metrics_are_those_of_the_statistics(own_store, study_command):
    study_command("stats", own_store.root)
    study_command("explore", own_store.root)
    cells = {cell["id"]: cell for cell in data_of(own_store.root / "explore.html")["cells"]}
    for row in own_store.read_result("selected").itertuples():
        auc = cells[row.cell_id]["test_auc"]
        assert (auc["low"], auc["high"], auc["method"]) == (
            row.test_auc_low,
            row.test_auc_high,
            row.test_auc_method,
        )
    for row in own_store.read_result("metrics").itertuples():
        shown = cells[row.cell_id]
        assert (shown["val_auc"]["estimate"], shown["test_f1"]) == (row.val_auc, row.test_f1)


def test_the_area_under_a_drawn_curve_is_the_auc(page_file):
    data = data_of(page_file)
    for cell in data["cells"]:
        if cell["status"] != "done":
            continue
        curve = data["curves"][cell["id"]]
        area = np.trapezoid(curve["tpr"], curve["fpr"])
        assert area == pytest.approx(cell["test_auc"]["estimate"], abs=1e-12)


def test_scores_keep_every_digit(page_file, store):
    task = data_of(page_file)["tasks"]["knee"]
    stored = store.read_predictions(cell_ids=["cell2"]).set_index(["split", "image_id"])["score"]
    shown = {
        (image["split"], image["image_id"]): score
        for image, score in zip(task["images"], task["scores"]["cell2"], strict=True)
    }
    assert shown == stored.to_dict()


def test_results_of_other_predictions_are_called_old_and_left_out(own_store, study_command):
    study_command("stats", own_store.root)
    rows = own_store.read_predictions(cell_ids=["cell0"])
    cells = own_store.cells().set_index("cell_id").loc["cell0"]
    kept = {"task": "knee", "status": "done", "index": 0, "pretrain": "random", "head": "Linear"}
    own_store.write_cell(
        {"cell_id": "cell0", "seed": 0, "fold": 0, "backbone": cells["backbone"]} | kept,
        rows.drop(columns="task", errors="ignore").assign(score=1 - rows["score"]),
    )
    result = study_command("explore", own_store.root)
    assert "The results of `study stats` are older than the predictions of 1 cell ('cell0')" in result.stderr
    assert "planned analyses found" not in (own_store.root / "explore.html").read_text(encoding="utf-8")


def test_a_cell_that_was_not_analysed_makes_the_results_old(own_store, study_command):
    study_command("stats", own_store.root)
    (own_store.root / "cells" / "cell3.json").unlink()
    result = study_command("explore", own_store.root)
    assert "The results of `study stats` describe 3 cells, but 2 cells are done" in result.stderr


def test_another_plan_makes_the_results_old(own_store, study_command):
    study_command("stats", own_store.root)
    own_store.write_study(own_store.read_study().replace("[analysis]", "[analysis]\nalpha = 0.01"))
    result = study_command("explore", own_store.root)
    assert "The results of `study stats` follow another analysis plan" in result.stderr


def test_with_folds_every_cell_has_scores_of_its_own_fold_alone(own_store, study_command):
    rows = own_store.read_predictions(cell_ids=["cell0"])
    for fold, cell_id in ((0, "cell2"), (1, "cell3")):
        row = {"cell_id": cell_id, "task": "knee", "status": "done", "index": fold, "seed": 0, "fold": fold}
        row |= {"backbone": "ResNet18", "pretrain": "random", "head": "Linear"}
        split = rows["split"] if fold == 0 else rows["split"].map({"test": "val", "val": "test"})
        own_store.write_cell(row, rows.assign(cell_id=cell_id, fold=fold, split=split))
    result = study_command("explore", own_store.root, "--cells", "cell2,cell3")
    assert result.exit_code == 0, result.output
    task = data_of(own_store.root / "explore.html")["tasks"]["knee"]
    assert task["folded"]
    assert len(task["images"]) == 2 * len(rows)
    for fold, cell_id in ((0, "cell2"), (1, "cell3")):
        scored = [score is not None for score in task["scores"][cell_id]]
        assert scored == [image["fold"] == fold for image in task["images"]]
    assert len(task["models"]) == 1


def test_a_task_without_a_done_cell_is_left_to_the_table(own_store, study_command):
    row = {"cell_id": "cell9", "task": "ankle", "status": "failed", "reason": "no images", "index": 9}
    own_store.write_cell(row | {"seed": 0, "fold": 0, "backbone": "ResNet18", "head": "Linear"})
    result = study_command("explore", own_store.root)
    assert result.exit_code == 0, result.output
    data = data_of(own_store.root / "explore.html")
    assert list(data["tasks"]) == ["knee"]
    assert [cell["remarks"] for cell in data["cells"] if cell["task"] == "ankle"] == ["failed: no images"]


def test_a_part_with_one_class_has_no_interval_and_no_curve(own_store, study_command):
    rows = own_store.read_predictions(cell_ids=["cell0"])
    kept = rows[(rows["split"] == "val") | (rows["label"] == 1)]
    row = {"cell_id": "cell0", "task": "knee", "status": "done", "index": 0, "seed": 0, "fold": 0}
    own_store.write_cell(row | {"backbone": "ResNet18", "pretrain": "random", "head": "Linear"}, kept)
    assert study_command("explore", own_store.root, "--cells", "cell0").exit_code == 0
    data = data_of(own_store.root / "explore.html")
    (cell,) = data["cells"]
    assert cell["test_auc"] is None
    assert "test: fewer than 2 images of a class" in cell["remarks"]
    assert data["curves"] == {}


def test_cells_of_other_data_stop_the_page(own_store, study_command):
    rows = own_store.read_predictions(cell_ids=["cell0"])
    row = {"cell_id": "cell0", "task": "knee", "status": "done", "index": 0, "seed": 0, "fold": 0}
    other = rows.assign(label=1 - rows["label"])
    own_store.write_cell(row | {"backbone": "ResNet18", "pretrain": "random", "head": "Linear"}, other)
    result = study_command("explore", own_store.root)
    assert result.exit_code == 2
    assert "images have another label or patient in one cell than in another" in result.output


def test_only_the_named_cells_are_shown(own_store, study_command):
    result = study_command("explore", own_store.root, "--cells", "cell0,cell3")
    assert result.exit_code == 0
    data = data_of(own_store.root / "explore.html")
    assert [cell["id"] for cell in data["cells"]] == ["cell0", "cell3"]
    assert set(data["tasks"]["knee"]["scores"]) == {"cell0", "cell3"}


def test_pictures_stay_within_their_room_and_the_page_says_which_were_chosen(own_store, study_command):
    result = study_command("explore", own_store.root, "--picture-mb", "0.02")
    data = data_of(own_store.root / "explore.html")
    pictures = data["tasks"]["knee"]["pictures"]
    maps = [picture for own in data["maps"].values() for picture in own.values()]
    assert 0 < len(pictures) < len(data["tasks"]["knee"]["images"])
    assert sum(map(len, [*pictures.values(), *maps])) <= 20_000
    assert f"pictures of {len(pictures)} of " in result.stderr
    tests = {image["image_id"] for image in data["tasks"]["knee"]["images"] if image["split"] == "test"}
    assert set(pictures) <= tests


def test_no_room_means_no_pictures(own_store, study_command):
    result = study_command("explore", own_store.root, "--picture-mb", "0")
    assert "Task knee: no pictures were asked for." in result.stderr
    data = data_of(own_store.root / "explore.html")
    assert data["tasks"]["knee"]["pictures"] == {}
    assert data["maps"] == {}


def test_an_image_whose_file_changed_is_not_shown(own_store, study_command):
    manifest = own_store.read_manifest("knee")
    first = manifest["image_id"][0]
    manifest.loc[0, "sha256"] = "0" * 64
    own_store.write_manifest("knee", manifest)
    result = study_command("explore", own_store.root)
    assert "1 of " in result.stderr
    assert "holds another file under their name (SHA-256)" in result.stderr
    assert first not in data_of(own_store.root / "explore.html")["tasks"]["knee"]["pictures"]


def test_imported_predictions_find_their_pictures_by_file_name(tmp_path, study_command):
    names = ["a", "b.png", "../c", "d"] + [f"e{number}" for number in range(6)]
    table = pd.DataFrame({"image": names, "truth": [0, 1] * 5, "patient": ["p", "p", *"qrstuvwx"]})
    table["model"] = np.linspace(0.1, 0.9, 10)
    table.to_csv(tmp_path / "scores.csv", index=False)
    words = ["--label", "truth", "--positive", 1, "--scores", "model", "--image-id", "image"]
    words += ["--patient", "patient"]
    made = study_command("import", tmp_path / "scores.csv", "--as", tmp_path / "store", *words)
    assert made.exit_code == 0, made.output
    without = study_command("explore", tmp_path / "store")
    assert "no pictures. The predictions were imported" in without.stderr
    assert "10 images of 9 patients count as independent" in without.stderr
    (tmp_path / "images").mkdir()
    none = study_command("explore", tmp_path / "store", "--data-root", tmp_path / "images")
    assert "holds no file named as an image id" in none.stderr
    for path in ("images/a.png", "images/b.png", "c.png"):
        Image.new("L", (40, 20), 99).save(tmp_path / path)
    result = study_command("explore", tmp_path / "store", "--data-root", tmp_path / "images")
    assert "8 of 10 images have no picture, since the folder of --data-root holds no file" in result.stderr
    (task,) = data_of(tmp_path / "store" / "explore.html")["tasks"].values()
    assert set(task["pictures"]) == {"a", "b.png"}  # ../c leads out of the folder
    picture = Image.open(io.BytesIO(base64.b64decode(task["pictures"]["a"])))
    assert (picture.format, picture.size, picture.mode) == ("JPEG", (40, 20), "L")


def test_a_map_that_is_gone_is_named(own_store, study_command):
    (own_store.gradcam_dir() / "cell2" / "overlay.png").unlink()
    result = study_command("explore", own_store.root)
    assert result.exit_code == 2
    assert "overlay.png', which is gone. Run `study gradcam " in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--cells", "none"],
            "has no cell 'none'; its 4 cells begin with cell0, cell1, cell2; without --cells",
        ),
        (["--cells", "cell1"], "None of the cells cell1 is done"),
        (["--pixels", "8"], "`pixels` is 8; allowed are 32 to 1024"),
        (["--picture-mb", "-1"], "`picture_mb` is -1; give megabytes from 0"),
        (["--out", "page.txt"], "--out page.txt: the page must end in .html."),
        (["--out", "nowhere/page.html"], "there is no folder 'nowhere'. Make it first."),
    ],
)
def test_bad_input_is_one_sentence(store, study_command, arguments, message):
    result = study_command("explore", store.root, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_the_published_grid_has_nothing_to_explore(study_command, monkeypatch):
    monkeypatch.setenv("STUDY_STORE", "published")
    result = study_command("explore")
    assert result.exit_code == 2
    assert "the published grid holds none, only metrics of each model" in result.output


def test_embedded_json_cannot_end_its_element():
    text = "</script><!-- & \u2028 'x' \"y\" ü"
    made = embedded_json({text: [text, None, 0.1]})
    assert not set("<>&\u2028") & set(made)
    assert json.loads(made) == {text: [text, None, 0.1]}


def test_embedded_json_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json([float("nan")])


@pytest.mark.parametrize("leads", ["../../secret.png", "/etc/hostname"])
def test_an_index_that_names_files_elsewhere_is_refused(study_command, own_store, leads):
    Image.new("RGB", (48, 48)).save(own_store.root.parent / "secret.png")
    path = own_store.gradcam_dir() / "index.parquet"
    write_parquet(path, pd.read_parquet(path).assign(overlay_path=leads))
    result = study_command("explore", own_store.root)
    assert result.exit_code == 2
    assert "which is not below" in result.output
