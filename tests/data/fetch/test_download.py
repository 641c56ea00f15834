"""The downloader against a real HTTPS server: whole files, broken connections, changed and wrong files."""

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data.fetch.download import download
from data.fetch.https import DownloadError
from data.fetch.source import SourceFile

CONTENT = np.random.default_rng(1).bytes(300_000)
OTHER = np.random.default_rng(2).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROOT = Path(__file__).resolve().parents[3]
QUICK = {"pause": 0.01}


def source(url, **facts):
    return SourceFile(name="set.bin", url=url, **facts)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupted(server, folder, **facts):
    """Leave a part of 100,000 bytes in the folder, as Ctrl-C does; returns the address."""
    url = server.serve("/set.bin", CONTENT, cut_after=[100_000], **facts)

    def stop(done, total):
        if done == 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(source(url), folder, progress=stop)
    assert (folder / "set.bin.part").stat().st_size == 100_000
    return url


def test_a_file_comes_whole_and_nothing_else_stays(https_server, tmp_path):
    seen = []
    url = https_server.serve("/set.bin", CONTENT)
    path = download(
        source(url, size=300_000, sha256=SHA256, md5=hashlib.md5(CONTENT).hexdigest()),
        tmp_path / "new",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert path.read_bytes() == CONTENT
    assert left(tmp_path / "new") == ["set.bin"]
    assert seen[0] == (0, 300_000)
    assert seen[-1] == (300_000, 300_000)


def test_a_file_that_is_there_is_not_fetched_again(https_server, tmp_path):
    (tmp_path / "set.bin").write_bytes(CONTENT)
    url = https_server.serve("/set.bin", OTHER)
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert https_server.requests == []


def test_another_file_of_that_name_is_not_overwritten(https_server, tmp_path):
    (tmp_path / "set.bin").write_bytes(OTHER)
    url = https_server.serve("/set.bin", CONTENT)
    with pytest.raises(ValueError, match=r"set.bin' is not the published file: SHA-256 .* Move or delete it"):
        download(source(url, sha256=SHA256), tmp_path)
    assert (tmp_path / "set.bin").read_bytes() == OTHER


def test_a_cut_download_goes_on_in_the_same_call(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, etag='"one"', cut_after=[100_000, 50_000])
    assert download(source(url, sha256=SHA256), tmp_path, **QUICK).read_bytes() == CONTENT
    asked = [request.get("Range") for request in https_server.requests]
    assert asked == [None, "bytes=100000-", "bytes=150000-"]


@pytest.mark.parametrize(
    "facts",
    [{"etag": '"one"'}, {"modified": "Mon, 06 Jan 2020 10:00:00 GMT"}],
    ids=["etag", "last-modified"],
)
def test_a_later_call_goes_on_where_the_first_one_stopped(https_server, tmp_path, facts):
    url = interrupted(https_server, tmp_path, **facts)
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    last = https_server.requests[-1]
    assert last["Range"] == "bytes=100000-"
    assert last["If-Range"] == next(iter(facts.values()))
    assert left(tmp_path) == ["set.bin"]


def test_a_killed_process_loses_nothing_that_is_on_disk(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, etag='"one"', hold_after=250_000)
    code = (
        "from pathlib import Path; from data.fetch.download import download; "
        "from data.fetch.source import SourceFile; "
        f"download(SourceFile(name='set.bin', url={url!r}), Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        part = tmp_path / "set.bin.part"
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 200_000) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    kept = part.stat().st_size
    assert kept > 200_000
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert https_server.requests[-1]["Range"] == f"bytes={kept}-"
    assert left(tmp_path) == ["set.bin"]


def test_a_file_that_changed_in_between_starts_again(https_server, tmp_path):
    url = interrupted(https_server, tmp_path, etag='"one"')
    https_server.serve("/set.bin", OTHER, etag='"two"')
    assert download(source(url), tmp_path).read_bytes() == OTHER


def test_a_part_of_a_changed_file_is_not_appended(https_server, tmp_path):
    """A server that forgets If-Range sends the rest of another file."""
    url = interrupted(https_server, tmp_path, etag='"one"')
    https_server.serve("/set.bin", OTHER, etag='"two"', if_range=False)
    assert download(source(url), tmp_path, **QUICK).read_bytes() == OTHER
    assert [request.get("Range") for request in https_server.requests[1:]] == ["bytes=100000-", None]


def test_a_part_that_begins_elsewhere_is_not_appended(https_server, tmp_path):
    url = interrupted(https_server, tmp_path, etag='"one"')
    https_server.files["/set.bin"].shift = 10
    assert download(source(url), tmp_path, **QUICK).read_bytes() == CONTENT
    assert [request.get("Range") for request in https_server.requests[1:]] == ["bytes=100000-", None]


@pytest.mark.parametrize("facts", [{}, {"etag": 'W/"one"'}], ids=["no validator", "weak etag"])
def test_what_cannot_be_told_from_a_changed_file_starts_again(https_server, tmp_path, facts):
    url = interrupted(https_server, tmp_path, **facts)
    assert download(source(url), tmp_path).read_bytes() == CONTENT
    assert "Range" not in https_server.requests[-1]


def test_a_server_that_ignores_range_gives_the_whole_file(https_server, tmp_path):
    url = interrupted(https_server, tmp_path, etag='"one"')
    https_server.files["/set.bin"].ranges = False
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT


def test_a_shorter_new_file_starts_again(https_server, tmp_path):
    url = interrupted(https_server, tmp_path, etag='"one"')
    https_server.serve("/set.bin", OTHER[:50_000], etag='"one"')
    assert download(source(url), tmp_path, **QUICK).read_bytes() == OTHER[:50_000]


def test_a_part_of_another_address_is_not_used(https_server, tmp_path):
    interrupted(https_server, tmp_path, etag='"one"')
    url = https_server.serve("/moved.bin", OTHER, etag='"one"')
    assert download(source(url), tmp_path).read_bytes() == OTHER


def test_a_complete_part_needs_no_request(https_server, tmp_path):
    url = interrupted(https_server, tmp_path, etag='"one"')
    (tmp_path / "set.bin.part").write_bytes(CONTENT)
    n = len(https_server.requests)
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert len(https_server.requests) == n


def test_a_connection_that_always_breaks_ends_with_what_is_kept(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, etag='"one"', cut_after=[100_000] + [0] * 9)
    with pytest.raises(
        DownloadError, match=r"0\.1 MB are kept in .*set\.bin\.part; the same command goes on"
    ):
        download(source(url), tmp_path, attempts=3, **QUICK)
    assert len(https_server.requests) == 4
    assert left(tmp_path) == ["set.bin.part", "set.bin.part.json"]


def test_a_server_that_is_away_for_a_moment_is_asked_again(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, statuses=[503, 429], extra={"Retry-After": "0"})
    assert download(source(url), tmp_path, **QUICK).read_bytes() == CONTENT


def test_a_wrong_size_is_seen_before_the_download(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT)
    with pytest.raises(ValueError, match="has 300000 bytes, but 299999 were published"):
        download(source(url, size=299_999), tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"sha256": "0" * 64}, "SHA-256 .* but 0000"), ({"md5": "0" * 32}, "MD5 .* but 0000")],
)
def test_a_wrong_hash_is_said_and_nothing_kept(https_server, tmp_path, facts, message):
    url = https_server.serve("/set.bin", CONTENT)
    with pytest.raises(ValueError, match=f"is not the published file: {message}.*; nothing was kept"):
        download(source(url, **facts), tmp_path)
    assert left(tmp_path) == []


