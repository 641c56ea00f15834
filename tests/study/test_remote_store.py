"""The whole path on an S3 server: the files and results of a store there equal those of a folder."""

import shutil

import pandas as pd
import pytest

from data.store import Store
from tests import s3_server

# Times of training differ from run to run.
_TIMED = ("seconds",)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def remote(s3_address, scratch, tiny_study, study_command):
    """The tiny study, trained and analysed on the server; tests leave it as it was."""
    url = "s3://bucket/runs/tiny"
    with s3_server.reached(s3_address, scratch=scratch):
        result = study_command("run-grid", tiny_study, "--store", url)
        assert result.exit_code == 0, result.output
        assert "16 cells trained, 0 found done, 0 failed" in result.stdout
        assert study_command("stats", url).exit_code == 0
        yield url


def _content(store: Store, name: str) -> object:
    if name.startswith(("history/", "results/metrics.")) and name.endswith(".parquet"):
        return store.read_table(name).drop(columns=list(_TIMED)).to_csv()
    return store.place.read_bytes(name)


@pytest.mark.slow
def test_a_store_on_s3_equals_one_in_a_folder(remote, tiny_study, tiny_store, study_command, tmp_path):
    here, there = Store.open(tiny_store), Store.open(remote)
    folders = ("predictions", "history", "checkpoints", "manifest", "splits", "exclusions", "gradcam")
    names = [name for folder in folders for name in here.files(folder)]
    assert len(names) > 40
    assert {folder: there.files(folder) for folder in folders} == {f: here.files(f) for f in folders}
    assert [name for name in names if _content(here, name) != _content(there, name)] == []

    verified = study_command("verify", remote)
    assert verified.exit_code == 0, verified.output
    assert "16 cells, 16 metrics checked; all as written." in verified.stdout
    again = study_command("run-grid", tiny_study, "--store", remote)
    assert again.exit_code == 0
    assert "0 cells trained, 16 found done, 0 failed" in again.stdout
    status = study_command("status", remote)
    assert f"Store {remote}: 16 planned cells" in status.stdout

    copy = shutil.copytree(tiny_store, tmp_path / "copy")
    assert study_command("stats", copy).exit_code == 0
    results = Store.open(copy)
    tables = [name for name in results.files("results") if name.endswith((".parquet", ".csv"))]
    compared = [name for name in tables if name != "results/metrics.csv"]  # as its parquet, without times
    assert len(compared) > 30
    assert [name for name in compared if _content(results, name) != _content(there, name)] == []

    page = study_command("explore", remote)
    assert page.exit_code == 0, page.output
    assert there.has_file("explore.html")


def test_the_manuscript_reads_a_copy(remote, scratch, monkeypatch):
    pytest.importorskip("great_tables")
    from manuscript.load import find_store, load_report

    monkeypatch.setenv("STUDY_STORE", remote)
    report = load_report(find_store())
    assert len(report.done) == 16
    assert isinstance(report.table("metrics"), pd.DataFrame)
    assert report.root.is_relative_to(scratch)
    assert (report.root / "predictions").is_dir()


@pytest.mark.slow
def test_damage_on_s3_is_named_and_mended(remote, tiny_study, study_command):
    store = Store.open(remote)
    name = store.files("predictions")[0]
    whole = store.place.read_bytes(name)
    store.write_file(name, whole[:-4] + b"XXXX")
    verified = study_command("verify", remote)
    assert verified.exit_code == 1
    assert f"damaged {name}: its SHA-256 is another one" in verified.stdout
    assert study_command("stats", remote).exit_code == 2
    mended = study_command("run-grid", tiny_study, "--store", remote, "--no-gradcam")
    assert "1 cells trained, 15 found done, 0 failed" in mended.stdout
    assert store.place.read_bytes(name) == whole
    assert store.has_file(f"damaged/{name}")
