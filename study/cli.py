"""The command `study`: one module per command in study/commands, each registered here.

Command modules import heavy libraries inside their functions, so that `study --help` and the statistics
start at once and work where torch is not installed.
"""

import importlib
import os
import pkgutil
import sys
import warnings
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from study import commands


class StudyGroup(TyperGroup):
    """Turns bad input into one message and exit code 2, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output has gone (`study … | head`); nothing is wrong.
            sys.stderr.close()
            raise typer.Exit(0) from None
        except ModuleNotFoundError as error:
            extra = _extra_of(error.name or "")
            if extra is None:
                raise
            _fail(f"This command needs `{error.name}`, which is not installed: pip install '.[{extra}]'.")
        except (ValueError, OSError) as error:
            if os.environ.get("STUDY_DEBUG"):
                raise
            _fail(_message(error))


def _message(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _extra_of(module: str) -> str | None:
    root = module.partition(".")[0]
    if root in {"torch", "torchvision", "captum", "safetensors"}:
        return "train"
    if root in {"submitit", "ray"}:
        return "slurm" if root == "submitit" else "ray"
    if root in {"onnx", "onnxruntime"}:
        return "onnx"
    if root in {"plotnine", "great_tables", "nbclient", "nbformat", "ipykernel", "pypandoc", "tabulate"}:
        return "paper"
    if root in {"itables", "jinja2", "vl_convert"}:
        return "paper"
    return None


def _fail(message: str) -> None:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)


app = typer.Typer(
    cls=StudyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Compare image classifiers with statistics that hold up: from study file to manuscript.",
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(version("transfer-study"))
        raise typer.Exit(0)


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that stand before the command."""


for _found in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"study.commands.{_found.name}").register(app)


def main() -> None:
    """Entry point of the console script."""
    warnings.showwarning = _show_warning
    app()


_show_with_place = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """What we warn of in one line; the warnings of libraries with the place in the source."""
    if category is UserWarning:
        typer.echo(f"Warning: {message}", err=True)
    else:
        _show_with_place(message, category, filename, lineno, file, line)


if __name__ == "__main__":
    main()
