"""The file of items: our own short words, no typed number, a function for every answer."""

import ast
import re
from pathlib import Path

import pytest

from manuscript.checklist import data_answers, model_answers, result_answers
from manuscript.checklist.fill import answer_functions
from manuscript.checklist.items import load_items

ITEMS = load_items()
# As the checklists number them; what a store answers by itself. Sources: references.bib.
AUTOMATIC = {
    "CLAIM": "7 9 10 12 19 20 22 23 24 25 26 27 28 29 30 32 33 35 37 38 39 43",
    "TRIPOD+AI": "5a 7 8a 11 12a 12c 12d 12e 12g 13 15 20a 20c 21 22 23a 23b 24",
    "STARD-AI": "11 14 15a 15b 15c 18 19 20 21 24 29 30 31 40a 40b",
}


def test_every_automatic_item_has_a_function() -> None:
    answered = {(item.checklist, item.number) for item in ITEMS if item.answer}
    wanted = {(name, number) for name, numbers in AUTOMATIC.items() for number in numbers.split()}
    assert wanted <= answered
    assert answer_functions().keys() == {item.answer for item in ITEMS if item.answer}


def test_what_no_function_answers_is_left_to_the_author() -> None:
    assert all(item.author for item in ITEMS if not item.answer)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.checklist}-{item.number}")
def test_subjects_and_tasks_are_short_and_without_numbers(item) -> None:
    assert 0 < len(item.subject) <= 36
    assert len(item.author) <= 44
    assert not re.search(r"\d", item.subject + item.author)


@pytest.mark.parametrize("module", [data_answers, model_answers, result_answers], ids=lambda m: m.__name__)
def test_no_number_is_typed_in_an_answer(module) -> None:
    """Texts of the answers hold no digit; a key of the provenance does."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    texts = [
        part.value
        for joined in ast.walk(tree)
        if isinstance(joined, ast.JoinedStr | ast.Return)
        for part in ast.walk(joined)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert len(texts) > 20
    assert {text for text in texts if re.search(r"\d", text)} <= {"sha256"}


def test_numbers_of_items_differ_within_a_checklist() -> None:
    keys = [(item.checklist, item.number) for item in ITEMS]
    assert len(keys) == len(set(keys))


def test_an_item_with_an_unknown_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.toml"
    path.write_text('[CLAIM]\n"7" = { subject = "Data", reply = "data_source" }\n')
    with pytest.raises(ValueError, match=r"Item 7 of CLAIM in `items\.toml` has the fields subject, reply"):
        load_items(path)
    path.write_text('[CLAIM]\n"7" = { subject = "Data" }\n')
    with pytest.raises(ValueError, match=r"needs `subject`, with `answer`, `author` or both"):
        load_items(path)
