"""`study data fetch` from a real server: public sets arrive readable, everything else says what to do."""

import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from data import registry
from data.fetch.source import SourceFile
from study.cli import app
from tests.data.trees import breastmnist_arrays, write_breast_tcia, write_bus_bra


def _run(*arguments, answer=None):
    return CliRunner().invoke(app, ["data", "fetch", *map(str, arguments)], input=answer)


@pytest.fixture
def offer(https_server, monkeypatch):
    """Function that serves the files of a data set in place of the published ones."""

    def serve(name, files):
        reader = registry._READERS[name]
        sources = tuple(
            replace(
                source, url=https_server.serve(f"/{source.name}", files[source.name]), **facts(source, files)
            )
            for source in reader.info.sources
            if source.name in files
        )
        monkeypatch.setitem(
            registry._READERS, name, replace(reader, info=replace(reader.info, sources=sources))
        )

    return serve


def facts(source: SourceFile, files) -> dict:
    """The same kind of digest as published, of the content that is served."""
    content = files[source.name]
    found = {"size": len(content) if source.size else None}
    for kind in ("sha256", "md5"):
        found[kind] = hashlib.new(kind, content).hexdigest() if getattr(source, kind) else ""
    return found


def zipped(folder, *, below):
    """A zip file of a folder, names relative to `below`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(below))
    return content.getvalue()


def npz(size):
    content = io.BytesIO()
    np.savez(content, **breastmnist_arrays(size))
    return content.getvalue()


def test_bus_bra_comes_unpacked_and_readable(offer, tmp_path, https_server):
    offer("bus-bra", {"BUSBRA.zip": zipped(write_bus_bra(tmp_path / "made"), below=tmp_path / "made")})
    root = tmp_path / "root"
    result = _run("bus-bra", "--data-root", root, answer="y\n")
    assert result.exit_code == 0, result.output
    for text in (
        "licence: CC BY 4.0",
        f"into: {root}",
        "SHA-256 ",
        f"bus-bra: found in {root / 'BUSBRA'}",
        "no longer needed there: BUSBRA.zip",
        f"check it with: study data check bus-bra --data-root {root}",
    ):
        assert text in result.output
    assert len(registry.load_dataset("bus-bra", data_root=root).manifest) == 8
    again = _run("bus-bra", "--data-root", root)
    assert again.output == f"bus-bra is here already: found in {root / 'BUSBRA'}.\n"
    assert len(https_server.requests) == 1


def test_breast_tcia_comes_as_images_and_table(offer, tmp_path):
    made = tmp_path / "made"
    images = write_breast_tcia(made)
    (table,) = made.glob("*.xlsx")
    archive, sheet = (source.name for source in registry.dataset_info("breast-tcia").sources)
    offer("breast-tcia", {archive: zipped(images, below=made), sheet: table.read_bytes()})
    root = tmp_path / "root"
    result = _run("breast-tcia", "--data-root", root, "--yes")
    assert result.exit_code == 0, result.output
    assert "hash not published here" in result.output
    assert len(registry.load_dataset("breast-tcia", data_root=root).manifest) == 3


def test_breastmnist_comes_in_the_size_asked_for(offer, tmp_path, https_server):
    offer("breastmnist", {"breastmnist.npz": npz(28), "breastmnist_64.npz": npz(64)})
    result = _run("breastmnist", "--data-root", tmp_path / "root", "-o", "size=64", "--yes")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["breastmnist_64.npz"]
    assert result.output.rstrip().endswith("-o size=64")
    default = _run("breastmnist", "--data-root", tmp_path / "root", "--yes")
    assert f"breastmnist: found in {tmp_path / 'root' / 'breastmnist.npz'}" in default.output
    assert len(https_server.requests) == 2


def test_an_interrupted_fetch_goes_on(offer, tmp_path, https_server):
    offer("breastmnist", {"breastmnist.npz": npz(28)})
    served = https_server.files["/breastmnist.npz"]
    served.etag, served.cut_after = '"one"', [2000]
    result = _run("breastmnist", "--data-root", tmp_path / "root", "--yes")
    assert result.exit_code == 0, result.output
    assert https_server.requests[1]["Range"] == "bytes=2000-"


def test_a_wrong_file_is_refused_and_leaves_nothing(offer, tmp_path, https_server):
    offer("breastmnist", {"breastmnist.npz": npz(28)})
    https_server.files["/breastmnist.npz"].content = npz(28)[:-1] + b"?"
    result = _run("breastmnist", "--data-root", tmp_path / "root", "--yes")
    assert result.exit_code == 2
    assert "is not the published file: MD5" in result.output
    assert "Traceback" not in result.output
    assert list((tmp_path / "root").iterdir()) == []


def test_a_server_that_refuses_leads_to_the_steps_by_hand(offer, tmp_path, https_server):
    offer("breastmnist", {"breastmnist.npz": npz(28)})
    https_server.files.clear()
    result = _run("breastmnist", "--data-root", tmp_path / "root", "--yes")
    assert result.exit_code == 2
    assert (
        "the server answered 404 Not Found. Nothing was kept.\nHow to get it by hand:\n  1. " in result.output
    )


def test_files_that_do_not_make_the_data_set_are_named(offer, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("other/readme.txt", "moved")
    offer("bus-bra", {"BUSBRA.zip": content.getvalue()})
    result = _run("bus-bra", "--data-root", tmp_path / "root", "--yes")
    assert result.exit_code == 2
    assert "The files were fetched, but the data set is not as expected: " in result.output


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [("n\n", 1, "Nothing was fetched."), ("", 2, "Nobody answered whether to fetch; add --yes to agree.")],
)
def test_without_agreement_nothing_is_fetched(tmp_path, https_server, answer, code, message):
    result = _run("bus-bra", "--data-root", tmp_path / "root", answer=answer)
    assert result.exit_code == code
    assert message in result.output
    assert "BUSBRA.zip: 133.9 MB, SHA-256 ba3e6ed1" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bus-bra", "--data-root", __file__], "(--data-root) is a file; name a folder, new or old."),
        (["bus-bra"], "Name the folder for the data set 'bus-bra' with --data-root."),
        (
            ["mrnet", "--data-root", "."],
            "How to get it:\n  1. Register and accept the research-use agreement",
        ),
        (["radimagenet-acl"], "  2. Get the repository: git clone"),
        (["folder"], "is made of your own images, named by the option `path`; there is nothing to fetch."),
        (
            ["breastmnist", "-o", "size=32"],
            "`size` of the data set 'breastmnist' must be one of 28, 64, 128, 224",
        ),
    ],
)
def test_what_cannot_be_fetched_is_explained(arguments, message):
    result = _run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
