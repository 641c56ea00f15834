"""The page in a real browser: sorting, searching, choosing models, filtering, nothing from a network."""

import json
import re

import pandas as pd
import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait


@pytest.fixture
def page(page_file, open_page):
    return open_page(page_file)


def column(page, table: str, title: str) -> list[str]:
    """The shown texts of a column."""
    heads = [head.text.split("\n")[0] for head in page.find_elements(By.CSS_SELECTOR, f"#{table} thead th")]
    place = heads.index(title) + 1
    cells = page.find_elements(By.CSS_SELECTOR, f"#{table} tbody td:nth-child({place})")
    return [cell.text for cell in cells]


def eventually(page, check) -> None:
    """Wait until the page has answered: it sorts and filters after the event, not within it."""
    redrawn = [StaleElementReferenceException]
    WebDriverWait(page, 10, poll_frequency=0.05, ignored_exceptions=redrawn).until(lambda _: check())


def aucs_in_order(page) -> list[float]:
    return [float(text.split()[0]) for text in column(page, "cells", "test AUC") if text != "–"]


def click_head(page, table: str, title: str) -> None:
    heads = page.find_elements(By.CSS_SELECTOR, f"#{table} thead th")
    next(head for head in heads if head.text.split("\n")[0] == title).click()


def test_the_table_of_models_shows_every_cell_and_sorts_by_a_click(page):
    aucs = column(page, "cells", "test AUC")
    assert len(aucs) == 4
    assert column(page, "cells", "status")[1] == "failed"
    assert "window.broken" in column(page, "cells", "remarks")[1]
    click_head(page, "cells", "test AUC")
    rising = sorted(aucs_in_order(page))
    assert len(rising) == 3
    eventually(page, lambda: aucs_in_order(page) == rising)
    click_head(page, "cells", "test AUC")
    eventually(page, lambda: aucs_in_order(page) == rising[::-1])


def test_names_and_commands_of_the_study_are_shown_as_they_are(page):
    assert page.find_element(By.TAG_NAME, "h1").text == "Small <study> & co"
    commands = [code.text for code in page.find_elements(By.CSS_SELECTOR, ".notice code")]
    assert commands[:2] == ["study stats", "study stats …/small"]


def test_a_heading_sorts_by_keyboard(page):
    head = page.find_element(By.CSS_SELECTOR, "#cells thead th:nth-child(3)")
    button = head.find_element(By.CSS_SELECTOR, "[role=button]")
    page.execute_script("arguments[0].focus()", button)
    assert page.switch_to.active_element == button
    button.send_keys(Keys.ENTER)
    eventually(page, lambda: head.get_attribute("aria-sort") == "ascending")


def test_the_search_box_filters_the_models(page):
    box = page.find_element(By.CSS_SELECTOR, "#cells_wrapper input[type=search]")
    box.send_keys("phantom nonlinear")
    eventually(page, lambda: column(page, "cells", "cell") == ["cell3"])
    box.clear()
    box.send_keys(Keys.SPACE, Keys.BACKSPACE)
    eventually(page, lambda: len(column(page, "cells", "cell")) == 4)


def test_a_column_is_filtered_by_a_list_of_its_levels(page):
    assert levels(page, "pretrain") == ["phantom", "random"]
    page.find_element(By.CSS_SELECTOR, ".dtcc-list-buttons .dtcc-button").click()
    eventually(page, lambda: set(column(page, "cells", "pretrain")) == {"phantom"})


def levels(page, title: str) -> list[str]:
    """Open the list of levels of a column and return what it offers."""
    heads = page.find_elements(By.CSS_SELECTOR, "#cells thead th")
    head = next(head for head in heads if head.text.split("\n")[0] == title)
    head.find_element(By.CSS_SELECTOR, "[aria-label='Choose levels']").click()
    return [level.text for level in page.find_elements(By.CSS_SELECTOR, ".dtcc-list-buttons .dtcc-button")]


def test_ticking_a_model_draws_its_curve(page):
    assert curves(page) == 2
    plot = page.find_element(By.CSS_SELECTOR, "#roc[role=graphics-document]")
    assert plot.get_attribute("aria-label").startswith("ROC curves of ")
    boxes = page.find_elements(By.CSS_SELECTOR, "#cells input[type=checkbox]")
    assert len(boxes) == 3  # the failed cell has no curve
    unticked = next(box for box in boxes if not box.is_selected())
    assert "Draw the ROC curve of knee:" in unticked.get_attribute("aria-label")
    unticked.click()
    assert curves(page) == 3
    page.find_element(By.ID, "clear").click()
    assert curves(page) == 0
    assert page.find_element(By.ID, "roc-text").text == "No curve is chosen."


def curves(page) -> int:
    """Curves that are drawn, without the diagonal."""
    page.execute_async_script("setTimeout(arguments[0], 300)")
    lines = page.find_elements(By.CSS_SELECTOR, "#roc g.mark-line path")
    return sum(bool(line.get_attribute("d")) for line in lines) - 1


