"""`study gradcam` on a store that was really trained."""

import shutil

import pandas as pd
import pytest
from great_tables import GT
from plotnine import ggplot

from data.store import Store
from manuscript.load import load_report
from study.gradcam.cells import best_cells, best_cells_per_pretraining, twins
from study.gradcam.files import GRADCAM, MEAN_MASK, TABLES
from study.stores import planned_cells


@pytest.fixture(scope="module")
def explained(tiny_store, study_command, tmp_path_factory):
    """A copy of the tiny store after the command with every part, and what it printed."""
    root = shutil.copytree(tiny_store, tmp_path_factory.mktemp("explained") / "store")
    result = study_command("gradcam", root, "--per-kind", "1", "--seeds", "--draws", "2")
    assert result.exit_code == 0, result.output
    return Store.open(root), result


def test_the_best_cell_of_each_task_and_pretraining_is_explained(explained):
    store, result = explained
    cells = best_cells_per_pretraining(store)
    assert len(cells) == 2
    assert cells["pretrain"].nunique() == 2
    assert set(best_cells(store)["cell_id"]) < set(cells["cell_id"])
    for name in ("index", "measures", "randomisation", "stability"):
        table = pd.read_parquet(store.gradcam_dir() / f"{name}.parquet")
        assert set(table["cell_id"]) == set(cells["cell_id"]), name
        assert tuple(table.columns) == tuple(TABLES[name])
    assert "Grad-CAM of the predicted class, test images" in result.stdout
    assert "Test images with a lesion, mean (interval)" in result.stdout
    assert "Agreement with the map of another seed" in result.stdout


def test_all_test_images_with_a_lesion_are_measured(explained):
    store, _ = explained
    measures = pd.read_parquet(store.gradcam_dir() / "measures.parquet")
    manifest = store.read_manifest("breast").merge(store.read_split("breast"), on="image_id")
    lesions = manifest[(manifest["split"] == "test") & (manifest["class"] != "normal")]["image_id"]
    for _, own in measures[measures["map"] == GRADCAM].groupby("cell_id"):
        assert sorted(own["image_id"]) == sorted(lesions)
    assert MEAN_MASK in set(measures["map"])


def test_result_tables_lie_beside_the_others(explained):
    store, _ = explained
    tests = store.read_result("saliency_tests")
    a, b = best_cells_per_pretraining(store)["cell_id"]
    assert f"cell {a} - cell {b}" in set(tests["comparison"])
    measures = pd.read_parquet(store.gradcam_dir() / "measures.parquet").query("map == @GRADCAM")
    energy = measures.set_index(["cell_id", "image_id"])["energy"]
    row = tests[(tests["comparison"] == f"cell {a} - cell {b}") & (tests["metric"] == "energy")].iloc[0]
    difference = (energy[a].fillna(0.0) - energy[b].fillna(0.0)).mean()
    assert row["estimate"] == pytest.approx(difference)
    assert not store.read_result("saliency_randomisation").empty
    assert not store.read_result("saliency_stability").empty


def test_a_twin_is_trained_again_to_the_scores_of_the_store(explained, tiny_store):
    store, _ = explained
    for cell_id in best_cells_per_pretraining(store)["cell_id"]:
        (twin,) = twins(store, cell_id)["cell_id"]
        assert twin != cell_id
        assert store.checkpoint_path(twin).exists(), "kept now"
        assert not Store.open(tiny_store).checkpoint_path(twin).exists(), "not kept by the run"
        stability = pd.read_parquet(store.gradcam_dir() / "stability.parquet")
        assert set(stability.loc[stability["cell_id"] == cell_id, "other_cell_id"]) == {twin}


def test_named_cells_and_images_only(explained, study_command, tiny_store, tmp_path):
    store = Store.open(shutil.copytree(tiny_store, tmp_path / "store"))
    cell = best_cells_per_pretraining(store)["cell_id"].iloc[-1]
    names = list(store.read_predictions(cell_ids=[cell], splits=["test"])["image_id"].iloc[[3, 0]])
    shutil.rmtree(store.gradcam_dir())
    result = study_command(
        "gradcam", store.root, "--cells", cell, "--images", ",".join(names), "--draws", "0"
    )
    assert result.exit_code == 0, result.output
    index = pd.read_parquet(store.gradcam_dir() / "index.parquet")
    assert list(index["image_id"]) == names
    assert set(index["cell_id"]) == {cell}
    assert not (store.gradcam_dir() / "randomisation.parquet").exists()
    assert store.read_result("saliency_randomisation").empty


def test_stats_writes_the_tables_again_from_the_stored_measures(explained, study_command):
    store, _ = explained
    before = store.read_result("saliency")
    (store.results_dir() / "saliency.parquet").unlink()
    result = study_command("stats", store.root)
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(store.read_result("saliency"), before)
    assert "Test images with a lesion, mean (interval)" in result.stdout


@pytest.mark.parametrize("name", ["measures", "means", "differences", "randomisation", "stability"])
def test_the_supplement_shows_what_was_measured(explained, name):
    floats = pytest.importorskip("manuscript.floats_saliency")
    store, _ = explained
    shown = getattr(floats, name)(load_report(store.root))
    assert isinstance(shown, GT | ggplot), getattr(shown, "data", shown)
    if isinstance(shown, ggplot):
        shown.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cells", "000000000000"], "Cell 000000000000 has no checkpoint in"),
        (["--images", "nowhere"], "1 image(s) are no test images of cell"),
        (["--per-kind", "0"], "`per_kind` is 0; allowed are whole numbers from 1"),
        (["--threshold", "0"], "--threshold 0.0: allowed are shares of the maximum in (0, 1]"),
        (["--tolerance", "-1"], "--tolerance -1.0: allowed are pixels from 0"),
        (["--draws", "-1"], "--draws -1: allowed are whole numbers from 0"),
    ],
)
def test_bad_input_gives_one_sentence(tiny_store, study_command, arguments, message):
    result = study_command("gradcam", tiny_store, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_store_without_checkpoints_names_the_next_step(tiny_store, study_command, tmp_path):
    root = shutil.copytree(tiny_store, tmp_path / "store", ignore=shutil.ignore_patterns("checkpoints"))
    result = study_command("gradcam", root)
    assert result.exit_code == 2
    assert "has a checkpoint. Run `study run-grid` to the end first" in result.stderr
    assert study_command("gradcam", "nowhere").exit_code == 2


def test_twins_differ_in_the_seed_alone(tiny_store):
    store = Store.open(tiny_store)
    cells = planned_cells(store).set_index("cell_id")
    for cell_id in cells.index:
        (twin,) = twins(store, cell_id)["cell_id"]
        one, other = cells.loc[cell_id], cells.loc[twin]
        differing = [name for name in cells if not (one[name] == other[name] or pd.isna(one[name]))]
        assert sorted(differing) == ["index", "seed"]
    with pytest.raises(ValueError, match="Cell nowhere is not done in"):
        twins(store, "nowhere")
