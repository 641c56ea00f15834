"""`study stats --published`: the paper's tables beside the same computed, and what lies beyond."""

from __future__ import annotations

from typer.testing import CliRunner

from study.cli import app


def test_the_command_prints_printed_beside_computed() -> None:
    result = CliRunner().invoke(app, ["stats", "--published"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Table 13: Wilcoxon rank-sum tests" in result.stdout
    line = next(line for line in result.stdout.splitlines() if "998.5" in line)
    assert line.split()[-5:] == ["W", "998.5", "998.5", "equal", "998.5"]
    flat = " ".join(result.stdout.split())
    assert "123 values: 112 equal in every printed digit, 1 as near as" in flat
    assert "0 not equal" in flat
    assert "no predictions were published" in flat


def test_the_command_takes_no_store_with_published() -> None:
    result = CliRunner().invoke(app, ["stats", "somewhere", "--published"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "--published takes no store" in result.stderr


def test_the_command_goes_beyond_the_paper() -> None:
    """Matched pairs, the pretraining within each backbone, and the reversal that the main effect hides."""
    text = CliRunner().invoke(app, ["stats", "--published"], catch_exceptions=False).stdout
    flat = " ".join(text.split())
    assert "Exact permutation tests over matched cells" in text
    assert "ImageNet - RadImageNet within backbone = ResNet50" in flat
    assert "The effect of 'pretrain' (RadImageNet - ImageNet) changes sign with 'backbone'" in flat
    assert "not planned" not in text
    assert "pretrain:backbone 30.49" in flat
    assert "Conv, ConvSkip both 64 0.0235" in flat
    assert "DenseNet121 RadImageNet 22 14" in flat
