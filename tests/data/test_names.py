from pathlib import Path

import pytest

from data.names import inside


def test_names_below_the_folder_are_found(tmp_path: Path) -> None:
    assert inside(tmp_path, "cell/a.png") == tmp_path.resolve() / "cell" / "a.png"


@pytest.mark.parametrize("name", ["../a.png", "a/../../b", "/etc/passwd", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not below"):
        inside(tmp_path, name)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "store" / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="not below"):
        inside(tmp_path / "store", "a.png")
