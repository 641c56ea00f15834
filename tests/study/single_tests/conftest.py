"""Calls of `study test` that must succeed or be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from study.cli import app


@pytest.fixture
def run() -> Callable[..., str]:
    """Output of a call that must succeed and print nothing to stderr."""

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(app, ["test", *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
        return result.stdout

    return call


@pytest.fixture
def refused() -> Callable[..., str]:
    """Message of a call that must end with exit code 2 and print nothing to stdout."""

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(app, ["test", *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 2, result.stdout
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr

    return call