def test_the_images_of_two_chosen_models_stand_side_by_side(page, store):
    Select(page.find_element(By.ID, "a")).select_by_value("cell0")
    Select(page.find_element(By.ID, "b")).select_by_value("cell3")
    Select(page.find_element(By.CSS_SELECTOR, "#images_wrapper select")).select_by_value("100")
    scores = store.read_predictions(cell_ids=["cell0", "cell3"], splits=["test"])
    wide = scores.pivot(index="image_id", columns="cell_id", values="score")
    apart = (wide["cell0"] - wide["cell3"]).abs().sort_values(ascending=False)
    eventually(page, lambda: set(column(page, "images", "id")) == set(apart.index))
    eventually(page, lambda: column(page, "images", "id")[:5] == list(apart.index[:5]))
    shown = column(page, "images", "id")
    assert shown[:5] == list(apart.index[:5])
    first = wide.loc[shown[0]]
    assert column(page, "images", "score A")[0].startswith(f"{first['cell0']:.3f} ")
    assert column(page, "images", "score B")[0].startswith(f"{first['cell3']:.3f} ")
    labels = scores.drop_duplicates("image_id").set_index("image_id")["label"]
    right = (first["cell0"] >= 0.5) == (labels[shown[0]] == 1)
    assert column(page, "images", "score A")[0].endswith("right" if right else "wrong")


def test_only_where_they_disagree_leaves_these_images(page, store):
    Select(page.find_element(By.ID, "a")).select_by_value("cell0")
    Select(page.find_element(By.ID, "b")).select_by_value("cell2")
    Select(page.find_element(By.CSS_SELECTOR, "#images_wrapper select")).select_by_value("100")
    page.find_element(By.ID, "disagree").click()
    scores = store.read_predictions(cell_ids=["cell0", "cell2"], splits=["test"])
    called = scores.assign(call=scores["score"] >= 0.5).pivot(
        index="image_id", columns="cell_id", values="call"
    )
    unequal = called.index[called["cell0"] != called["cell2"]]
    eventually(page, lambda: set(column(page, "images", "id")) == set(unequal))
    assert set(column(page, "images", "disagree")) == {"yes"}
    assert (
        f"disagree on {len(unequal)} of {len(called)} images" in page.find_element(By.ID, "images-text").text
    )


def test_pictures_have_a_text_and_open_larger_with_the_map(page):
    Select(page.find_element(By.ID, "a")).select_by_value("cell2")
    Select(page.find_element(By.ID, "b")).select_by_value("cell0")
    Select(page.find_element(By.ID, "part")).select_by_value("")
    Select(page.find_element(By.CSS_SELECTOR, "#images_wrapper select")).select_by_value("100")
    texts = [image.get_attribute("alt") for image in page.find_elements(By.CSS_SELECTOR, "#images img")]
    assert all(texts)
    (map_,) = page.find_elements(By.CSS_SELECTOR, "#images img[alt^='Grad-CAM of model A']")
    assert page.execute_script("return arguments[0].naturalWidth", map_) == 48
    page.execute_script("arguments[0].closest('button').click()", map_)
    large = page.find_element(By.ID, "large")
    assert len(large.find_elements(By.TAG_NAME, "img")) == 2
    assert re.fullmatch(
        r"knee-\S+; (torn|intact); A 0\.\d{3} \(.*\); B .*", large.find_element(By.TAG_NAME, "p").text
    )
    large.find_element(By.TAG_NAME, "button").click()
    assert not large.is_displayed()


def requests(page) -> list[str]:
    """Addresses that the page asked for, without those inside itself."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


def test_the_console_is_silent_and_nothing_is_fetched(page, page_file):
    assert requests(page) == [page_file.as_uri()]
    assert page.get_log("browser") == []
    assert page.execute_script("return window.broken") is None


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_window(page, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.refresh()
        page.execute_async_script("setTimeout(arguments[0], 800)")
        root = "document.documentElement"
        wide, shown = page.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
        assert width - 20 <= shown <= width
        assert wide <= shown
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


NASTY = [
    "<script>window.broken = true</script>",
    "</script><img src=x onerror='window.broken = true'>",
    "\"quoted' & <b>bold</b>",
    "<!-- <script>",
    "ünïcödé \u2028 \U0001f9e0",
    "\\u003c",
    *(f"plain {number}" for number in range(10)),
]


def test_names_that_look_like_code_are_shown_as_they_are(tmp_path, study_command, open_page):
    labels = [("bad <i>" if number % 2 else "good") for number in range(len(NASTY))]
    table = pd.DataFrame({"image": NASTY, "truth": labels, "split": "test", "patient": NASTY})
    table["<u>one</u>"] = [(7 * number % 16 + 0.5) / 16 for number in range(len(NASTY))]
    table["two"] = [(5 * number % 16 + 0.5) / 16 for number in range(len(NASTY))]
    table.to_csv(tmp_path / "scores.csv", index=False)
    words = ["import", tmp_path / "scores.csv", "--as", tmp_path / "nasty", "--label", "truth"]
    words += ["--positive", "bad <i>", "--scores", "<u>one</u>,two", "--image-id", "image"]
    made = study_command(*words, "--patient", "patient", "--split", "split")
    assert made.exit_code == 0, made.output
    made = study_command("explore", tmp_path / "nasty", "--out", tmp_path / "page.html")
    assert made.exit_code == 0, made.output
    page = open_page(tmp_path / "page.html")
    Select(page.find_element(By.CSS_SELECTOR, "#images_wrapper select")).select_by_value("25")
    shown = page.execute_script(
        "const cells = document.querySelectorAll('#images tbody td:nth-child(2)');"
        "return [...cells].map((cell) => cell.textContent);"
    )
    assert sorted(shown) == sorted(NASTY)
    assert "bad <i>" in column(page, "images", "class")
    names = [option.text for option in Select(page.find_element(By.ID, "a")).options]
    assert names == ["<u>one</u>", "two"]
    assert levels(page, "model") == ["<u>one</u>", "two"]
    assert page.execute_script("return window.broken") is None
    assert page.find_elements(By.CSS_SELECTOR, "#images tbody b, #images tbody i, #cells tbody u") == []
    assert page.get_log("browser") == []
