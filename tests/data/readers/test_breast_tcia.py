"""BrEaST: the clinical table as .xlsx or .csv, several tumours in one image, normal cases."""

import pytest

from data.registry import dataset_available, load_dataset
from tests.data.trees import BREAST_TCIA_HEADER, write_breast_tcia, write_workbook

TABLE = "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"


@pytest.mark.parametrize("as_csv", [False, True])
def test_cases_classes_and_merged_tumours(tmp_path, as_csv):
    write_breast_tcia(tmp_path, as_csv=as_csv)
    dataset = load_dataset("breast-tcia", data_root=tmp_path)
    rows = dataset.manifest.set_index("image_id")
    assert rows["class"].to_dict() == {"case001": "malignant", "case002": "benign", "case003": "normal"}
    assert rows["group_id"].tolist() == ["1", "2", "3"]
    assert rows["mode"].unique().tolist() == ["RGBA"]
    assert dataset.read_image("case001").shape == (12, 20, 3)
    # The other finding (columns 15 and 16) is no tumour; the rest of the mask is transparent.
    assert dataset.read_mask("case001").any(axis=0).nonzero()[0].tolist() == [0, 1, 2, 9, 10]
    assert dataset.read_mask("case003") is None


@pytest.mark.parametrize("nested", [False, True])
def test_the_images_may_lie_in_a_folder_named_as_their_archive(tmp_path, nested):
    images = write_breast_tcia(tmp_path)
    archive = tmp_path / "BrEaST-Lesions_USG-images_and_masks-Dec-15-2023"
    if nested:
        archive.mkdir()
    images.rename(archive / images.name if nested else archive)
    assert len(load_dataset("breast-tcia", data_root=tmp_path).manifest) == 3


def test_the_table_is_needed_once(tmp_path):
    write_breast_tcia(tmp_path)
    assert dataset_available("breast-tcia", tmp_path)[0]
    (tmp_path / TABLE).rename(tmp_path / "elsewhere.xlsx")
    available, reason = dataset_available("breast-tcia", tmp_path)
    assert not available
    assert "lacks the clinical data, BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx or .csv" in reason
    write_breast_tcia(tmp_path)
    write_breast_tcia(tmp_path, as_csv=True)
    with pytest.raises(ValueError, match=r"several tables of clinical data: .*\.csv, .*\.xlsx. Keep one"):
        load_dataset("breast-tcia", data_root=tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("CaseID", "File")], r"lacks the column.s. Image_filename, Classification in its first sheet"),
        ([BREAST_TCIA_HEADER, (1, "case001.png", None, None, 1, "cyst")], "classification 'cyst' is unknown"),
        ([BREAST_TCIA_HEADER, (1, None, None, None, 1, "benign")], "`Image_filename` is empty in 1 row"),
        ([BREAST_TCIA_HEADER], "The data set has no image"),
    ],
)
def test_tables_that_are_refused(tmp_path, rows, message):
    write_breast_tcia(tmp_path)
    write_workbook(tmp_path / TABLE, rows)
    with pytest.raises(ValueError, match=message):
        load_dataset("breast-tcia", data_root=tmp_path)


def test_a_damaged_table_is_refused(tmp_path):
    write_breast_tcia(tmp_path)
    content = (tmp_path / TABLE).read_bytes()
    for length in (0, len(content) // 2):
        (tmp_path / TABLE).write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is damaged or no \.xlsx file"):
            load_dataset("breast-tcia", data_root=tmp_path)


def test_images_without_row_and_lesions_without_mask_are_told(tmp_path):
    images = write_breast_tcia(tmp_path)
    write_workbook(tmp_path / TABLE, [BREAST_TCIA_HEADER, (2, "case002.png", None, None, 1, "benign")])
    notes = "\n".join(load_dataset("breast-tcia", data_root=tmp_path).notes)
    assert "1 image(s) with a lesion have no mask in the table: 'case002'." in notes
    assert "2 image(s) stand not in the table and were left out: 'case001.png', 'case003.png'." in notes
    (images / "case002.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"1 of 1 images cannot be read"):
        load_dataset("breast-tcia", data_root=tmp_path, unreadable="list")
