"""Thrift's compact protocol, in which the footer of a parquet file is written: bytes to values and back.

Source: Apache Thrift, `doc/specs/thrift-compact-protocol.md`. Values keep the types of the wire, so that what
was read and not changed is written as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY = 1, 2, 3, 7, 8
_INTEGERS = (4, 5, 6)  # 16, 32 and 64 bits
_LISTS = (9, 10)  # lists and sets
_STRUCT = 12
_MAX_DEPTH = 16


@dataclass(slots=True)
class Struct:
    """Fields by number: (type on the wire, value). A list is (type of its members, members)."""

    fields: dict[int, tuple[int, Any]] = field(default_factory=dict)

    def get(self, number: int) -> Any:
        """Value of a field; None where it is absent."""
        return self.fields.get(number, (0, None))[1]

    def set(self, number: int, value: Any) -> None:
        """Change the value of a field that is there."""
        self.fields[number] = (self.fields[number][0], value)


def decode(content: bytes) -> Struct:
    """Read one struct.

    Raises
    ------
    ValueError : the bytes are none
    """
    try:
        return _Reader(content).struct(0)
    except (IndexError, RecursionError) as error:
        raise ValueError(f"the footer cannot be read ({error})") from error


def encode(value: Struct) -> bytes:
    """Write one struct; fields stand in the order of their numbers."""
    out = bytearray()
    _write_struct(out, value)
    return bytes(out)


@dataclass(slots=True)
class _Reader:
    content: bytes
    at: int = 0

    def struct(self, depth: int) -> Struct:
        if depth > _MAX_DEPTH:
            raise ValueError("the footer is nested too deep")
        found, number = Struct(), 0
        while (head := self._byte()) != 0:
            kind, step = head & 0x0F, head >> 4
            number = number + step if step else _unzigzag(self._varint())
            found.fields[number] = (kind, self._value(kind, depth))
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            return _unzigzag(self._varint())
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError(f"the footer holds the type {kind}, which parquet does not use")

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        head = self._byte()
        kind, size = head & 0x0F, head >> 4
        if size == 15:
            size = self._varint()
        if size > len(self.content):
            raise ValueError("the footer holds a list that is longer than itself")
        if kind in (_TRUE, _FALSE):  # a truth in a list is a byte of its own
            return kind, [self._byte() for _ in range(size)]
        return kind, [self._value(kind, depth) for _ in range(size)]

    def _byte(self) -> int:
        value = self.content[self.at]
        self.at += 1
        return value

    def _take(self, size: int) -> bytes:
        taken = self.content[self.at : self.at + size]
        if len(taken) != size:
            raise ValueError("the footer ends too early")
        self.at += size
        return taken

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _write_struct(out: bytearray, value: Struct) -> None:
    last = 0
    for number, (kind, content) in sorted(value.fields.items()):
        if kind in (_TRUE, _FALSE):
            kind = _TRUE if content else _FALSE
        step = number - last
        if 0 < step < 16:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            _write_varint(out, _zigzag(number))
        _write_value(out, kind, content)
        last = number
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in (_TRUE, _FALSE):
        return  # said by the type
    if kind in _INTEGERS:
        _write_varint(out, _zigzag(value))
    elif kind == _BYTE:
        out.append(value)
    elif kind == _DOUBLE:
        out += value
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind in _LISTS:
        _write_list(out, *value)
    else:
        _write_struct(out, value)


def _write_list(out: bytearray, kind: int, members: list[Any]) -> None:
    if len(members) < 15:
        out.append(len(members) << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _write_varint(out, len(members))
    for member in members:
        if kind in (_TRUE, _FALSE):
            out.append(member)
        else:
            _write_value(out, kind, member)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
