"""The page as people see it: nothing is cut off on a desk, on a phone, or on paper."""

from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

A4_WITHIN_MARGINS = 718  # CSS pixels: 190 mm
# Elements beyond the right edge that are in no box that scrolls.
CUT = """
const edge = document.documentElement.clientWidth + 1, cut = [];
for (const e of document.querySelectorAll('body *')) {
  if (e.getBoundingClientRect().right <= edge) continue;
  let box = e.parentElement;
  while (box && !['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) box = box.parentElement;
  if (!box) cut.push(e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 60));
}
return cut;
"""


def _show(browser, page: Path, *, width: int, media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
    browser.get(page.as_uri())


@pytest.fixture
def plain_browser(browser):
    """The browser, with its own size and medium again afterwards."""
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_cut_off_and_the_page_does_not_scroll_sideways(plain_browser, documents, width):
    _show(plain_browser, documents["html"], width=width)
    wide = plain_browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    assert plain_browser.execute_script(CUT) == []


def test_on_a_phone_wide_tables_scroll_in_their_own_box(plain_browser, documents):
    _show(plain_browser, documents["html"], width=400)
    scrolling = plain_browser.execute_script(
        "return [...document.querySelectorAll('.cell-output-display')]"
        ".filter(box => box.scrollWidth > box.clientWidth).length"
    )
    assert scrolling > 0


def test_on_paper_no_table_or_picture_is_wider_than_the_page(plain_browser, documents):
    _show(plain_browser, documents["html"], width=A4_WITHIN_MARGINS, media="print")
    cut = plain_browser.execute_script(
        "return [...document.querySelectorAll('table, img')]"
        f".filter(e => e.getBoundingClientRect().right > {A4_WITHIN_MARGINS + 1})"
        ".map(e => e.tagName + ' ' + (e.closest('.float') || {}).id)"
    )
    assert cut == []
