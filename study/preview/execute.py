"""Run the cells and inline expressions of .qmd files in a Jupyter kernel; give markdown with outputs."""

from __future__ import annotations

import ast
import base64
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from study.preview.qmd import CodeCell, Document, Prose

_ASK = "display({{'application/json': get_ipython().user_expressions({asked!r})}}, raw=True)"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|@$^~])")
# matplotlib's figures listen to the magic, plotnine's to the configuration.
_SETUP = """%reset -f
%config InlineBackend.figure_format = {figures!r}
get_ipython().config.InlineBackend.figure_format = {figures!r}"""
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_SECONDS = 600


def execute(
    documents: Sequence[Document], *, env: Mapping[str, str], images: Path, vector: bool = False
) -> list[str]:
    """Execute the documents one after the other, each in an empty namespace.

    Parameters
    ----------
    documents : parsed files; the kernel works in the folder of the first
    env : environment of the kernel
    images : folder that receives the images of the outputs
    vector : figures as SVG, for print, instead of PNG at twice the resolution of a screen

    Returns
    -------
    markdown of each document, header included, code replaced by its output

    Raises
    ------
    ValueError : a cell or an inline expression failed; the message names it and the error
    """
    folder = documents[0].path.parent
    client = NotebookClient(
        new_notebook(metadata={"kernelspec": _KERNEL}),
        timeout=_SECONDS,
        # By default a picture that comes late on a busy machine is left out with a mere log line.
        iopub_timeout=_SECONDS,
        raise_on_iopub_timeout=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.create_kernel_manager()
    spec = client.km.kernel_spec if client.km else None
    if spec is None:
        raise ValueError("No Jupyter kernel for Python was found: pip install '.[paper]'.")
    spec.argv[0] = sys.executable
    # As in Quarto the kernel listens on the local machine only; its note on that is no news to the user.
    spec.argv.append("--IPKernelApp.log_level=ERROR")
    # A backend of the caller's shell would keep the kernel from showing matplotlib's figures.
    clean = {name: value for name, value in env.items() if name != "MPLBACKEND"}
    with client.setup_kernel(env=clean, cwd=str(folder)):
        setup = _SETUP.format(figures="svg" if vector else "retina")
        return [_document(client, document, images, setup) for document in documents]


def _document(client: NotebookClient, document: Document, images: Path, setup: str) -> str:
    _run(client, setup, "The set-up of the kernel")
    parts = [f"---\n{document.front}\n---\n"] if document.front else []
    for position, block in enumerate(document.blocks):
        if isinstance(block, CodeCell):
            where = f"Cell `{block.name}` of `{document.path.name}` (line {block.line})"
            cell = _run(client, block.source, where)
            stem = f"{document.path.stem}-{position}"
            if "fig-alt" in block.options and not cell.outputs:
                raise ValueError(f"{where} is a figure, but it gave no output. Render again.")
            parts.append(_outputs(cell, block, images=images, stem=stem))
        else:
            parts.append(_prose(client, block, document.path.name))
    return "\n\n".join(parts) + "\n"


def _run(client: NotebookClient, source: str, where: str) -> NotebookNode:
    cell = new_code_cell(source)
    client.nb.cells.append(cell)
    try:
        return client.execute_cell(cell, len(client.nb.cells) - 1)
    except CellExecutionError as error:
        raise ValueError(f"{where} failed: {error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise ValueError(f"{where} did not end, or its output did not come, in {_SECONDS} s.") from error
    except DeadKernelError as error:
        raise ValueError(f"{where} failed: the Jupyter kernel died. Is enough memory free?") from error


def _prose(client: NotebookClient, block: Prose, name: str) -> str:
    """The text with its inline expressions evaluated at this place of the document."""
    if not block.expressions:
        return block.text
    asked = {str(i): expression for i, expression in enumerate(block.expressions)}
    cell = _run(client, _ASK.format(asked=asked), f"Inline code of `{name}` (from line {block.line})")
    answers: dict[str, Any] = cell.outputs[-1]["data"]["application/json"]
    shown = {}
    for key, expression in asked.items():
        answer = answers[key]
        if answer["status"] != "ok":
            raise ValueError(
                f"Inline code `{expression}` of `{name}` failed: {answer['ename']}: {answer['evalue']}"
            )
        shown[expression] = _inline(answer["data"])
    return block.filled(shown.__getitem__)


def _inline(data: Mapping[str, str]) -> str:
    """What Quarto puts in the text: markdown as it is, anything else as escaped text without quotes."""
    if "text/markdown" in data:
        return data["text/markdown"]
    text = data["text/plain"]
    if text[:1] in "'\"":
        text = str(ast.literal_eval(text))
    return _SPECIAL.sub(r"\\\1", text)


def _outputs(cell: NotebookNode, block: CodeCell, *, images: Path, stem: str) -> str:
    parts = []
    for number, output in enumerate(cell.outputs):
        if output.output_type == "stream":
            if output.name == "stderr":
                print(output.text, file=sys.stderr, end="")
            else:
                parts.append(_fenced(output.text))
        elif output.output_type in ("display_data", "execute_result"):
            parts.append(_display(output, block, images / f"{stem}-{number}"))
    return "\n\n".join(parts)


def _display(output: NotebookNode, block: CodeCell, target: Path) -> str:
    """The richest form that HTML can show, in a box of its own."""
    data = output.data
    if "text/markdown" in data:
        inner = data["text/markdown"]
    elif "text/html" in data:
        inner = _raw_html(data["text/html"])
    elif "image/svg+xml" in data:
        inner = _image(data["image/svg+xml"].encode(), {}, block, target.with_suffix(".svg"))
    elif "image/png" in data:
        size = output.metadata.get("image/png", {})
        inner = _image(base64.b64decode(data["image/png"]), size, block, target.with_suffix(".png"))
    else:
        inner = _fenced(data.get("text/plain", ""))
    return f":::: {{.cell-output-display}}\n\n{inner}\n\n::::"


def _image(content: bytes, size: Mapping[str, Any], block: CodeCell, path: Path) -> str:
    path.write_bytes(content)
    alt = block.options.get("fig-alt", "").replace('"', "'")
    width = f" width={size['width']}" if size.get("width") else ""
    return f'![]({path.as_posix()}){{alt="{alt}"{width}}}'


def _fenced(text: str) -> str:
    fence = _fence(text)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _raw_html(text: str) -> str:
    fence = _fence(text)
    return f"{fence}{{=html}}\n{text}\n{fence}"


def _fence(text: str) -> str:
    """More backticks than the text has in a row, so that no line of it can end the block."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
