"""The rooms and doors of docs/architecture.md, read from the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("data", "training", "stats", "manuscript", "study")
# What each room may import of our own rooms; a name with a dot allows that module only.
ALLOWED = {
    "data": set(),
    "training": {"data"},
    "stats": {"data.store"},
    "manuscript": {
        "stats",
        "data.analysed",
        "data.names",
        "data.store",
        "data.published_grid",
        "data.registry",
    },
    "study": set(ROOMS),
}
FORBIDDEN_LIBRARIES = {
    "data": {"torch", "torchvision", "captum", "safetensors"},
    "training": set(),
    "stats": {"torch", "torchvision", "captum", "safetensors"},
    "manuscript": {"torch", "torchvision", "captum", "safetensors"},
    "study": set(),
}


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


def breaks(room: str, module: str) -> bool:
    top = module.partition(".")[0]
    if top in FORBIDDEN_LIBRARIES[room]:
        return True
    if top not in ROOMS or top == room or top in ALLOWED[room]:
        return False
    doors = ALLOWED[room]
    # `from data import store` is read as `data` and `data.store`: the bare room is fine if it has a door.
    if module == top:
        return not any(door.startswith(f"{top}.") for door in doors)
    return not any(module == door or module.startswith(f"{door}.") for door in doors)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_through_its_doors(room):
    wrong = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources(room)
        for module in imported_modules(path)
        if breaks(room, module)
    }
    assert not wrong


def test_the_rule_would_notice():
    assert breaks("data", "stats.roc.delong")
    assert breaks("stats", "data.registry")
    assert breaks("stats", "torch")
    assert breaks("manuscript", "study.config")
    assert not breaks("stats", "data.store.Store")
    assert not breaks("training", "data.store")
    assert not breaks("study", "training.group")


@pytest.mark.parametrize("command", [["--help"], ["stats", "--help"], ["test", "--help"]])
def test_statistics_work_where_torch_is_not_installed(command):
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from typer.testing import CliRunner\n"
        "from study.cli import app\n"
        f"result = CliRunner().invoke(app, {command!r})\n"
        "assert result.exit_code == 0, result.output\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
