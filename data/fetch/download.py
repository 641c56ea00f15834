"""Bring a public file here: over https only, continued where it broke off, checked, then renamed."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

from data.fetch.https import DownloadError, open_https, read_piece, validator
from data.fetch.part_file import Origin, PartFile, open_part
from data.fetch.source import SourceFile, mismatch, size_text

Progress = Callable[[int, int | None], None]
"""Called with (bytes here, bytes in all or None where the server does not say)."""

_LONGEST_WAIT = 60.0  # seconds between two attempts
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_PAGE = "text/html"


def download(
    source: SourceFile,
    folder: Path,
    *,
    progress: Progress | None = None,
    attempts: int = 5,
    pause: float = 1.0,
) -> Path:
    """Download a file into a folder, unless it is there, and return its path.

    What has come lies in `NAME.part` until all is there and checked. A later call goes on from it if the
    server can say that the file is still the same (ETag or Last-Modified in If-Range), else it starts again.

    Parameters
    ----------
    attempts : how often in a row a broken connection may bring no further before this gives up
    pause : seconds before the second attempt; doubled for each one after it, at most 60

    Raises
    ------
    ValueError : an address without https; another size or hash than published (what came is removed); a web
        page instead of the file; a file of that name is there and is another one
    DownloadError (an OSError) : the server cannot be reached, refuses, or breaks off too often
    OSError : the folder cannot be written or has no room
    """
    target = Path(folder) / source.name
    while not target.exists():
        with open_part(target) as part:
            if part is not None and not target.exists():
                _fill(part, source, progress or _silent, attempts, pause)
                _check(part, source)
                part.become(target)
                return target
    difference = mismatch(source, target)
    if difference:
        raise ValueError(
            f"'{target}' is not the published file: {difference}. Move or delete it, then fetch again."
        )
    return target


def _fill(part: PartFile, source: SourceFile, progress: Progress, attempts: int, pause: float) -> None:
    """Receive until complete; an attempt that brings more than any before it resets the count."""
    furthest, failures = part.size, 0
    while True:
        try:
            return _receive(part, source, progress)
        except DownloadError as error:
            failures = 0 if part.size > furthest else failures + 1
            furthest = max(furthest, part.size)
            wait = max(error.wait, pause * 2.0 ** max(failures - 1, 0))
            # A host that has answered before is away for a moment, whatever the reason.
            passing = error.passing or (error.code is None and part.received > 0)
            if not passing or failures >= attempts or error.wait > _LONGEST_WAIT:
                raise _explained(error, part, source) from error
            time.sleep(min(wait, _LONGEST_WAIT))


def _receive(part: PartFile, source: SourceFile, progress: Progress) -> None:
    """One request: from the first byte, or from where the part file ends."""
    headers: dict[str, str] = {}
    if part.origin is not None and part.continues(source.url):
        if part.complete:
            return
        headers = {"Range": f"bytes={part.size}-", "If-Range": part.origin.validator}
    try:
        answer = open_https(source.url, headers)
    except DownloadError as error:
        if error.code == 416:
            part.empty()
            raise DownloadError(
                "the server no longer has a file that long", passing=True, code=416
            ) from error
        raise
    with answer:
        if not (headers and answer.status == 206):
            _begin(part, source, answer)
        elif not _continues(part, answer):
            part.empty()
            raise DownloadError("the server sent another part than was asked for", passing=True)
        _copy(part, source, answer, progress)


def _begin(part: PartFile, source: SourceFile, answer: HTTPResponse) -> None:
    """Take the answer as the whole file, after a look at what it says of itself."""
    encoding = answer.headers.get("Content-Encoding", "identity")
    if answer.status != 200 or encoding != "identity":
        raise DownloadError(f"the server answered {answer.status} with encoding {encoding}", passing=False)
    if answer.headers.get_content_type() == _PAGE and not source.name.endswith((".html", ".htm")):
        raise ValueError(
            f"{source.url} gave a web page instead of {source.name}: a log-in, a notice, or a moved file. "
            "Open the address in a browser and fetch the file by hand."
        )
    total = answer.length
    if source.size is not None and total is not None and total != source.size:
        raise ValueError(
            f"{source.url} has {total} bytes, but {source.size} were published: it is another file. "
            "Nothing was fetched; look at the page of the data for a newer version."
        )
    unchecked = source.size is None and not (source.sha256 or source.md5)
    if total is None and not answer.chunked and unchecked:
        raise ValueError(
            f"{source.url} does not say how long the file is, and neither size nor hash is published, so "
            f"that a broken download could not be told from a whole one. Fetch {source.name} by hand."
        )
    _check_room(part, source.size if total is None else total)
    part.begin(Origin(url=source.url, validator=validator(answer.headers), total=total))


def _continues(part: PartFile, answer: HTTPResponse) -> bool:
    """Whether a 206 answer is the rest of the part file."""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if found is None or part.origin is None:
        return False
    start, end, total = int(found[1]), int(found[2]), found[3]
    tag = answer.headers.get("ETag")
    return (
        start == part.size
        and total in ("*", str(part.origin.total))
        and (part.origin.total is None or end == part.origin.total - 1)
        and (tag is None or not part.origin.validator.startswith('"') or tag == part.origin.validator)
    )


def _copy(part: PartFile, source: SourceFile, answer: HTTPResponse, progress: Progress) -> None:
    total = part.origin.total if part.origin else None
    most = total if total is not None else source.size
    progress(part.size, most)
    while piece := read_piece(answer):
        part.append(piece)
        progress(part.size, most)
        if most is not None and part.size > most:
            part.discard()
            raise ValueError(f"{source.url} gave more than {most} bytes; what came was removed.")
    if total is not None and part.size < total:
        raise DownloadError(f"the connection broke after {part.size} of {total} bytes", passing=True)


def _check(part: PartFile, source: SourceFile) -> None:
    part.flush()
    difference = mismatch(source, part.path)
    if difference:
        part.discard()
        raise ValueError(
            f"What {source.url} gave is not the published file: {difference}; nothing was kept. "
            "Try again, or fetch the file by hand."
        )


def _check_room(part: PartFile, needed: int | None) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if needed is not None and needed > free:
        raise OSError(
            f"'{part.path.parent}' has {size_text(free)} free, but {size_text(needed)} are needed. Make room "
            "or name another folder."
        )


def _explained(error: DownloadError, part: PartFile, source: SourceFile) -> DownloadError:
    kept = "Nothing was kept."
    if part.size and part.continues(source.url):
        kept = f"{size_text(part.size)} are kept in {part.path}; the same command goes on from there."
    reason = f"{source.name} was not downloaded from {source.url}: {error}. {kept}"
    return DownloadError(reason, passing=error.passing, code=error.code, wait=error.wait)


def _silent(done: int, total: int | None) -> None:
    return None
