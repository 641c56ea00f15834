"""Render the manuscript: with Quarto where it is installed, else as a preview."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FORMATS = {"html": "html", "docx": "docx", "pdf": "typst"}  # ours, and Quarto's name
VECTOR = ("pdf",)  # formats with figures as SVG, as in _quarto.yml
DOCUMENTS = ("index.qmd", "supplement.qmd")
PUBLISHED_DOCUMENTS = (*DOCUMENTS, "original.qmd")  # as in _quarto-published.yml


def project_folder() -> Path:
    """The folder of the manuscript's Quarto project."""
    import manuscript

    return Path(manuscript.__path__[0])


def render_preview(store: Path | None, output: Path, formats: Sequence[str] = ("html",)) -> list[Path]:
    """Execute the .qmd files, once per kind of figures, and write `output/index.html`, `.docx` or `.pdf`.

    Parameters
    ----------
    store : the store to show; None = the published grid
    output : folder of the documents; old ones are removed first, so that a failure leaves none
    formats : of `FORMATS`

    Raises
    ------
    ValueError : a cell fails, or a reference is unresolved
    """
    from study.preview.execute import execute
    from study.preview.page import make_page
    from study.preview.paper import make_docx, make_pdf
    from study.preview.qmd import parse_qmd

    targets = _fresh_targets(output, formats)
    project = project_folder()
    documents = [parse_qmd(project / name) for name in (PUBLISHED_DOCUMENTS if store is None else DOCUMENTS)]
    make = {"html": make_page, "docx": make_docx, "pdf": make_pdf}
    with tempfile.TemporaryDirectory(prefix="study-preview-") as folder:
        work = Path(folder)
        for vector in (False, True):
            wanted = [name for name in targets if (name in VECTOR) is vector]
            if not wanted:
                continue
            texts = execute(documents, env=_environment(store), images=work, vector=vector)
            for name in wanted:
                make[name](texts, project=project, work=work, target=targets[name])
    return list(targets.values())


def render_quarto(
    quarto: str, store: Path | None, output: Path, formats: Sequence[str] | None = None
) -> list[Path]:
    """Run `quarto render` on the project and copy what it made to `output`.

    Parameters
    ----------
    formats : of `FORMATS`; None = all

    Raises
    ------
    ValueError : Quarto fails, or a page has unresolved references
    """
    from study.preview.page import require_resolved

    targets = _fresh_targets(output, formats or tuple(FORMATS))
    project = project_folder()
    made = project / "_manuscript"
    shutil.rmtree(made, ignore_errors=True)
    chosen = ["--to", ",".join(FORMATS[name] for name in formats)] if formats else []
    done = subprocess.run([quarto, "render", str(project), *chosen], env=_environment(store), check=False)
    if done.returncode != 0:
        raise ValueError(
            f"`quarto render` failed with exit code {done.returncode}; its messages stand above. "
            "`study manuscript --preview` renders without Quarto."
        )
    for page in made.glob("*.html"):
        require_resolved(page.read_text(encoding="utf-8"))
    shutil.copytree(made, output, dirs_exist_ok=True)
    return [target for target in targets.values() if target.is_file()]


def _fresh_targets(output: Path, formats: Sequence[str]) -> dict[str, Path]:
    """`output/index.*` of each format, with the folder made and old documents gone."""
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"`{output}` is a file; give a folder with --output.")
    output.mkdir(parents=True, exist_ok=True)
    targets = {name: output / f"index.{name}" for name in dict.fromkeys(formats)}
    for target in targets.values():
        target.unlink(missing_ok=True)
    return targets


def _environment(store: Path | None) -> dict[str, str]:
    """The environment of the kernel: which store, which Python, which profile of the Quarto project."""
    chosen = {"QUARTO_PYTHON": sys.executable}
    if store is None:
        profiles = [name for name in (os.environ.get("QUARTO_PROFILE"), "published") if name]
        return {**os.environ, **chosen, "STUDY_STORE": "published", "QUARTO_PROFILE": ",".join(profiles)}
    return {**os.environ, **chosen, "STUDY_STORE": str(store.resolve())}
