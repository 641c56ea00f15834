"""References in one line each."""

from manuscript.bibliography import BIBLIOGRAPHY, references


def test_every_entry_is_read_with_author_year_and_identifier():
    found = references()
    assert len(found) == BIBLIOGRAPHY.read_text(encoding="utf-8").count("\n@") + 1
    assert all("doi:" in text or "arXiv:" in text for text in found.values())
    assert found["hurlbert1984"].startswith("Hurlbert 1984. Pseudoreplication and the design")
    assert found["hanley1982"].startswith("Hanley and McNeil 1982. ")
    assert found["delong1988"].startswith("DeLong et al. 1988. ")
    assert not any("{" in text for text in found.values())