def test_the_first_digits_of_a_hash_are_checked(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT)
    assert download(source(url, sha256=SHA256[:8]), tmp_path).exists()


def test_a_missing_file_is_not_asked_for_again(https_server, tmp_path):
    with pytest.raises(DownloadError, match=r"the server answered 404 Not Found\. Nothing was kept"):
        download(source(https_server.url("/none")), tmp_path)
    assert len(https_server.requests) == 1
    assert left(tmp_path) == []


def test_a_redirect_is_followed(https_server, tmp_path):
    target = https_server.serve("/other", CONTENT)
    url = https_server.serve("/set.bin", location=target)
    assert download(source(url), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_redirect_away_from_https_is_refused(https_server, tmp_path, scheme):
    url = https_server.serve("/set.bin", location=f"{scheme}://127.0.0.1:9/set.bin")
    with pytest.raises(ValueError, match=f"{scheme}://127.0.0.1:9/set.bin is no https address"):
        download(source(url), tmp_path)
    assert left(tmp_path) == []


def test_a_web_page_is_not_taken_for_the_file(https_server, tmp_path):
    url = https_server.serve("/set.bin", b"<html>log in</html>", kind="text/html; charset=utf-8")
    with pytest.raises(ValueError, match=r"gave a web page instead of set\.bin"):
        download(source(url), tmp_path)
    assert left(tmp_path) == []


def test_an_answer_without_length_needs_a_published_size_or_hash(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, length=False)
    with pytest.raises(ValueError, match="does not say how long the file is"):
        download(source(url), tmp_path)
    assert download(source(url, sha256=SHA256), tmp_path).read_bytes() == CONTENT


def test_a_cut_answer_without_length_is_not_kept(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, length=False, cut_after=[200_000])
    with pytest.raises(ValueError, match="200000 bytes, but 300000 were expected; nothing was kept"):
        download(source(url, size=300_000), tmp_path)
    assert left(tmp_path) == []


def test_more_bytes_than_published_are_not_kept(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT, length=False)
    with pytest.raises(ValueError, match="gave more than 200000 bytes; what came was removed"):
        download(source(url, size=200_000), tmp_path)
    assert left(tmp_path) == []


def test_an_untrusted_certificate_is_refused(https_server, tmp_path, monkeypatch):
    url = https_server.serve("/set.bin", CONTENT)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DownloadError, match=r"its certificate is not trusted .* SSL_CERT_FILE"):
        download(source(url), tmp_path)
    assert https_server.requests == []


def test_an_unreachable_host_fails_at_once(tmp_path):
    with pytest.raises(DownloadError, match=r"it cannot be reached \(.*\)\. Nothing was kept"):
        download(source("https://127.0.0.1:9/set.bin"), tmp_path, pause=100.0)


def test_two_downloads_of_one_file_at_once_fetch_it_once(https_server, tmp_path):
    url = https_server.serve("/set.bin", CONTENT)
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(download(source(url, sha256=SHA256), tmp_path)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in paths] == [True] * 3
    assert len(https_server.requests) == 1
    assert left(tmp_path) == ["set.bin"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"url": "http://example.org/set.bin"}, "http://example.org/set.bin is no https address"),
        ({"url": "file:///etc/passwd"}, "is no https address"),
        ({"name": "../set.bin"}, "cannot be part of a file name"),
        ({"sha256": "xyz"}, "`sha256` of set.bin must be 64 hex digits, but 'xyz' came"),
        ({"md5": "abc"}, "`md5` of set.bin must be 32 hex digits"),
    ],
)
def test_a_source_is_checked_when_it_is_written_down(facts, message):
    with pytest.raises(ValueError, match=message):
        SourceFile(**{"name": "set.bin", "url": "https://example.org/set.bin"} | facts)
