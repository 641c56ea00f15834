"""What in an HTML page would act: scripts, event attributes, links that run code, things fetched."""

from __future__ import annotations

from html.parser import HTMLParser

_ADDRESSES = ("href", "src", "action", "formaction", "data", "srcdoc", "xlink:href")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "svg", "animate"):
            self.found.append(f"<{tag}> {attrs}")
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or name == "srcdoc":
                self.found.append(f"{tag} {name}={value}")
            if name in _ADDRESSES and text.startswith(
                ("javascript:", "vbscript:", "file:", "data:text/html")
            ):
                self.found.append(f"{tag} {name}={value}")
            if name == "src" and not text.startswith("data:image/"):
                self.found.append(f"{tag} {name}={value}")


def active_parts(html: str) -> list[str]:
    """Everything in the page that would run or fetch; empty for a page of text and embedded pictures."""
    reader = _Reader()
    reader.feed(html)
    return reader.found
