"""BUS-BRA: patients, masks, and tables that are not what they should be."""

import pytest
from PIL import Image

from data.registry import dataset_available, load_dataset
from tests.data.trees import write_bus_bra


def test_patients_classes_and_masks(tmp_path):
    write_bus_bra(tmp_path)
    dataset = load_dataset("bus-bra", data_root=tmp_path)
    rows = dataset.manifest.set_index("image_id")
    assert rows.loc["bus_0001-l", ["group_id", "class", "mode"]].tolist() == ["1", "malignant", "L"]
    assert dataset.info.n_groups == 4
    assert dataset.info.class_counts == {"benign": 4, "malignant": 4}
    with Image.open(rows.loc["bus_0002-r", "mask_path"]) as mask:
        assert mask.mode == "1"
    assert dataset.read_mask("bus_0002-r").any(axis=0).nonzero()[0].tolist() == [0, 1, 2, 3, 4]
    assert dataset.published_split is None
    assert dataset.notes == (
        "This copy of BUS-BRA has 4 benign, 4 malignant images; the published set has "
        "1268 benign, 607 malignant.",
    )


def test_files_that_do_not_belong_together_are_told(tmp_path):
    folder = write_bus_bra(tmp_path)
    (folder / "Masks" / "mask_0001-l.png").unlink()
    (folder / "Images" / "bus_0002-l.png").unlink()
    (folder / "Images" / "bus_0777-l.png").write_bytes(b"x")
    dataset = load_dataset("bus-bra", data_root=tmp_path, unreadable="list")
    assert dataset.unreadable["reason"].tolist() == ["no such file"]
    notes = "\n".join(dataset.notes)
    assert "1 image(s) have no mask in Masks/: 'bus_0001-l'." in notes
    assert "1 file(s) in Images/ stand not in bus_data.csv and were left out: 'bus_0777-l.png'." in notes
    assert dataset.read_mask("bus_0001-l") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Case", "Patient", "must begin with the header ID,Case,Histology,Pathology,..."),
        ("x,malignant", "x,maybe", "line 2: the pathology 'maybe' is unknown; allowed are benign, malignant"),
        ("bus_0001-r", "bus_0001-l", "Image 'bus_0001-l' is listed 2 times"),
        ("bus_0002-l,2", "bus_0002-l,", "`Case` is empty in 1 row.s., first in line 4"),
        ('"[1,2,3,4]"', "[1,2,3,4]", "line 2 has 13 fields, but the header has 10"),
    ],
)
def test_tables_that_are_refused(tmp_path, old, new, message):
    folder = write_bus_bra(tmp_path)
    path = folder / "bus_data.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_dataset("bus-bra", data_root=tmp_path)


def test_a_patient_with_lesions_of_both_kinds_is_a_note(tmp_path):
    folder = write_bus_bra(tmp_path)
    path = folder / "bus_data.csv"
    path.write_text(path.read_text().replace("bus_0001-r,1,x,malignant", "bus_0001-r,1,x,benign"))
    notes = load_dataset("bus-bra", data_root=tmp_path).notes
    assert any("1 patient(s) or exam(s) have images in several classes: '1'." in note for note in notes)


def test_places(tmp_path):
    folder = write_bus_bra(tmp_path)
    assert dataset_available("bus-bra", folder) == (True, f"found in {folder}")
    (folder / "Masks").rename(folder / "masks of mine")
    available, reason = dataset_available("bus-bra", tmp_path)
    assert not available
    assert "lacks Masks; the data set 'bus-bra' has bus_data.csv, Images, Masks there" in reason
