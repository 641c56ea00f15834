"""One process at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def lock_file(file: IO[Any]) -> None:
    """Wait until no other process holds `file`; closing it, or the end of the process, lets it go.

    Without fcntl (Windows), or on a file system without locks (some network folders), there is none.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


@contextmanager
def one_process(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, which stays, for the body of a `with`.

    Raises
    ------
    OSError : the file cannot be made
    """
    with path.open("w") as file:
        lock_file(file)
        yield
