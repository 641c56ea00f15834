"""`study run-grid --dry-run`: the plan without the training."""

import numpy as np
import pytest

from tests.data.trees import breastmnist_arrays, write_busi, write_radimagenet


@pytest.mark.parametrize(
    "study", ["augmentation", "baseline", "best-models", "fusion", "large-grid", "unfreezing"]
)
def test_the_papers_studies_find_the_documented_layouts(study_command, tmp_path, study):
    write_busi(tmp_path, n=20)
    write_radimagenet(tmp_path, "acl", n=60)
    result = study_command(
        "run-grid", study, "--dry-run", "--data-root", tmp_path, "--weights-dir", tmp_path / "weights"
    )
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert text.count("the images on this machine") >= 2
    assert "Data set `" not in text
    assert "acl: This copy of radimagenet-acl has 60 no, 60 yes images" in text


def test_the_papers_grid_is_planned_without_data_or_weights(study_command, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    result = study_command("run-grid", "large-grid", "--dry-run", "--weights-dir", tmp_path)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "176 cells in 8 groups" in text
    assert "breast │ 585 │ 117 │ 78" in text
    assert "acl │ 765 │ 153 │ 103" in text
    assert text.count("│ 22 │") == 8
    for missing in (
        "Data set `busi`",
        "Data set `radimagenet-acl`",
        "ImageNet/ResNet50",
        "RadImageNet/DenseNet121",
    ):
        assert missing in text
    assert "Estimate on two CPU cores" in text
    assert list(tmp_path.iterdir()) == []


def test_the_demo_lacks_nothing_but_weights_that_the_run_makes(study_command, tmp_path):
    result = study_command("run-grid", "--dry-run", "--weights-dir", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Nothing is missing on this machine" in result.stdout
    assert "the run makes them first" in result.stdout


def test_a_part_of_the_grid_is_planned(study_command, tmp_path):
    arguments = ("run-grid", "demo", "--dry-run", "--only", "head=Linear", "--weights-dir", tmp_path)
    assert "16 cells in 4 groups" in study_command(*arguments).stdout


def test_breastmnist_is_divided_as_its_file_says(study_command, tmp_path):
    np.savez(tmp_path / "breastmnist_128.npz", **breastmnist_arrays(128))
    result = study_command("run-grid", "breastmnist", "--dry-run", "--data-root", tmp_path)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "16 cells in 4 groups" in text
    assert "breast │ 12 │ 4 │ 8 │ the images on this machine" in text
    assert "breast: This copy of BreastMNIST has 9 malignant, 15 normal or benign images" in text
