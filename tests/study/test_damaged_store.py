"""A store with damaged files: named by stats, mended by the same run, with the same results."""

import shutil

import pandas as pd
import pytest


@pytest.fixture
def copy(tiny_store, tmp_path):
    return shutil.copytree(tiny_store, tmp_path / "tiny")


def _tables(root):
    found = {path.stem: pd.read_parquet(path) for path in (root / "results").glob("*.parquet")}
    return {name: frame.drop(columns="seconds", errors="ignore") for name, frame in found.items()}


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_damaged_files_are_named_set_aside_and_computed_again(copy, tiny_study, study_command):
    assert study_command("stats", copy).exit_code == 0
    expected = _tables(copy)
    predictions = sorted(copy.glob("predictions/*/*.parquet"))
    checkpoint = next(copy.glob("checkpoints/*"))
    tensors = checkpoint.read_bytes()
    _flip(predictions[0])
    predictions[1].write_bytes(predictions[1].read_bytes()[:-9])
    _flip(checkpoint)

    stopped = study_command("stats", copy)
    assert stopped.exit_code == 2
    assert f"{predictions[1].name}' (it has " in stopped.stderr
    assert f"`study run-grid {tiny_study} --store {copy}`" in stopped.stderr

    mended = study_command("run-grid", tiny_study, "--store", copy, "--no-gradcam")
    assert mended.exit_code == 0
    assert "2 cells trained, 14 found done, 0 failed" in mended.stdout
    for path in (predictions[0], predictions[1], checkpoint):
        name = path.relative_to(copy)
        assert f"damaged file set aside: {name}" in mended.stderr.replace("\n", "")
        assert (copy / "damaged" / name).is_file()
    assert checkpoint.read_bytes() == tensors
    assert study_command("stats", copy).exit_code == 0
    for name, frame in _tables(copy).items():
        pd.testing.assert_frame_equal(frame, expected[name], check_exact=True, obj=name)


def test_a_damaged_row_stops_stats(copy, study_command):
    row = next(copy.glob("cells/*.json"))
    _flip(row)
    stopped = study_command("stats", copy)
    assert stopped.exit_code == 2
    assert f"1 file(s) are damaged: '{row}'" in stopped.stderr
