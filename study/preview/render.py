"""Render the manuscript: with Quarto where it is installed, else as a preview."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCUMENTS = ("index.qmd", "supplement.qmd")
PUBLISHED_DOCUMENTS = (*DOCUMENTS, "original.qmd")  # as in _quarto-published.yml


def project_folder() -> Path:
    """The folder of the manuscript's Quarto project."""
    import manuscript

    return Path(manuscript.__path__[0])


def render_preview(store: Path | None, output: Path) -> Path:
    """Execute the .qmd files and write `output/index.html`.

    Parameters
    ----------
    store : the store to show; None = the published grid
    output : folder of the page; an old page is removed first, so that a failure leaves none

    Raises
    ------
    ValueError : a cell fails, or a reference is unresolved
    """
    from study.preview.execute import execute
    from study.preview.page import make_page
    from study.preview.qmd import parse_qmd

    target = _fresh_target(output)
    project = project_folder()
    documents = [parse_qmd(project / name) for name in (PUBLISHED_DOCUMENTS if store is None else DOCUMENTS)]
    with tempfile.TemporaryDirectory(prefix="study-preview-") as folder:
        work = Path(folder)
        texts = execute(documents, env=_environment(store), images=work)
        make_page(texts, project=project, work=work, target=target)
    return target


def render_quarto(quarto: str, store: Path | None, output: Path) -> Path:
    """Run `quarto render` on the project and copy what it made to `output`.

    Raises
    ------
    ValueError : Quarto fails, or a page has unresolved references
    """
    from study.preview.page import require_resolved

    target = _fresh_target(output)
    project = project_folder()
    made = project / "_manuscript"
    shutil.rmtree(made, ignore_errors=True)
    done = subprocess.run([quarto, "render", str(project)], env=_environment(store), check=False)
    if done.returncode != 0:
        raise ValueError(
            f"`quarto render` failed with exit code {done.returncode}; its messages stand above. "
            "`study manuscript --preview` renders without Quarto."
        )
    for page in made.glob("*.html"):
        require_resolved(page.read_text(encoding="utf-8"))
    shutil.copytree(made, output, dirs_exist_ok=True)
    return target


def _fresh_target(output: Path) -> Path:
    """`output/index.html`, with the folder made and an old page gone."""
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"`{output}` is a file; give a folder with --output.")
    output.mkdir(parents=True, exist_ok=True)
    target = output / "index.html"
    target.unlink(missing_ok=True)
    return target


def _environment(store: Path | None) -> dict[str, str]:
    """The environment of the kernel: which store, which Python, which profile of the Quarto project."""
    chosen = {"QUARTO_PYTHON": sys.executable}
    if store is None:
        profiles = [name for name in (os.environ.get("QUARTO_PROFILE"), "published") if name]
        return {**os.environ, **chosen, "STUDY_STORE": "published", "QUARTO_PROFILE": ",".join(profiles)}
    return {**os.environ, **chosen, "STUDY_STORE": str(store.resolve())}
