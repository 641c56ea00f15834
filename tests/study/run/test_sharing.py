"""Several runners on one store: the work is shared, nothing is doubled, and the results are those of one."""

import shutil
import time

import pytest

from data.place.local import LocalPlace
from study.run.leases import held_leases
from study.run.worklog import read_entries
from tests.study.run.conftest import cells_trained, kill_like_a_machine, planned_ids, results, workers


def test_one_run_leaves_a_log_and_no_lease(tiny_store):
    entries = read_entries(LocalPlace(tiny_store))
    assert [entry["kind"] for entry in entries] == ["group", "group"]
    assert cells_trained(tiny_store) == planned_ids(tiny_store)
    assert held_leases(LocalPlace(tiny_store)) == {}
    assert LocalPlace(tiny_store).names("work/runners") == []


@pytest.mark.slow
def test_two_runners_share_the_work_and_double_none_of_it(tiny_store, start_run, tmp_path):
    root = tmp_path / "shared"
    runs = [start_run(root, "--pack", 2) for _ in range(2)]
    for run in runs:
        out, err = run.communicate(timeout=400)
        assert run.returncode == 0, err
        assert "0 failed" in out
    assert cells_trained(root) == planned_ids(root)
    assert results(root) == results(tiny_store)
    assert held_leases(LocalPlace(root)) == {}
    assert len(workers(LocalPlace(root))) == 2, "one runner did everything"


@pytest.mark.slow
def test_work_of_a_killed_runner_is_taken_over_while_it_goes_on(tiny_store, start_run, tmp_path):
    root = tmp_path / "killed"
    files = LocalPlace(root)
    first = start_run(root, "--pack", 2, "--expiry", 3)
    deadline = time.monotonic() + 400
    while not list(root.glob("cells/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert kill_like_a_machine(files, first), "the runner was killed between two units"
    second = start_run(root, "--pack", 2, "--expiry", 3)
    _, err = second.communicate(timeout=400)
    assert second.returncode == 0, err
    assert results(root) == results(tiny_store)
    assert held_leases(files) == {}


def test_shards_together_equal_one_run(tiny_store, tiny_study, study_command, tmp_path):
    root = tmp_path / "shards"
    told = []
    for shard in ("2/3", "0/3", "1/3"):
        result = study_command("run-grid", tiny_study, "--store", root, "--shard", shard, "--no-gradcam")
        assert result.exit_code == 0, result.output
        told.append(result.stdout)
    assert "left to other shards" in told[0]
    assert "Next: study stats" in told[2]
    assert cells_trained(root) == planned_ids(root)
    assert results(root) == results(tiny_store)
    assert not list((root / "work" / "checkpoints").glob("*"))


def test_shards_of_separate_stores_are_joined_by_copying(tiny_store, tiny_study, study_command, tmp_path):
    joined = tmp_path / "joined"
    for number in range(3):
        part = tmp_path / f"part{number}"
        shard = ["--shard", f"{number}/3", "--no-gradcam"]
        result = study_command("run-grid", tiny_study, "--store", part, *shard)
        assert result.exit_code == 0, result.output
        for folder in ("cells", "predictions", "history", "work/checkpoints", "checkpoints"):
            if (part / folder).is_dir():
                shutil.copytree(part / folder, joined / folder, dirs_exist_ok=True)
    result = study_command("run-grid", tiny_study, "--store", joined, "--no-gradcam")
    assert "0 cells trained, 16 found done" in result.stdout
    assert results(joined) == results(tiny_store)
    assert not list((joined / "work" / "checkpoints").glob("*"))


def test_a_failing_cell_is_not_tried_again_by_the_other_runner(
    tiny_study, study_command, start_run, tmp_path
):
    study = tmp_path / "nan.toml"
    text = tiny_study.read_text().replace("lr = 1e-2", "")
    study.write_text(text.replace("[factors]", "[factors]\nlr = [1e-2, 1e30]"))
    root = tmp_path / "nan"
    part = [
        "--only",
        "seed=0",
        "--only",
        "pretrain=random",
        "--only",
        "head=Linear",
        "--only",
        "lr_decay=beta",
    ]
    first = study_command("run-grid", study, "--store", root, *part, "--pack", 1, "--no-gradcam")
    assert first.exit_code == 1, first.output
    entries = read_entries(LocalPlace(root))
    failed = [cell for entry in entries for cell in entry["failed"]]
    assert len(failed) == len(set(failed)) == 1
    again = study_command("run-grid", study, "--store", root, *part, "--pack", 1, "--no-gradcam")
    assert again.exit_code == 1, "a failed cell is tried again by a new run"
    assert sum(bool(entry["failed"]) for entry in read_entries(LocalPlace(root))) == 2


@pytest.mark.parametrize("shard", ["3/3", "1", "a/b", "-1/2", "1/0"])
def test_a_shard_that_is_none_is_refused(tiny_study, study_command, tmp_path, shard):
    result = study_command("run-grid", tiny_study, "--store", tmp_path / "s", "--shard", shard)
    assert result.exit_code == 2
    assert "0 <= i < n" in result.stderr
    assert not (tmp_path / "s").exists()


def test_the_checkpoint_of_a_lost_candidate_is_made_again(tiny_store, tiny_study, study_command, tmp_path):
    root = tmp_path / "lost"
    for shard in ("0/4", "1/4", "2/4"):
        done = study_command("run-grid", tiny_study, "--store", root, "--shard", shard, "--no-gradcam")
        assert done.exit_code == 0, done.output
    kept = list((root / "work" / "checkpoints").glob("*"))
    assert kept
    for path in kept:
        path.unlink()
    done = study_command("run-grid", tiny_study, "--store", root, "--no-gradcam", "--pack", 4)
    assert done.exit_code == 0, done.output
    assert results(root) == results(tiny_store)
