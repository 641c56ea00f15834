"""Write a file so that it is either complete or absent, whenever the process dies."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TEMPORARY_SUFFIX = ".tmp"
# A write takes seconds: what is older than this belongs to a process that died.
STALE_SECONDS = 3600.0
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to a temporary name in the folder of `path`, flush it to disk, then rename it.

    The folder is made if it is missing. Two processes may write the same path at once: each has a
    temporary file of its own and the last rename stays.

    Raises
    ------
    OSError : the folder cannot be made or written; `path` is then as it was before
    """
    path = Path(path)
    with _written(path, content) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


def create_exclusive(path: Path, content: bytes) -> bool:
    """Write `content` to `path` only if nothing has that name; of several writers exactly one gets True.

    The file appears whole: it is written to a temporary name, flushed, and linked to its own. Where the file
    system has no links (some network folders), it is made empty and then filled, so that a reader may see
    its beginning.

    Raises
    ------
    OSError : the folder cannot be made or written
    """
    path = Path(path)
    with _written(path, content) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _create_in_place(path, content)
    sync_folder(path.parent)
    return True


def remove(path: Path) -> bool:
    """Delete a file; False where there was none. Of several processes exactly one gets True."""
    try:
        Path(path).unlink()
    except FileNotFoundError:
        return False
    return True


def remove_if(path: Path, sha256: str) -> bool:
    """Delete a file if its content has this SHA-256; False where there is none, or another content.

    It is taken away under another name before it is looked at, so that what another process writes to `path`
    at the same time stays. What turns out to be another content is put back, unless a newer one is there.
    """
    path = Path(path)
    taken = _temporary(path)
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return False
        path.rename(taken)
    except FileNotFoundError:
        return False
    content = taken.read_bytes()
    if hashlib.sha256(content).hexdigest() == sha256:
        taken.unlink()
        return True
    create_exclusive(path, content)
    taken.unlink()
    return False


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """A flushed temporary file beside `path` with the content; gone at the end if it was not renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        # "x" with the default mode keeps the user's umask; tempfile would make the file private.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")


def _create_in_place(path: Path, content: bytes) -> bool:
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with the line ends it has. Atomic as `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, keys in their given order. Atomic as `write_bytes`.

    numpy scalars become plain numbers; NaN and infinities are written as Python's json does.

    Raises
    ------
    TypeError : a value is neither text, number, boolean, null, list nor mapping
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """The content that `write_json` gives a file."""
    return (json.dumps(value, indent=1, ensure_ascii=False, default=plain) + "\n").encode("utf-8")


def write_parquet(path: Path, frame: pd.DataFrame, *, types: Mapping[str, pa.DataType] | None = None) -> None:
    """Write `frame` without its index as parquet (zstd). Atomic as `write_bytes`.

    Parameters
    ----------
    types : Arrow type per column; the other columns get the type that their values have

    Raises
    ------
    TypeError : a column mixes kinds of values, or does not fit its type in `types`
    ValueError : two columns have one name
    """
    path = Path(path)
    write_bytes(path, parquet_bytes(path, frame, types or {}))


def parquet_bytes(path: PurePath, frame: pd.DataFrame, types: Mapping[str, pa.DataType]) -> bytes:
    """The content that `write_parquet` gives the file `path`; the same frame gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(_to_table(path, frame, types), sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def remove_stale(folder: Path, *, older_than: float = STALE_SECONDS) -> int:
    """Delete temporary files that a killed process left under `folder`; returns how many went."""
    limit = time.time() - older_than
    removed = 0
    for path in Path(folder).rglob(f".*{TEMPORARY_SUFFIX}"):
        try:
            if path.stat().st_mtime < limit:
                path.unlink()
                removed += 1
        except OSError:
            # Another process renamed or removed it in between, or it is not ours to remove.
            continue
    return removed


def _to_table(path: PurePath, frame: pd.DataFrame, types: Mapping[str, pa.DataType]) -> pa.Table:
    frame = frame.copy(deep=False)
    frame.attrs = {}  # pandas would try to write them into the file
    for name in frame.columns:
        if not isinstance(name, str):
            raise TypeError(f"{path.name}: column names must be text, but one is {name!r}.")
    if not frame.columns.is_unique:
        doubled = frame.columns[frame.columns.duplicated()].unique()
        raise ValueError(f"{path.name}: column names must differ, but {', '.join(doubled)} came twice.")
    schema = pa.schema([_field(path, frame[name], types.get(name)) for name in frame.columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)


def _field(path: PurePath, column: pd.Series, kind: pa.DataType | None) -> pa.Field:
    try:
        return pa.field(str(column.name), pa.Array.from_pandas(column, type=kind).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        found = sorted({type(value).__name__ for value in column})
        wanted = f"{kind} values" if kind is not None else "values of one kind"
        raise TypeError(
            f"{path.name}: column `{column.name}` must hold {wanted}, "
            f"but it holds {', '.join(found)} ({error})."
        ) from error


def plain(value: Any) -> Any:
    """What JSON writes for a numpy scalar or a path; TypeError for other objects."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON: {value!r}.")


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder survive a power cut, where the file system offers that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
