"""Many parquet files in one, byte for byte: the files one after another, and one footer over all of them.

The result is a parquet file with the row groups of all of them, which every reader of parquet takes, and each
of the files is still in it, as it was written, at an offset that this module tells. So the checksums that
were taken of them still hold, and nothing is encoded anew.

Source: Apache Parquet, `parquet.thrift` (FileMetaData, RowGroup, ColumnChunk, ColumnMetaData); data may lie
anywhere in a parquet file, the footer says where.
"""

from __future__ import annotations

from collections.abc import Mapping

from data.store.packs.compact_protocol import Struct, decode, encode

_MAGIC = b"PAR1"
# FileMetaData
_SCHEMA, _N_ROWS, _ROW_GROUPS, _NOTES = 2, 3, 4, 5
# RowGroup, ColumnChunk and ColumnMetaData: fields that say where something lies
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_META = 3
_CHUNK_OFFSETS = (2, 4, 6)
_META_OFFSETS = (9, 10, 11, 14)
_I16 = 4


def shape(content: bytes) -> bytes:
    """What files must have in common to be spliced: columns with their types, and notes for readers."""
    footer = _footer(content)
    return encode(Struct({key: footer.fields[key] for key in (_SCHEMA, _NOTES) if key in footer.fields}))


def splice(files: Mapping[str, bytes]) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """Join parquet files of one `shape`.

    Parameters
    ----------
    files : content by name, at least one

    Returns
    -------
    the content of the joined file, and by name the offset and size of each file in it

    Raises
    ------
    ValueError : one is no parquet file, or their shapes differ
    """
    body = bytearray(_MAGIC)
    places: dict[str, tuple[int, int]] = {}
    groups: list[Struct] = []
    joined: Struct | None = None
    n_rows = 0
    for name, content in files.items():
        footer = _footer(content)
        if joined is None:
            joined = footer
        elif any(footer.get(key) != joined.get(key) for key in (_SCHEMA, _NOTES)):
            raise ValueError(f"The columns or notes of '{name}' are not those of '{next(iter(files))}'.")
        for group in footer.get(_ROW_GROUPS)[1]:
            _move(group, len(body))
            group.fields[_ORDINAL] = (_I16, len(groups))
            groups.append(group)
        n_rows += footer.get(_N_ROWS)
        places[name] = (len(body), len(content))
        body += content
    if joined is None:
        raise ValueError("No file came; at least one is needed.")
    joined.set(_N_ROWS, n_rows)
    joined.set(_ROW_GROUPS, (joined.get(_ROW_GROUPS)[0], groups))
    end = encode(joined)
    return bytes(body) + end + len(end).to_bytes(4, "little") + _MAGIC, places


def _footer(content: bytes) -> Struct:
    size = int.from_bytes(content[-8:-4], "little")
    if len(content) < 12 or not content.startswith(_MAGIC) or not content.endswith(_MAGIC):
        raise ValueError("it is no parquet file")
    if size > len(content) - 12:
        raise ValueError("its footer is longer than the file")
    footer = decode(content[-8 - size : -8])
    try:
        for group in footer.get(_ROW_GROUPS)[1]:
            _move(group, 0)
        complete = footer.get(_SCHEMA) is not None and footer.get(_N_ROWS) >= 0
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"its footer is not that of a parquet file ({error})") from error
    if not complete:
        raise ValueError("its footer names no columns or rows")
    return footer


def _move(group: Struct, by: int) -> None:
    """Let a row group lie `by` bytes later."""
    _move_fields(group, (_GROUP_OFFSET,), by)
    for chunk in group.get(_COLUMNS)[1]:
        _move_fields(chunk, _CHUNK_OFFSETS, by)
        _move_fields(chunk.get(_META), _META_OFFSETS, by)


def _move_fields(struct: Struct, numbers: tuple[int, ...], by: int) -> None:
    for number in numbers:
        value = struct.get(number)
        if value:  # 0 says that a writer left it out
            struct.set(number, value + by)
