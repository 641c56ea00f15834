"""Changes of bytes and texts, each drawn from a generator: a seed gives the same input again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TEXTS = (
    *(
        "",
        " ",
        "NA",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "1e309",
        "-0",
        "1e-320",
        "0x10",
        "1_000",
        "9" * 400,
        "None",
    ),
    *(
        "null",
        "true",
        "True",
        "\x00",
        "\ufeff",
        "\u202e",
        "\ud7ff",
        "é",
        "İ",
        "ß",
        "𝔘",
        "0",
        "1",
        "-1",
        "2**63",
    ),
    *(
        "9223372036854775808",
        "18446744073709551616",
        "1e5",
        "1.",
        ".5",
        "0,5",
        "a" * 5000,
        "../../x",
        "/etc/passwd",
    ),
    *(
        "C:\\x",
        "CON",
        "a/b",
        "a\\b",
        "~",
        "$HOME",
        "`id`",
        "$(id)",
        "%s%n",
        "{0}",
        "{x.__class__}",
        "__import__('os')",
    ),
    *(
        "<script>alert(1)</script>",
        "'",
        '"',
        '"""',
        "\n",
        "\r",
        "\r\n",
        "\t",
        ",",
        ";",
        "|",
        "=1+1",
        "@x",
        "+x",
        "-x",
    ),
)


def mutated_bytes(rng: Random, content: bytes, other: bytes = b"") -> bytes:
    """One to four changes of a file: bits, bytes, lengths, pieces left out, doubled, or of another file."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_BYTES)(rng, content, other)
    return content


def mutated_text(rng: Random, text: str, words: Sequence[str] = ()) -> str:
    """One to four changes of a text: characters, words (also of TEXTS), lines left out, doubled, swapped."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        text = rng.choice(_TEXT)(rng, text, words)
    return text


def place(rng: Random, length: int) -> int:
    """A position; the beginning and the end of a file are hit more often than its middle."""
    if length == 0:
        return 0
    kind = rng.random()
    if kind < 0.35:
        return rng.randrange(min(length, 64))
    return length - 1 - rng.randrange(min(length, 64)) if kind < 0.55 else rng.randrange(length)


def _flip(rng: Random, content: bytes, _: bytes) -> bytes:
    if not content:
        return content
    at = place(rng, len(content))
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _noise(rng: Random, content: bytes, _: bytes) -> bytes:
    at, length = place(rng, len(content)), rng.choice((1, 2, 4, 8, 64))
    return content[:at] + rng.randbytes(length) + content[at + length :]


def _number(rng: Random, content: bytes, _: bytes) -> bytes:
    at, width = place(rng, len(content)), rng.choice((1, 2, 4, 8))
    value = rng.choice(_NUMBERS) & (256**width - 1)
    return content[:at] + value.to_bytes(width, rng.choice(("big", "little"))) + content[at + width :]


def _cut(rng: Random, content: bytes, _: bytes) -> bytes:
    return content[: place(rng, len(content))]


def _out(rng: Random, content: bytes, _: bytes) -> bytes:
    at = place(rng, len(content))
    return content[:at] + content[at + rng.choice((1, 2, 8, 64, 512)) :]


def _doubled(rng: Random, content: bytes, _: bytes) -> bytes:
    at, length = place(rng, len(content)), rng.choice((1, 8, 64, 512))
    return content[:at] + content[at : at + length] * rng.choice((2, 3, 50)) + content[at + length :]


def _spliced(rng: Random, content: bytes, other: bytes) -> bytes:
    return content[: place(rng, len(content))] + other[place(rng, len(other)) :]


def _tail(rng: Random, content: bytes, _: bytes) -> bytes:
    return content + rng.choice((b"\0", b"\n", rng.randbytes(20), content[:100], b"\0" * 4096))


_BYTES: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    _flip, _flip, _noise, _number, _number, _cut, _out, _doubled, _spliced, _tail,
)  # fmt: skip


def _character(rng: Random, text: str, _: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    sign = chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x20), rng.randrange(0xA0, 0xD7FF))))
    return text[:at] + sign + text[at + rng.choice((0, 1)) :]


def _word(rng: Random, text: str, words: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice([*TEXTS, *words, *words]) + text[at + rng.choice((0, 0, 1, 5)) :]


def _text_out(rng: Random, text: str, _: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.choice((1, 3, 20)) :]


def _text_doubled(rng: Random, text: str, _: Sequence[str]) -> str:
    at, length = rng.randrange(len(text) + 1), rng.choice((1, 3, 20))
    return text[:at] + text[at : at + length] * rng.choice((2, 3, 100)) + text[at + length :]


def _lines(rng: Random, text: str, _: Sequence[str]) -> str:
    lines = text.split("\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines[one], lines[two] = lines[two], lines[one]
    elif kind == 1:
        del lines[one]
    else:
        lines.insert(two, lines[one])
    return "\n".join(lines)


_TEXT: tuple[Callable[[Random, str, Sequence[str]], str], ...] = (
    _character, _word, _word, _text_out, _text_doubled, _lines,
)  # fmt: skip
