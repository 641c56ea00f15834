"""Public files of the data sets that anybody may download, by the name of the data set.

A data set that has none here is given on request, or its host cannot be relied on: see its steps.

Sources: BreastMNIST from the record of MedMNIST v2 (Zenodo 10519652; addresses and MD5 as in the package
medmnist 3.0.2), BUS-BRA from Zenodo 8231412, BrEaST from its page at The Cancer Imaging Archive, which gives
no hashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.fetch.source import SourceFile

_MEDMNIST = "https://zenodo.org/records/10519652/files"
_TCIA = "https://www.cancerimagingarchive.net/wp-content/uploads"
_BREASTMNIST_MD5 = {
    28: "750601b1f35ba3300ea97c75c52ff8f6",
    64: "742edef2a1fd1524b2efff4bd7ba9364",
    128: "363e4b3f8d712e9b5de15470a2aaadf1",
    224: "b56378a6eefa9fed602bb16d192d4c8b",
}


def _breastmnist(size: int, md5: str) -> SourceFile:
    name = "breastmnist.npz" if size == 28 else f"breastmnist_{size}.npz"
    return SourceFile(name=name, url=f"{_MEDMNIST}/{name}?download=1", md5=md5, options={"size": size})


SOURCES: dict[str, tuple[SourceFile, ...]] = {
    "breastmnist": tuple(_breastmnist(size, md5) for size, md5 in _BREASTMNIST_MD5.items()),
    "bus-bra": (
        SourceFile(
            name="BUSBRA.zip",
            url="https://zenodo.org/records/8231412/files/BUSBRA.zip?download=1",
            size=133_917_740,
            sha256="ba3e6ed19cc37c682d8d39e25435bbf8a555a12cb7e641b5f2117685c95580ff",
            unpack=True,
        ),
    ),
    "breast-tcia": (
        SourceFile(
            name="BrEaST-Lesions_USG-images_and_masks-Dec-15-2023.zip",
            url=f"{_TCIA}/BrEaST-Lesions_USG-images_and_masks-Dec-15-2023.zip",
            unpack=True,
        ),
        SourceFile(
            name="BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx",
            url=f"{_TCIA}/BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx",
        ),
    ),
}


def needed_sources(sources: tuple[SourceFile, ...], options: Mapping[str, Any]) -> tuple[SourceFile, ...]:
    """The files that a data set needs with these options (all of them, defaults filled in)."""
    return tuple(
        source
        for source in sources
        if all(options.get(name, value) == value for name, value in source.options.items())
    )
