"""The file of a download that is not complete: one process at a time, bytes and origin together."""

import threading

import pytest

from data.fetch.part_file import Origin, open_part

ORIGIN = Origin(url="https://example.org/x", validator='"one"', total=10)


def test_bytes_and_origin_are_found_again(tmp_path):
    with open_part(tmp_path / "x") as part:
        part.begin(ORIGIN)
        part.append(b"12345")
    with open_part(tmp_path / "x") as part:
        assert (part.size, part.origin, part.complete) == (5, ORIGIN, False)
        assert part.continues(ORIGIN.url)
        assert not part.continues("https://example.org/y")
        part.append(b"67890")
        assert part.complete
        part.become(tmp_path / "x")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"1234567890")]


def test_a_part_file_without_bytes_does_not_stay(tmp_path):
    with open_part(tmp_path / "x") as part:
        part.begin(ORIGIN)
    assert list(tmp_path.iterdir()) == []


def test_bytes_of_unknown_origin_are_not_continued(tmp_path):
    (tmp_path / "x.part").write_bytes(b"12345")
    for notes in (None, "", "[]", '{"url": 1}'):
        if notes is not None:
            (tmp_path / "x.part.json").write_text(notes)
        with open_part(tmp_path / "x") as part:
            assert part.size == 5
            assert not part.continues(ORIGIN.url)


def test_a_new_start_forgets_the_old_bytes(tmp_path):
    with open_part(tmp_path / "x") as part:
        part.begin(ORIGIN)
        part.append(b"old bytes")
        part.begin(ORIGIN)
        part.append(b"new")
    assert (tmp_path / "x.part").read_bytes() == b"new"


@pytest.mark.parametrize("end", ["become", "discard"])
def test_whoever_waited_for_a_file_that_went_away_opens_it_anew(tmp_path, end):
    pytest.importorskip("fcntl")
    seen = []

    def wait():
        with open_part(tmp_path / "x") as part:
            seen.append(part)

    thread = threading.Thread(target=wait)
    with open_part(tmp_path / "x") as part:
        part.begin(ORIGIN)
        part.append(b"12345")
        thread.start()
        thread.join(0.2)
        assert seen == []
        part.become(tmp_path / "x") if end == "become" else part.discard()
    thread.join()
    assert seen == [None]
