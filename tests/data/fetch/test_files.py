"""The files of a data set: all of them, archives unpacked, nothing twice."""

import io
import zipfile

import pytest

from data.fetch.files import fetch_files
from data.fetch.source import SourceFile, hash_text, size_text
from data.fetch.sources import SOURCES, needed_sources


@pytest.fixture
def sources(https_server):
    """An archive and a table on the server."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("SET/Images/1.png", b"pixels")
    return (
        SourceFile(name="SET.zip", url=https_server.serve("/SET.zip", content.getvalue()), unpack=True),
        SourceFile(name="table.xlsx", url=https_server.serve("/table.xlsx", b"table")),
    )


def test_files_come_and_archives_are_unpacked(sources, tmp_path):
    seen = []
    paths = fetch_files(
        sources, tmp_path, progress=lambda name, done, total: seen.append((name, done, total))
    )
    assert paths == (tmp_path / "SET", tmp_path / "table.xlsx")
    assert (tmp_path / "SET" / "Images" / "1.png").read_bytes() == b"pixels"
    assert (tmp_path / "table.xlsx").read_bytes() == b"table"
    assert seen[-1] == ("table.xlsx", 5, 5)


def test_what_is_there_is_not_fetched_again(sources, tmp_path, https_server):
    fetch_files(sources, tmp_path)
    (tmp_path / "SET.zip").unlink()
    assert fetch_files(sources, tmp_path) == (tmp_path / "SET", tmp_path / "table.xlsx")
    assert len(https_server.requests) == 2


def test_an_archive_that_is_none_leaves_no_folder(https_server, tmp_path):
    url = https_server.serve("/SET.zip", b"no zip at all")
    with pytest.raises(ValueError, match=r"SET\.zip' is damaged or truncated"):
        fetch_files([SourceFile(name="SET.zip", url=url, unpack=True)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["SET.zip"]


def test_options_choose_the_files():
    breastmnist = SOURCES["breastmnist"]
    (chosen,) = needed_sources(breastmnist, {"size": 224})
    assert chosen.name == "breastmnist_224.npz"
    assert chosen.md5 == "b56378a6eefa9fed602bb16d192d4c8b"
    assert len(needed_sources(breastmnist, {})) == 4
    assert needed_sources(SOURCES["bus-bra"], {"size": 224}) == SOURCES["bus-bra"]


def test_words_for_sizes_and_hashes():
    (bus_bra,) = SOURCES["bus-bra"]
    assert size_text(bus_bra.size) == "133.9 MB"
    assert size_text(None) == "size not published"
    assert size_text(512) == "512 bytes"
    assert hash_text(SOURCES["breastmnist"][0]) == "MD5 750601b1f35ba3300ea97c75c52ff8f6"
    assert hash_text(SOURCES["breast-tcia"][0]) == "hash not published here"


def test_every_data_set_names_its_files_once():
    for sources in SOURCES.values():
        names = [source.name for source in sources]
        assert len(set(names)) == len(names)
