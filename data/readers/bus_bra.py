"""BUS-BRA (Gomez-Flores et al. 2024): breast ultrasound with masks and patients; an external test set."""

from __future__ import annotations

from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.fetch.sources import SOURCES
from data.readers.csv_file import read_rows, refuse_empty
from data.readers.notes import count_notes, some
from data.readers.places import find_folder, list_folder
from data.readers.reader import Reader
from data.readers.scan import ImageFile, class_counts, dataset_of_files

_TABLE = "bus_data.csv"
_NEEDED = ("ID", "Case", "Pathology")

BUS_BRA_INFO = DatasetInfo(
    name="bus-bra",
    title="BUS-BRA breast ultrasound",
    modality="ultrasound, breast",
    task="malignant from benign lesions",
    classes=("benign", "malignant"),
    class_counts={"benign": 1268, "malignant": 607},
    unit="patient",
    licence="CC BY 4.0",
    citation=(
        "Gomez-Flores W, Gregorio-Calas MJ, Coelho de Albuquerque Pereira W. BUS-BRA: a breast ultrasound "
        "dataset for assessing computer-aided diagnosis systems. Med Phys 2024. doi:10.1002/mp.16812"
    ),
    homepage="https://zenodo.org/records/8231412",
    steps=(
        "Fetch it with: study data fetch bus-bra --data-root DATA_ROOT. Or download BUSBRA.zip from "
        f"https://zenodo.org/records/8231412 (SHA-256 {SOURCES['bus-bra'][0].sha256}).",
        "Unpack it below DATA_ROOT: BUSBRA/Images/bus_0001-l.png, BUSBRA/Masks/mask_0001-l.png, "
        "BUSBRA/bus_data.csv (1875 images of 1064 patients; 722 patients benign, 342 malignant).",
        "Check it with: study data check bus-bra --data-root DATA_ROOT",
    ),
    n_groups=1064,
    sources=SOURCES["bus-bra"],
)


def find_bus_bra(data_root: Path | None) -> Path:
    """The folder with Images/, Masks/ and bus_data.csv."""
    return find_folder(
        "bus-bra",
        data_root,
        places=["BUSBRA", "BUSBRA/BUSBRA", "bus-bra"],
        marks=[_TABLE],
        needs=[_TABLE, "Images", "Masks"],
    )


def load_bus_bra(data_root: Path | None) -> Dataset:
    """Read BUS-BRA; image_id is the column ID, e.g. "bus_0001-l", the patient is the column Case.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the data set is not at `data_root`
    ValueError : a column is missing or a field empty, an unknown pathology, an ID twice, no readable image
    """
    folder = find_bus_bra(data_root)
    path = folder / _TABLE
    rows = read_rows(path, needed=_NEEDED, example="ID,Case,Histology,Pathology,...")
    refuse_empty(path, rows, _NEEDED)
    files = []
    for line, row in rows:
        label = row["Pathology"].lower()
        if label not in BUS_BRA_INFO.classes:
            raise ValueError(
                f"'{path}' line {line}: the pathology {row['Pathology']!r} is unknown; allowed are "
                f"{', '.join(BUS_BRA_INFO.classes)}."
            )
        mask = folder / "Masks" / f"{row['ID'].replace('bus_', 'mask_', 1)}.png"
        files.append(
            ImageFile(
                image_id=row["ID"],
                path=folder / "Images" / f"{row['ID']}.png",
                class_name=label,
                group_id=row["Case"],
                masks=(mask,) if mask.exists() else (),
            )
        )
    return dataset_of_files(BUS_BRA_INFO, files, notes=_notes(folder, files))


def _notes(folder: Path, files: list[ImageFile]) -> list[str]:
    notes = count_notes(BUS_BRA_INFO, class_counts(files), title="BUS-BRA")
    bare = [f"'{file.image_id}'" for file in files if not file.masks]
    if bare:
        notes.append(f"{len(bare)} image(s) have no mask in Masks/: {some(bare)}.")
    known = {file.path.name for file in files}
    extra = [f"'{path.name}'" for path in list_folder(folder / "Images") if path.name not in known]
    if extra:
        notes.append(
            f"{len(extra)} file(s) in Images/ stand not in {_TABLE} and were left out: {some(extra)}."
        )
    return notes


BUS_BRA = Reader(
    info=BUS_BRA_INFO,
    load=lambda data_root, options: load_bus_bra(data_root),
    find=lambda data_root, options: find_bus_bra(data_root),
)
