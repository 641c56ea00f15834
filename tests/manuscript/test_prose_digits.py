"""No number is typed into the sentences that Python writes: they come from values."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import manuscript

FOLDER = Path(manuscript.__path__[0])
MODULES = sorted(path for path in FOLDER.rglob("*.py") if path.name != "__init__.py")
# Names that hold a digit: metrics, formats, keys of citations, tables of the paper.
NAMES = re.compile(r"@[a-z]+\d{4}|\b(?:F1|R2|SHA-256|UTF-8)\b|\bTables? \d+(?: and \d+)?|\(1\|\w+\)")


def _docstrings(tree: ast.Module) -> set[int]:
    owners = (ast.Module, ast.FunctionDef, ast.ClassDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    firsts = [body[0].value for body in bodies if isinstance(body[0], ast.Expr)]
    return {id(value) for value in firsts if isinstance(value, ast.Constant)}


def _specs(tree: ast.Module) -> set[int]:
    """The parts of f-strings that say how a value is shown."""
    specs = [node.format_spec for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)]
    return {id(part) for spec in specs if spec is not None for part in ast.walk(spec)}


def _messages(tree: ast.Module) -> set[int]:
    """Texts of errors and regular expressions, which no reader of the article sees."""
    errors = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    patterns = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("re.compile", "re.sub", "re.split")
    ]
    return {id(part) for found in (*errors, *patterns) for part in ast.walk(found)}


def _sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of at least three words: line, text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = _docstrings(tree) | _specs(tree) | _messages(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in left_out:
            continue
        if len(re.findall(r"[A-Za-z]{2,}", node.value)) >= 3 and " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_number_is_typed_in_a_sentence(path: Path) -> None:
    typed = [
        f"{path.name}:{line}: {text}"
        for line, text in _sentences(path)
        if re.search(r"\d", NAMES.sub("", text))
    ]
    assert typed == []


def test_the_search_finds_a_typed_number(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    lines = [
        '"""On 3 things."""',
        'x = f"The AUC was 0.91 in {n:.3f} tests."',
        'y = f"{n} cells have F1."',
    ]
    module.write_text("\n".join(lines))
    found = [text for _, text in _sentences(module) if re.search(r"\d", NAMES.sub("", text))]
    assert found == ["The AUC was 0.91 in "]
