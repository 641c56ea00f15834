"""`study audit` goes to its default command unless another is named first."""

import pytest
import typer
from typer.testing import CliRunner

from study.commands.audit.default_group import DEFAULT_COMMAND, DefaultGroup


@pytest.fixture
def app() -> typer.Typer:
    group = typer.Typer(cls=DefaultGroup, no_args_is_help=True)

    @group.command(DEFAULT_COMMAND)
    def design(store: str = typer.Argument("newest"), strict: bool = typer.Option(False, "--strict")) -> None:
        typer.echo(f"design {store} {strict}")

    @group.command("claims")
    def claims(file: str) -> None:
        typer.echo(f"claims {file}")

    root = typer.Typer()
    root.add_typer(group, name="audit")
    root.command("other")(lambda: None)
    return root


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "design newest False"),
        (["runs/mine"], "design runs/mine False"),
        (["--strict"], "design newest True"),
        (["--strict", "runs/mine"], "design runs/mine True"),
        (["design", "runs/mine"], "design runs/mine False"),
        (["./claims"], "design ./claims False"),
        (["claims", "paper.toml"], "claims paper.toml"),
    ],
)
def test_the_first_word_decides(app, words, answer):
    result = CliRunner().invoke(app, ["audit", *words])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == answer


def test_help_is_that_of_the_group(app):
    text = CliRunner().invoke(app, ["audit", "--help"]).output
    assert "claims" in text
    assert DEFAULT_COMMAND in text
