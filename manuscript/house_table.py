"""The table of all documents: great_tables' own, without the list of fonts that only a browser can read."""

from __future__ import annotations

import re

from great_tables import GT

_FONTS = re.compile(r"\s*font-family:[^;}]*;")


class HouseTable(GT):
    """A great_tables table that takes the font of the text around it.

    great_tables writes a list of system fonts into every table. Quarto hands it on to Typst, which warns of
    each font that it does not have.
    """

    def _repr_html_(self) -> str:
        return _FONTS.sub("", str(super()._repr_html_()))
