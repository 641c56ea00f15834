"""What the sources of the product must not contain: ways to run what a file says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("data", "manuscript", "stats", "study", "training")
NEVER = {
    *(
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "os.popen",
        "os.execv",
        "os.execvp",
        "tempfile.mktemp",
    ),
    *(
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "marshal.load",
        "marshal.loads",
        "shelve.open",
        "dill.load",
    ),
    *(
        "joblib.load",
        "pd.read_pickle",
        "pandas.read_pickle",
        "yaml.load",
        "yaml.unsafe_load",
        "yaml.full_load",
    ),
    *("cloudpickle.load", "cloudpickle.loads", "pd.eval", "DataFrame.eval", "pty.spawn", "code.interact"),
    *("tarfile.TarFile.extractall", "zipfile.ZipFile.extractall", "shutil.unpack_archive"),
}
NEVER_METHODS = {"extractall", "read_pickle", "to_pickle"}
# Called with these arguments only.
ONLY_WITH = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "jinja2.Environment": ("autoescape", True),
}


def faults_of(source: str) -> Iterator[str]:
    """Lines of a source that could run what a file says."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {part.arg: getattr(part.value, "value", None) for part in node.keywords}
        if name in NEVER or (isinstance(node.func, ast.Attribute) and node.func.attr in NEVER_METHODS):
            yield f"line {node.lineno}: {name}"
        if name in ONLY_WITH:
            argument, value = ONLY_WITH[name]
            if given.get(argument) is not value:
                yield f"line {node.lineno}: {name} without {argument}={value}"
        if given.get("shell") not in (None, False):
            yield f"line {node.lineno}: {name} with a shell"
        if given.get("verify") is False:
            yield f"line {node.lineno}: {name} does not verify certificates"


@pytest.mark.parametrize("room", ROOMS)
def test_no_source_can_run_what_a_file_says(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 5
    found = [
        f"{path.relative_to(ROOT)} {fault}" for path in files for fault in faults_of(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "import pickle\npickle.load(f)", "np.load(p)", "np.load(p, allow_pickle=True)",
        "torch.load(p)", "torch.load(p, weights_only=False)", "subprocess.run('x', shell=True)",
        "file.extractall(x)", "frame.to_pickle(p)", "jinja2.Environment()", "os.system('x')",
        "get(u, verify=False)",
    ],
)  # fmt: skip
def test_each_of_these_would_be_found(source: str) -> None:
    assert list(faults_of(source))


def test_addresses_to_download_from_are_https() -> None:
    from data.fetch.source import SourceFile

    with pytest.raises(ValueError, match="https"):
        SourceFile(name="x.zip", url="http://example.org/x.zip", size=1, sha256="0" * 64)
