"""One process at a time, and a clear end where the file system has no locks."""

import errno
import threading

import pytest

from data.lock import lock_file, one_process

fcntl = pytest.importorskip("fcntl")


def test_the_second_waits_until_the_first_has_ended(tmp_path):
    order = []
    inside = threading.Event()

    def second():
        inside.wait()
        with one_process(tmp_path / "lock"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with one_process(tmp_path / "lock"):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def _failing(code):
    def flock(file, how):
        raise OSError(code, "no lock")

    return flock


def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", _failing(errno.ENOLCK))
    with one_process(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()


def test_other_faults_of_a_lock_are_not_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", _failing(errno.EIO))
    with (tmp_path / "lock").open("w") as file, pytest.raises(OSError, match="no lock"):
        lock_file(file)
