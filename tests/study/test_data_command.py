"""`study data`: what the commands print, and their errors."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from study.cli import app


def _run(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_list_names_every_data_set_and_whether_it_is_here():
    result = _run("list")
    assert result.exit_code == 0
    assert (
        "busi: Breast Ultrasound Images (BUSI); 780 images (benign 437, malignant 210, normal 133)"
        in result.output
    )
    assert "radimagenet-acl: " in result.output
    assert "1021 images (no 452, yes 569)" in result.output
    assert "phantom-breast: " in result.output
    assert "mrnet: MRNet knee MRI (training and validation exams); 1250 exams" in result.output
    assert "not here: The data set 'busi' needs --data-root" in result.output


def test_list_of_one_tells_licence_citation_and_steps():
    result = _run("list", "busi")
    assert result.exit_code == 0
    for text in (
        "task: malignant lesions from benign ones and normal tissue",
        "licence: unstated by source",
        "doi:10.1016/j.dib.2019.104863",
        "  1. Download",
        "  4. Give the same",
    ):
        assert text in result.output


def test_list_of_one_tells_its_options():
    result = _run("list", "phantom-knee")
    assert "option size: pixels per side, from 32 (default 96)" in result.output
    assert "option path: the CSV file (needed)" in _run("list", "manifest").output


def test_unknown_data_set_exits_2_and_names_the_known():
    for command in (
        ["list", "bussi"],
        ["fetch", "bussi"],
        ["check", "bussi"],
        ["split", "bussi", "--positive", "x"],
    ):
        result = _run(*command)
        assert result.exit_code == 2
        assert "There is no data set 'bussi'. Known are busi, radimagenet-breast" in result.output


def test_fetch_prints_the_steps_where_it_cannot_fetch(tmp_path):
    result = _run("fetch", "busi", "--data-root", tmp_path, "--yes")
    assert result.exit_code == 2
    assert "The data set 'busi' cannot be fetched by this program. How to get it:" in result.output
    assert "  1. Download the archive from https://scholar.cu.edu.eg" in result.output
    assert list(tmp_path.iterdir()) == []


def test_fetch_says_what_is_here_already(tmp_path):
    result = _run("fetch", "phantom-knee")
    assert result.exit_code == 0
    assert "phantom-knee is here already: made by the program when asked for." in result.output


def test_check_opens_every_image(images):
    result = _run("check", "folder", "--option", "path=.", "--data-root", images)
    assert result.exit_code == 0, result.output
    assert "folder: 40 images, all readable" in result.output
    assert "classes: benign 20, malignant 20" in result.output
    assert "pixels: 9 wide, 8 high; modes L; 0 with mask" in result.output
    assert "patients or exams: no ids" in result.output


def test_check_names_every_broken_image(images):
    broken = [images / "benign" / f"{number}.png" for number in range(7)]
    for path in broken:
        path.write_bytes(b"")
    result = _run("check", "folder", "-o", "path=.", "--data-root", images)
    assert result.exit_code == 2
    assert "folder: 33 images, 7 more cannot be read" in result.output
    for path in broken:
        assert f"- '{path}' (it has 0 bytes)" in result.output


def test_check_without_the_data_prints_the_steps(tmp_path):
    result = _run("check", "busi", "--data-root", tmp_path)
    assert result.exit_code == 2
    assert "holds neither Dataset_BUSI_with_GT" in result.output
    assert "  1. Download the archive from https://scholar.cu.edu.eg" in result.output
    result = _run("check", "radimagenet-acl")
    assert result.exit_code == 2
    assert "git clone https://github.com/BMEII-AI/RadImageNet" in result.output


def test_show_draws_a_sheet_and_says_what_is_on_it(images, tmp_path):
    out = tmp_path / "new" / "sheet.png"
    arguments = ["show", "folder", "-o", "path=.", "--data-root", images, "--out", out]
    result = _run(*arguments, "--n", 5)
    assert result.exit_code == 0, result.output
    assert result.output == f"{out}: benign 5, malignant 5\n"
    with Image.open(out) as sheet:
        assert sheet.size[0] == 860  # five tiles of 160 pixels with gaps of 10
    first = out.read_bytes()
    assert _run(*arguments, "--n", 5).exit_code == 0
    assert out.read_bytes() == first
    assert _run(*arguments, "--n", 5, "--seed", 1).exit_code == 0
    assert out.read_bytes() != first


def test_show_draws_named_images_and_notes_unreadable_ones(images, tmp_path):
    (images / "benign" / "3.png").write_bytes(b"")
    out = tmp_path / "sheet.png"
    arguments = ["show", "folder", "-o", "path=.", "--data-root", images, "--out", out]
    result = _run(*arguments, "--image", "benign/4", "--image", "malignant/2")
    assert result.exit_code == 0, result.output
    assert "sheet.png: benign 1, malignant 1\nnote: 1 file(s) cannot be read" in result.output


def test_show_explains_bad_requests(images, tmp_path):
    arguments = ["show", "folder", "-o", "path=.", "--data-root", images]
    wrong = _run(*arguments, "--image", "benign/44", "--out", tmp_path / "sheet.png")
    assert wrong.exit_code == 2
    assert "The data set has no image 'benign/44'. Near ids: 'benign/4'" in wrong.output
    wrong = _run(*arguments, "--out", tmp_path / "sheet.jpg")
    assert wrong.exit_code == 2
    assert "`--out` must be a .png file" in wrong.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root"]


def test_split_counts_images_and_keeps_patients_together(images):
    shares = ["--train", 0.5, "--val", 0.25, "--test", 0.25]
    result = _run(
        "split", "manifest", "-o", "path=list.csv", "--data-root", images, "--positive", "malignant", *shares
    )
    assert result.exit_code == 0, result.output
    assert "train     20 images, 10 positive: benign 10, malignant 10" in result.output
    assert " test     10 images, " in result.output
    assert "val 10 (" in result.output  # 5 of 10 cannot be positive with patients of two images
    assert "leaks" not in result.output


def test_split_by_image_says_that_it_leaks(images):
    result = _run(
        "split",
        "manifest",
        "-o",
        "path=list.csv",
        "--data-root",
        images,
        "-p",
        "malignant",
        "--group",
        "image",
    )
    assert result.exit_code == 0, result.output
    assert "so it leaks: " in result.output


def test_split_of_phantoms_takes_numbers_as_options():
    result = _run("split", "phantom-knee", "-p", "torn", "-o", "n_patients=30", "-o", "size=32")
    assert result.exit_code == 0, result.output
    assert "split hash: " in result.output


def test_split_without_the_data_uses_the_published_counts():
    result = _run("split", "radimagenet-acl", "--positive", "yes")
    assert result.exit_code == 0
    assert "Counts from the published no 452, yes 569" in result.output
    for line in (
        "train    765 images, 426 positive",
        "  val    153 images, 85 positive",
        " test    103 images, 58",
    ):
        assert line in result.output
    result = _run("split", "busi", "--positive", "malignant")
    assert " test     78 images, 21 positive" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["split", "busi", "-p", "cancer"],
            "`positive` names 'cancer', but the classes of this data set are benign",
        ),
        (
            ["split", "busi", "-p", "malignant", "--train", "0.9"],
            "train + val + test must be 1; got 0.9 + 0.15 + 0.1",
        ),
        (["check", "folder"], "The data set 'folder' needs the option `path`"),
        (["check", "folder", "-o", "path"], "`--option` must be key=value, but 'path' came"),
        (["check", "folder", "-o", "path=/no/such/folder"], "There is no folder '/no/such/folder'"),
        (["check", "phantom-knee", "-o", "size=big"], "must be a whole number, but 'big' came"),
    ],
)
def test_bad_input_exits_2_with_one_message(arguments, message):
    result = _run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_every_command_has_an_example():
    for command in ("list", "fetch", "check", "show", "split"):
        assert "Example: study data" in _run(command, "--help").output


def test_folds_are_shown_one_by_one_and_partition_the_images():
    options = ["-o", "n_patients=40", "-o", "size=48"]
    result = _run("split", "phantom-breast", "-p", "malignant", "--folds", "4", "--val", "0.2", *options)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line for line in lines if line.startswith("fold")] == [f"fold {k}" for k in range(4)]
    tested = [int(line.split()[1]) for line in lines if line.split()[0] == "test"]
    checked = _run("check", "phantom-breast", *options).output
    assert sum(tested) == int(checked.split("breast: ")[1].split()[0])


def test_folds_of_absent_data_come_from_the_published_counts(tmp_path):
    result = _run("split", "busi", "-p", "malignant", "--folds", "5", "--data-root", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert result.output.count("train 507, val 117, test 156 images") == 5
