"""Pages made from a store whose every name attacks: nothing acts, nothing is fetched, no file is shown."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from manuscript.harmless import harmless_text
from study.cli import app
from study.preview.page import make_page
from tests.security.active import active_parts
from tests.security.hostile import LEVELS, TITLE, hostile_store

pytest.importorskip("pypandoc", reason="pandoc is not installed")

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_store(tmp_path_factory.mktemp("hostile"))


def ran(page: Path, folder: Path) -> str:
    """The document as the browser has it after its scripts ran."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
    command = [str(BROWSER), *options, "--virtual-time-budget=8000", "--dump-dom", page.resolve().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout


@pytest.mark.parametrize("text", [*LEVELS, TITLE])
def test_markdown_of_a_harmless_text_makes_no_active_page(text: str, tmp_path: Path) -> None:
    """The text as prose, heading, emphasis and in a list, through the same pandoc as the manuscript."""
    shown = harmless_text(text)
    (tmp_path / "_quarto.yml").write_text("lang: en\n")
    (tmp_path / "preview.css").write_text("")
    markdown = f"---\ntitle: T\n---\n\n{shown}\n\n# {shown}\n\n*{shown}* and **{shown}**\n\n- {shown}\n"
    make_page([markdown], project=tmp_path, work=tmp_path, target=tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert active_parts(html) == []
    assert "root:x:0" not in html
    assert "Content-Security-Policy" in html


def test_the_same_texts_would_act_if_they_were_not_made_harmless(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yml").write_text("lang: en\n")
    (tmp_path / "preview.css").write_text("")
    markdown = "---\ntitle: T\n---\n\n" + "\n\n".join((LEVELS[0], LEVELS[3], LEVELS[4]))
    make_page([markdown], project=tmp_path, work=tmp_path, target=tmp_path / "page.html")
    assert len(active_parts((tmp_path / "page.html").read_text(encoding="utf-8"))) >= 3


def test_the_explorer_shows_the_names_and_runs_none(store: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["explore", str(store), "--out", str(page)])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    own = re.sub(r"<script\b.*?</script>|<style>.*?</style>", "", html, flags=re.DOTALL)
    assert active_parts(own) == []
    if BROWSER is None:
        pytest.skip("no Chromium to run the page in")
    probe = (
        "<script>setTimeout(() => { document.title = 'owned ' + String(window.owned) }, 6000)</script></body>"
    )
    page.write_text(html.replace("</body>", probe), encoding="utf-8")
    seen = ran(page, tmp_path)
    assert "<title>owned undefined</title>" in seen
    assert 'data-ready="yes"' in seen
    assert '<img src="x"' not in seen


@pytest.mark.slow
def test_the_manuscript_shows_the_names_and_runs_none(store: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["manuscript", str(store), "--preview", "--output", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    html = (tmp_path / "m" / "index.html").read_text(encoding="utf-8")
    assert active_parts(html) == []
    assert "root:x:0" not in html
    assert "window.owned" in html
    assert not Path("/tmp/owned").exists()
    if BROWSER is not None:
        assert "<script" not in ran(tmp_path / "m" / "index.html", tmp_path)
