"""Every command that the README shows exists with the options that it is given."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL))


def shown(program: str) -> list[list[str]]:
    lines = [line.split("#")[0].strip() for line in BLOCKS.splitlines()]
    inline = re.findall(r"`((?:study|make) [a-z][^`]*)`", README)
    return [shlex.split(line) for line in [*lines, *inline] if line.startswith(f"{program} ")]


@pytest.mark.parametrize("words", shown("study"), ids=" ".join)
def test_a_shown_command_exists_with_its_options(words, study_command):
    path = []
    for word in words[1:]:
        if word.startswith("-") or not re.fullmatch(r"[a-z-]+", word):
            break
        path.append(word)
    while path and study_command(*path, "--help").exit_code != 0:
        path.pop()
    text = " ".join(study_command(*path, "--help").output.split())
    assert path, f"study {' '.join(words)}"
    for option in (word for word in words if word.startswith("--")):
        assert option in text, f"{option} is no option of study {' '.join(path)}"


@pytest.mark.parametrize("words", shown("make"), ids=" ".join)
def test_a_shown_make_target_exists(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(words[1:]) <= set(targets)


def test_the_readme_shows_commands():
    assert len(shown("study")) > 10
    assert ["make", "demo"] in shown("make")


def test_linked_files_exist():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_shown_study_file_is_valid():
    from study.config import parse_study

    (text,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    assert parse_study(text).name == "mine"
