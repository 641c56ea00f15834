"""What is said of the dependencies; the JSON is as pip-audit 2 writes it."""

import json

import pytest

from tests.security.dependency_audit import verdict

SKIPPED = {"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited: a (1)"}
CLEAN = {"name": "b", "version": "1", "vulns": []}
FLAW = {"name": "c", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"], "aliases": []}]}


@pytest.mark.parametrize(
    ("packages", "told", "code"),
    [
        ([SKIPPED], "NOT audited: the advisories of none of 1 packages", 0),
        ([SKIPPED, CLEAN], "none of 1 packages (of 2) has a known flaw", 0),
        ([SKIPPED, CLEAN, FLAW], "c 1: PYSEC-1, mended in 2", 1),
    ],
)
def test_a_package_that_was_not_looked_up_does_not_count_as_sound(packages, told, code) -> None:
    text, exit_code = verdict(json.dumps({"dependencies": packages}), "")
    assert told in text
    assert exit_code == code


def test_a_failure_is_told_with_its_reason() -> None:
    text, exit_code = verdict("", "No module named pip_audit")
    assert text == "dependencies NOT audited: No module named pip_audit"
    assert exit_code == 0
