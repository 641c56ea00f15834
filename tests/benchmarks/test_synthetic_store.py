"""The stores of the benchmark are those that `Store` would write."""

from benchmarks.synthetic_store import make_store
from data.store import Store
from study.analyses.grid_data import load_grid


def test_the_quick_way_writes_the_same_bytes(tmp_path):
    quick, slow = (
        make_store(tmp_path / name / "store", 20, 60, bulk=name == "quick") for name in ("quick", "slow")
    )
    names = slow.files("")
    assert names == quick.files("")
    assert len(names) == 2 * 20 + 4
    for name in names:
        assert quick.place.read_bytes(name) == slow.place.read_bytes(name), name


def test_its_cells_can_be_analysed(tmp_path):
    make_store(tmp_path / "store", 10, 500)
    data = load_grid(Store.open(tmp_path / "store"))
    assert data.metrics["test_auc"].between(0.7, 0.9).all()
    assert data.metrics.groupby("pretrain")["cell_id"].count().to_dict() == {"pretrained": 5, "random": 5}
