"""The page as one HTML file that holds its data, its scripts and its pictures, and asks nothing of a network.

Tables are DataTables as the package itables bundles it, curves are Vega-Lite as vl-convert bundles it
(0.6 and 0.9 MB; plotly has 4.8 MB, bokeh 1.3 MB). Both bundles stand in the page as they are.
"""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from manuscript.theme import COLOURS
from study.explore.content import PageContent

_LINE_ENDS = {0x2028: "\\u2028", 0x2029: "\\u2029"}


def render_page(content: PageContent) -> str:
    """Return the page. Every text of the store is escaped: in HTML by Jinja, in data by `embedded_json`."""
    folder = resources.files("study.explore")
    own = {name: (folder / f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["commands"] = with_commands
    template = environment.from_string(own["html"])
    libraries = {"datatables": _datatables("js"), "vega-bundle": _vega_bundle()}
    return template.render(
        content=content,
        style=_datatables("css") + own["css"],
        script=own["js"],
        data=embedded_json(content.data | {"colours": COLOURS}),
        imports=json.dumps({"imports": {name: _data_url(text) for name, text in libraries.items()}}),
    )


def with_commands(text: str) -> Markup:
    """Return a text as HTML, with what stands in backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def embedded_json(value: Any) -> str:
    """Return JSON that may stand in a script element: no text in it can end the element or begin a comment.

    Raises
    ------
    ValueError : a number is not finite
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.translate(_LINE_ENDS)


def _datatables(suffix: str) -> str:
    import itables

    return (Path(itables.__path__[0]) / "html" / f"dt_bundle.{suffix}").read_text(encoding="utf-8")


def _vega_bundle() -> str:
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _data_url(script: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(script.encode("utf-8")).decode("ascii")
