"""Result tables of the maps, from tables per image with known answers."""

import numpy as np
import pandas as pd
import pytest

from data.atomic import write_parquet
from data.store import Store
from stats.results import RESULT_COLUMNS
from study.gradcam.files import CENTRE, GRADCAM, UNIFORM, read_planned, write_part
from study.gradcam.tables import TABLE_COLUMNS, saliency_tables, write_saliency_tables

A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
N = 12


def _measures(cell_id, energies, *, maps=(GRADCAM, UNIFORM, CENTRE), patients=True, threshold=0.5, n=N):
    rng = np.random.default_rng(2)
    rows = []
    for name in maps:
        values = np.asarray(energies if name == GRADCAM else np.full(n, 0.1), dtype=float)
        rows.append(
            pd.DataFrame(
                {
                    "task": "breast", "cell_id": cell_id, "fold": 0,
                    "image_id": [f"i{k:02d}" for k in range(n)],
                    "group_id": [f"p{k // 2}" for k in range(n)] if patients else None,
                    "class": "malignant", "label": np.int8(1),
                    "kind": ["true positive" if k % 3 else "false negative" for k in range(n)],
                    "score": 0.5, "map": name, "mask_share": 0.1, "energy": values,
                    "pointing": rng.integers(0, 2, n).astype(float), "iou": values / 2,
                    "threshold": threshold, "tolerance": 0.0,
                }
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    grid = pd.DataFrame(
        {
            "study": "s",
            "index": [0, 1],
            "cell_id": [A, B],
            "task": "breast",
            "pretrain": ["random", "phantom"],
        }
    )
    write_parquet(store.root / "grid.parquet", grid)
    predictions = pd.DataFrame(
        {
            "seed": 0, "fold": 0, "split": "test", "image_id": ["x", "y"], "group_id": None,
            "label": np.int8(1), "score": 0.5, "logit_0": np.float32(0), "logit_1": np.float32(0),
        }
    )  # fmt: skip
    for cell_id in (A, B):
        row = {"cell_id": cell_id, "task": "breast", "status": "done", "reason": None}
        store.write_cell(row, predictions.assign(cell_id=cell_id), None)
    return store


def test_a_store_without_maps_has_empty_tables_with_their_columns(store):
    tables = saliency_tables(store)
    for name, columns in TABLE_COLUMNS.items():
        assert tuple(tables[name].columns) == columns
        assert tables[name].empty
    assert tuple(tables["saliency_tests"].columns) == RESULT_COLUMNS


def test_means_and_differences_are_those_of_the_images(store):
    one, other = np.linspace(0.1, 0.6, N), np.linspace(0.2, 0.3, N)
    write_part(store, A, "measures", _measures(A, one))
    write_part(store, B, "measures", _measures(B, other))
    tables = write_saliency_tables(store)
    means = tables["saliency"].set_index(["cell_id", "map", "images", "metric"])
    assert means.loc[(A, GRADCAM, "all", "energy"), "estimate"] == pytest.approx(one.mean())
    hits = means.loc[(A, GRADCAM, "true positive", "energy")]
    assert hits["estimate"] == pytest.approx(one[np.arange(N) % 3 > 0].mean())
    assert hits["n"] == 8
    assert means.loc[(A, UNIFORM, "all", "iou"), "estimate"] == pytest.approx(0.05)
    assert means.loc[(A, GRADCAM, "all", "energy"), "n_groups"] == 6
    tests = tables["saliency_tests"].set_index(["comparison", "metric"])
    pair = tests.loc[(f"cell {A} - cell {B}", "energy")]
    assert (pair["arm_a"], pair["arm_b"]) == ("random", "phantom")
    assert pair["estimate"] == pytest.approx((one - other).mean())
    assert not tests["planned"].any()
    against = tests.loc[(f"cell {A}: {GRADCAM} - {UNIFORM}", "energy")]
    assert against["estimate"] == pytest.approx((one - 0.1).mean())
    pd.testing.assert_frame_equal(store.read_result("saliency"), tables["saliency"], check_dtype=False)


def test_two_cells_of_one_pretraining_are_told_apart(store):
    grid = pd.read_parquet(store.root / "grid.parquet").assign(pretrain="random")
    write_parquet(store.root / "grid.parquet", grid)
    for cell_id in (A, B):
        write_part(store, cell_id, "measures", _measures(cell_id, np.full(N, 0.3)))
    tables = saliency_tables(store)
    assert set(tables["saliency"]["arm"]) == {"random (cell aaaaaa)", "random (cell bbbbbb)"}
    pair = tables["saliency_tests"].query("comparison == 'cell aaaaaaaaaaaa - cell bbbbbbbbbbbb'").iloc[0]
    assert (pair["arm_a"], pair["arm_b"]) == ("random (cell aaaaaa)", "random (cell bbbbbb)")


def test_differences_go_in_the_order_of_the_pretrainings(store):
    grid = pd.read_parquet(store.root / "grid.parquet")
    first = pd.DataFrame(
        {"study": "s", "index": [2], "cell_id": ["0" * 12], "task": "knee", "pretrain": "phantom"}
    )
    write_parquet(store.root / "grid.parquet", pd.concat([first, grid]))  # phantom is the first level now
    for cell_id in (A, B):
        write_part(store, cell_id, "measures", _measures(cell_id, np.full(N, 0.3)))
    comparisons = saliency_tables(store)["saliency_tests"]["comparison"]
    assert comparisons.iloc[0] == f"cell {B} - cell {A}"


def test_p_values_are_adjusted_within_their_family(store):
    for cell_id, shift in ((A, 0.0), (B, 0.1)):
        write_part(store, cell_id, "measures", _measures(cell_id, shift + np.linspace(0.1, 0.6, N)))
    tests = saliency_tables(store)["saliency_tests"]
    assert set(tests["family"]) == {"maps of two cells, breast", "maps against reference maps, breast"}
    between = tests[tests["family"] == "maps of two cells, breast"]
    assert len(between) == 3
    assert (between["p_adjusted"] >= between["p_value"]).all()
    assert between["p_adjusted"].min() == pytest.approx(min(1.0, 3 * between["p_value"].min()))


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"threshold": 0.2}, "measured at another threshold or tolerance: run `study gradcam`"),
        ({"n": N - 2, "energies": np.full(N - 2, 0.3)}, "not the same images: run `study gradcam`"),
    ],
)
def test_what_cannot_be_paired_says_so(store, changed, note):
    write_part(store, A, "measures", _measures(A, np.full(N, 0.3)))
    write_part(store, B, "measures", _measures(B, **{"energies": np.full(N, 0.3), **changed}))
    tests = saliency_tables(store)["saliency_tests"]
    pair = tests[tests["comparison"] == f"cell {A} - cell {B}"]
    assert len(pair) == 3
    assert pair[["estimate", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert pair["note"].str.startswith(note).all()


def test_rows_of_a_task_whose_split_leaks_say_so(store):
    manifest = pd.DataFrame(
        {
            "image_id": ["t", "x", "y"], "path": "p", "group_id": ["p1", "p1", "p2"], "class": "malignant",
            "label": np.int8(1), "sha256": "0", "width": 4, "height": 4, "mask_path": None,
        }
    )  # fmt: skip
    store.write_manifest("breast", manifest)
    store.write_split(
        "breast", pd.DataFrame({"image_id": ["t", "x", "y"], "split": ["train", "test", "test"]})
    )
    for cell_id in (A, B):
        write_part(store, cell_id, "measures", _measures(cell_id, np.linspace(0.1, 0.6, N)))
    tables = saliency_tables(store)
    for name in ("saliency", "saliency_tests"):
        assert tables[name]["note"].str.contains("the split leaks: 50% of the test images").all()


def test_one_image_has_a_mean_and_no_interval(store):
    write_part(store, A, "measures", _measures(A, [0.3], n=1, patients=False))
    tables = saliency_tables(store)
    row = tables["saliency"].query("map == @GRADCAM and images == 'all' and metric == 'energy'").iloc[0]
    assert row["estimate"] == pytest.approx(0.3)
    assert np.isnan(row["conf_low"])
    assert "fewer than 2 images or patients" in row["note"]
    assert tables["saliency_tests"]["p_value"].isna().all()


def test_empty_maps_count_as_0_and_are_named(store):
    energies = np.linspace(0.1, 0.6, N)
    energies[0] = np.nan
    write_part(store, A, "measures", _measures(A, energies))
    means = saliency_tables(store)["saliency"].set_index(["map", "images", "metric"])
    row = means.loc[(GRADCAM, "all", "energy")]
    assert row["estimate"] == pytest.approx(np.nansum(energies) / N)
    assert "1 of 12 maps hold no evidence and count as 0" in row["note"]


def test_cells_of_an_earlier_grid_are_left_out(store):
    write_part(store, A, "measures", _measures(A, np.full(N, 0.3)))
    old = "cccccccccccc"
    write_part(store, old, "measures", _measures(old, np.full(N, 0.9)))
    assert set(read_planned(store, "measures")["cell_id"]) == {A}
    assert set(saliency_tables(store)["saliency"]["cell_id"]) == {A}


def test_agreement_is_averaged_over_draws_then_over_images(store):
    rows = [
        {"task": "breast", "cell_id": A, "draw": draw, "depth": 0, "part": "head", "image_id": image,
         "group_id": None, "rank_correlation": value, "ssim": 0.5}
        for image, values in (("i1", (0.2, 0.4)), ("i2", (-0.5, np.nan)))
        for draw, value in enumerate(values)
    ]  # fmt: skip
    write_part(store, A, "randomisation", pd.DataFrame(rows))
    found = saliency_tables(store)["saliency_randomisation"].set_index("metric").loc["rank_correlation"]
    assert found["estimate"] == pytest.approx((0.3 - 0.25) / 2)
    assert (found["n"], found["draws"]) == (2, 2)
    assert "1 of 4 maps have one value only: rank correlation 0" in found["note"]


def test_stability_has_a_row_per_pair_of_seeds(store):
    rows = pd.DataFrame(
        {
            "task": "breast", "cell_id": A, "other_cell_id": B, "seed": 0, "other_seed": 1,
            "image_id": ["i1", "i2", "i3"], "group_id": ["p1", "p2", "p3"],
            "rank_correlation": [0.5, 0.7, 0.6], "ssim": [0.9, 0.8, 0.7],
        }
    )  # fmt: skip
    write_part(store, A, "stability", rows)
    found = saliency_tables(store)["saliency_stability"].set_index("metric")
    assert found.loc["rank_correlation", "estimate"] == pytest.approx(0.6)
    assert found.loc["ssim", "estimate"] == pytest.approx(0.8)
