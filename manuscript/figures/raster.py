"""Figures that consist of pictures: PNG in every document, at the resolution of print."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from matplotlib.figure import Figure

PRINT_DPI = 300
_CSS_DPI = 96


@dataclass(frozen=True, slots=True)
class Raster:
    """A figure that Jupyter shows as PNG, whatever format the document asks for."""

    figure: Figure

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and the size in CSS pixels at which it is shown."""
        content = BytesIO()
        self.figure.savefig(content, format="png", dpi=PRINT_DPI)
        width, height = (round(inches * _CSS_DPI) for inches in self.figure.get_size_inches())
        return content.getvalue(), {"width": width, "height": height}
