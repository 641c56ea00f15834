"""`study weights`: tables, checks, and one clear sentence for bad input."""

import hashlib
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from study.cli import app
from training import pretrain, weights_files
from training.pretrain import PretrainRecipe
from training.weights_files import PUBLIC_FILES

TINY = PretrainRecipe(n_images=20, size=48, window=32, epochs=1, batch_size=10)


@pytest.fixture(autouse=True)
def _empty_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("STUDY_WEIGHTS", str(tmp_path / "weights"))


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words))


def test_list_shows_every_combination_and_how_to_get_it(run, tmp_path):
    result = run("weights", "list")
    assert result.exit_code == 0, result.output
    for file in PUBLIC_FILES:
        assert file.url in result.stdout
        assert str(tmp_path / "weights" / file.name) in result.stdout
    assert result.stdout.count("missing") == len(PUBLIC_FILES) + 4
    assert "study weights make-phantom --backbone DenseNet121" in result.stdout
    assert "RadImageNet ResNet18" not in result.stdout


def test_list_marks_what_is_there_and_what_is_damaged(run, tmp_path):
    folder = tmp_path / "weights" / "RadImageNet_pytorch"
    folder.mkdir(parents=True)
    (folder / "ResNet50.pt").write_bytes(b"anything")
    (tmp_path / "weights" / "resnet18-f37072fd.pth").write_bytes(b"half a download")
    result = run("weights", "list")
    assert result.exit_code == 0, result.output
    there = next(line for line in result.stdout.splitlines() if str(folder / "ResNet50.pt") in line)
    assert " there " in there
    assert "damaged" in result.stdout
    assert "resnet18-f37072fd.pth is truncated or altered" in result.stdout


def test_check_reports_what_was_loaded(run, other_weights):
    result = run("weights", "check", str(other_weights), "--backbone", "ResNet18")
    assert result.exit_code == 0, result.output
    assert "fits ResNet18: 120 tensors (torchvision key layout)" in result.stdout
    assert "Features of 64 procedural images: 512 values each" in result.stdout


def test_check_knows_levels_and_fusions(run, other_weights):
    result = run("weights", "check", f"random+file:{other_weights}", "--backbone", "ResNet18")
    assert result.exit_code == 0, result.output
    assert "random of ResNet18 is computed (SHA-256" in result.stdout
    assert "fits ResNet18: 120 tensors" in result.stdout
    assert f"Fusion random+file:{other_weights}: 1024 features, SHA-256 of the parts" in result.stdout
    missing = run("weights", "check", "random+RadImageNet", "--backbone", "ResNet50")
    assert missing.exit_code == 2
    assert "RadImageNet weights for ResNet50 are not on this machine" in missing.stderr


def test_check_refuses_another_network(run, other_weights):
    result = run("weights", "check", str(other_weights), "--backbone", "ResNet50")
    assert result.exit_code == 2
    assert "does not fit ResNet50" in result.stderr
    assert "It is a file of ResNet18" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["weights", "check", "none.pt", "--backbone", "ResNet18"], "There is no weights file none.pt."),
        (["weights", "make-phantom", "--backbone", "VGG16"], "Unknown backbone 'VGG16'; available: ResNet18"),
        (
            ["weights", "fetch", "RadImageNet", "--backbone", "ResNet18"],
            "they exist for ResNet50, DenseNet121",
        ),
    ],
)
def test_bad_input_gives_one_sentence(run, words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_make_phantom_writes_once_and_prints_the_hash(run, monkeypatch, tmp_path):
    monkeypatch.setitem(pretrain.RECIPES, "ResNet18", TINY)
    first = run("weights", "make-phantom", "--backbone", "ResNet18")
    assert first.exit_code == 0, first.output
    assert str(tmp_path / "weights" / "phantom-ResNet18") in first.stdout.replace("\n", "")
    again = run("weights", "make-phantom")
    assert again.stdout == first.stdout


def test_fetch_brings_a_public_file_and_prints_its_hash(run, monkeypatch, https_server, tmp_path):
    url = https_server.serve("/ResNet50.pt", b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    file = replace(weights_files.public_file("RadImageNet", "ResNet50"), url=url, sha256=digest)
    monkeypatch.setattr(weights_files, "PUBLIC_FILES", (file,))
    result = run("weights", "fetch", "RadImageNet", "--backbone", "ResNet50")
    assert result.exit_code == 0, result.output
    path = tmp_path / "weights" / "RadImageNet_pytorch" / "ResNet50.pt"
    assert result.stdout == f"{path} (SHA-256 {digest})\n"
    assert path.read_bytes() == b"weights"
    assert run("weights", "fetch", "RadImageNet", "--backbone", "ResNet50").stdout == result.stdout
    assert len(https_server.requests) == 1
