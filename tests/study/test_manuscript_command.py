"""`study manuscript` from a store to a page."""

import os
import re
import shutil
import stat
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data.store import Store
from study.cli import app
from study.preview import render

RUNNER = CliRunner()
STUDY = """
name = "small"
[tasks.knee]
dataset = "phantom-knee"
positive = ["torn"]
[factors]
pretrain = ["random", "phantom"]
[protocol]
backbone = "ResNet18"
head = "Linear"
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two trained cells and no results."""
    store = Store.create(tmp_path / "runs" / "small")
    store.write_study(STUDY)
    rng = np.random.default_rng(5)
    for index, arm in enumerate(("random", "phantom")):
        labels = np.tile([0, 1], 10)
        scores = rng.uniform(size=20)
        predictions = pd.DataFrame(
            {"cell_id": f"cell{index}", "seed": 0, "fold": 0, "split": "test", "group_id": None}
            | {"image_id": [f"i{i:02d}" for i in range(20)], "label": labels, "score": scores}
            | {"logit_0": 0.0, "logit_1": np.log(scores / (1 - scores))}
        )
        row = {"cell_id": f"cell{index}", "index": index, "task": "knee", "seed": 0, "fold": 0}
        store.write_cell(
            row | {"pretrain": arm, "backbone": "ResNet18", "head": "Linear", "status": "done"}, predictions
        )
    return store


class _Page(HTMLParser):
    """Ids, targets of inner links, images and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.images: list[dict[str, str | None]] = []
        self.outside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.add(str(values["id"]))
        target = values.get("href") or ""
        if tag == "a" and target.startswith("#"):
            self.targets.add(target[1:])
        if tag == "img":
            self.images.append(values)
        source = values.get("src") or (target if tag == "link" else "")
        if source and not source.startswith("data:"):
            self.outside.append(source)


def test_a_store_without_results_gives_a_page_that_says_what_is_missing(store: Store, tmp_path: Path) -> None:
    output = tmp_path / "page"
    result = RUNNER.invoke(app, ["manuscript", str(store.root), "--preview", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "Preview, made without Quarto" in result.output
    html = (output / "index.html").read_text(encoding="utf-8")
    assert "preview made without Quarto" in html
    assert "run <code>study stats runs/small</code>" in html
    assert "run <code>study gradcam runs/small</code>" in html
    page = _Page(html)
    assert page.targets <= page.ids
    assert page.outside == []


def test_a_failing_cell_is_named_and_the_old_page_is_gone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "index.qmd").write_text("```{python}\n#| label: broken\nraise ValueError('two rows')\n```\n")
    (project / "supplement.qmd").write_text("text\n")
    monkeypatch.setattr(render, "project_folder", lambda: project)
    output = store.root / "manuscript"
    output.mkdir()
    (output / "index.html").write_text("old")
    result = RUNNER.invoke(app, ["manuscript", str(store.root), "--preview"])
    assert result.exit_code == 2
    assert "Cell `broken` of `index.qmd` (line 1) failed: ValueError: two rows" in result.output
    assert not (output / "index.html").exists()


def _fake_quarto(folder: Path, html: str, code: int = 0) -> None:
    """A `quarto` on PATH that notes its call; the program itself cannot be installed by the tests."""
    script = folder / "quarto"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$1|$2|$STUDY_STORE|$QUARTO_PYTHON|$QUARTO_PROFILE" > "{folder}/call.txt"\n'
        f'mkdir -p "$2/_manuscript"\n'
        f"echo '{html}' > \"$2/_manuscript/index.html\"\n"
        f"exit {code}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def quarto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setattr(render, "project_folder", lambda: project)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_quarto_is_called_where_it_is_installed(store: Store, quarto: Path) -> None:
    _fake_quarto(quarto, "<p>done</p>")
    result = RUNNER.invoke(app, ["manuscript", str(store.root)])
    assert result.exit_code == 0, result.output
    action, project, shown, python, profile = (quarto / "call.txt").read_text().strip().split("|")
    assert (action, Path(project).name, Path(shown)) == ("render", "project", store.root)
    assert Path(python).exists()
    assert profile == ""
    assert "done" in (store.root / "manuscript" / "index.html").read_text()


def test_the_published_grid_has_a_profile_of_its_own(quarto: Path, tmp_path: Path) -> None:
    _fake_quarto(quarto, "<p>done</p>")
    result = RUNNER.invoke(app, ["manuscript", "--published", "-o", str(tmp_path / "page")])
    assert result.exit_code == 0, result.output
    assert (quarto / "call.txt").read_text().strip().split("|")[2::2] == ["published", "published"]


def test_the_profile_and_the_preview_render_the_same_documents() -> None:
    for name, documents in (("", render.DOCUMENTS), ("-published", render.PUBLISHED_DOCUMENTS)):
        text = (render.project_folder() / f"_quarto{name}.yml").read_text(encoding="utf-8")
        assert tuple(re.findall(r"^    - (\w+\.qmd)$", text, flags=re.MULTILINE)) == documents


def test_only_the_published_grid_runs_the_document_on_the_original_study(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    shutil.copytree(render.project_folder(), project, ignore=shutil.ignore_patterns("*.qmd", "*.py"))
    (project / "index.qmd").write_text("# One\n\ntext\n")
    (project / "supplement.qmd").write_text("# Two\n\ntext\n")
    (project / "original.qmd").write_text("```{python}\n#| label: own\nraise ValueError('here')\n```\n")
    monkeypatch.setattr(render, "project_folder", lambda: project)
    output = ["--preview", "-o", str(tmp_path / "page")]
    assert RUNNER.invoke(app, ["manuscript", str(store.root), *output]).exit_code == 0
    result = RUNNER.invoke(app, ["manuscript", "--published", *output])
    assert result.exit_code == 2
    assert "Cell `own` of `original.qmd` (line 1) failed: ValueError: here" in result.output


def test_a_failing_quarto_stops(store: Store, quarto: Path) -> None:
    _fake_quarto(quarto, "<p>half</p>", code=3)
    result = RUNNER.invoke(app, ["manuscript", str(store.root)])
    assert result.exit_code == 2
    assert "`quarto render` failed with exit code 3" in result.output
    assert not (store.root / "manuscript" / "index.html").exists()


def test_an_unresolved_reference_in_quartos_page_stops(store: Store, quarto: Path) -> None:
    _fake_quarto(quarto, "<p>See ?@fig-roc.</p>")
    result = RUNNER.invoke(app, ["manuscript", str(store.root)])
    assert result.exit_code == 2
    assert "unresolved references or citations: `?@fig-roc`" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no store at 'nowhere'"),
        (["small", "--published"], "Give a store or --published, not both."),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], message: str) -> None:
    result = RUNNER.invoke(app, ["manuscript", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_an_output_that_is_a_file_is_refused(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("")
    result = RUNNER.invoke(app, ["manuscript", str(store.root), "--preview", "-o", str(target)])
    assert result.exit_code == 2
    assert "is a file; give a folder with --output" in result.output
