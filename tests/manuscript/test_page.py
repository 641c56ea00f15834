"""The whole article of the synthetic store as a page."""

import base64
import re
from pathlib import Path

import pytest

from data.store import Store


@pytest.fixture(scope="module")
def html(documents: dict[str, Path]) -> str:
    return documents["html"].read_text(encoding="utf-8")


def test_the_page_stands_alone(html: str) -> None:
    sources = re.findall(r'\bsrc="([^"]{0,40})', html)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "<script" not in html


def test_every_figure_is_a_picture_with_alt_text(html: str) -> None:
    images = re.findall(r"<img[^>]*>", html)
    # Cohort flow, distribution, interaction, ROC, forest, learning curves, Grad-CAM; in the supplement the
    # distribution of three more metrics and the ranks.
    assert len(images) == 11
    for image in images:
        alt = re.search(r'alt="([^"]+)"', image)
        assert alt is not None
        assert len(alt.group(1)) > 40
        data = base64.b64decode(re.search(r"base64,([^\"]+)", image).group(1))  # type: ignore[union-attr]
        assert data.startswith(b"\x89PNG")
        assert len(data) > 5000


def test_every_reference_is_a_link_with_a_target(html: str) -> None:
    targets = set(re.findall(r'href="#([^"]+)"', html))
    ids = set(re.findall(r'id="([^"]+)"', html))
    assert targets <= ids
    assert {"fig-roc", "tbl-delong", "tbl-s-cells", "ref-delong1988"} <= targets


def test_numbers_of_the_tables_reach_the_page(html: str, synthetic_store: Store) -> None:
    rows = synthetic_store.read_result("comparisons")
    for estimate in rows.loc[rows["analysis"] == "delong", "estimate"]:
        assert f"{estimate:.3f}".replace("-", "−") in html
    assert "the loss is not finite in epoch 2" in html
    assert "nan" not in re.sub(r"<[^>]+>", " ", html).lower().split()
