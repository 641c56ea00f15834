"""BrEaST (Pawlowska et al. 2024, TCIA Breast-Lesions-USG): breast ultrasound; an external test set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.fetch.sources import SOURCES
from data.readers.csv_file import Row, read_rows, refuse_empty
from data.readers.notes import count_notes, some
from data.readers.places import find_folder, list_folder
from data.readers.reader import Reader
from data.readers.scan import ImageFile, class_counts, dataset_of_files
from data.readers.workbook import workbook_rows

_IMAGES = "BrEaST-Lesions_USG-images_and_masks"
_ARCHIVE = f"{_IMAGES}-Dec-15-2023"
_TABLE = "BrEaST-Lesions-USG-clinical-data"
_NEEDED = ("CaseID", "Image_filename", "Classification")
_MASKS = "Mask_tumor_filename"

BREAST_TCIA_INFO = DatasetInfo(
    name="breast-tcia",
    title="BrEaST breast ultrasound (TCIA Breast-Lesions-USG)",
    modality="ultrasound, breast",
    task="malignant lesions from benign ones and normal tissue",
    classes=("benign", "malignant", "normal"),
    class_counts={"benign": 154, "malignant": 98, "normal": 4},
    unit="patient",
    licence="CC BY 4.0",
    citation=(
        "Pawlowska A, et al. Curated benchmark dataset for ultrasound based breast lesion analysis. "
        "Sci Data 2024. doi:10.1038/s41597-024-02984-z. Data: doi:10.7937/9WKK-Q141"
    ),
    homepage="https://www.cancerimagingarchive.net/collection/breast-lesions-usg/",
    steps=(
        "Fetch it with: study data fetch breast-tcia --data-root DATA_ROOT. Or download the images and masks "
        "(zip) and the clinical data (xlsx) from "
        "https://www.cancerimagingarchive.net/collection/breast-lesions-usg/ (a hash is not stated).",
        f"Unpack both below DATA_ROOT: {_IMAGES}/case001.png, case001_tumor.png and, beside that folder, "
        f"{_TABLE}-Dec-15-2023.xlsx (or the same table as .csv). 256 images of 256 patients.",
        "Check it with: study data check breast-tcia --data-root DATA_ROOT",
    ),
    n_groups=256,
    sources=SOURCES["breast-tcia"],
)


def find_breast_tcia(data_root: Path | None) -> Path:
    """The folder that holds the folder of images and the clinical table."""
    places = ["breast-tcia", "BrEaST"]
    folder = find_folder("breast-tcia", data_root, places=places, marks=[_IMAGES, _ARCHIVE], needs=[])
    _table_path(folder)
    return folder


def load_breast_tcia(data_root: Path | None) -> Dataset:
    """Read BrEaST; image_id is the file name without ".png", e.g. "case001"; the patient is CaseID.

    The mask is that of the tumour or tumours (`Mask_tumor_filename`, several joined by "&"); masks of other
    findings are not used.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the data set or its table is not at `data_root`
    ValueError : a column is missing or a field empty, an unknown class, an image twice, a damaged table, no
        readable image
    """
    folder = find_breast_tcia(data_root)
    table = _table_path(folder)
    rows = _read_table(table)
    refuse_empty(table, rows, _NEEDED)
    images = _images_path(folder)
    files = [_image_file(images, table, line, row) for line, row in rows]
    return dataset_of_files(BREAST_TCIA_INFO, files, notes=_notes(images, files))


def _image_file(images: Path, table: Path, line: int, row: Mapping[str, str]) -> ImageFile:
    label = row["Classification"].lower()
    if label not in BREAST_TCIA_INFO.classes:
        raise ValueError(
            f"'{table}' line {line}: the classification {row['Classification']!r} is unknown; allowed are "
            f"{', '.join(BREAST_TCIA_INFO.classes)}."
        )
    masks = [name.strip() for name in row.get(_MASKS, "").split("&")]
    return ImageFile(
        image_id=Path(row["Image_filename"]).stem,
        path=images / row["Image_filename"],
        class_name=label,
        group_id=row["CaseID"],
        masks=tuple(images / name for name in masks if name.endswith(".png")),
    )


def _images_path(folder: Path) -> Path:
    """The folder of images: named as in the archive or as the archive itself, or the one in the other."""
    places = [folder / _IMAGES, folder / _ARCHIVE / _IMAGES, folder / _ARCHIVE]
    return next(place for place in places if place.is_dir())


def _table_path(folder: Path) -> Path:
    found = [
        path
        for path in list_folder(folder)
        if path.name.startswith(_TABLE) and path.suffix.lower() in (".xlsx", ".csv")
    ]
    if not found:
        raise FileNotFoundError(
            f"'{folder}' lacks the clinical data, {_TABLE}-Dec-15-2023.xlsx or .csv, beside {_IMAGES}. "
            "See `study data list breast-tcia` for how to get it."
        )
    if len(found) > 1:
        raise ValueError(
            f"'{folder}' holds several tables of clinical data: {', '.join(path.name for path in found)}. "
            "Keep one."
        )
    return found[0]


def _read_table(path: Path) -> list[Row]:
    """Rows of the clinical table as text: line number, and column -> text."""
    if path.suffix.lower() == ".csv":
        return read_rows(path, needed=_NEEDED, example="CaseID,Image_filename,...,Classification")
    cells = [[_text(value) for value in row] for row in workbook_rows(path)]
    header = cells[0] if cells else []
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise ValueError(
            f"'{path}' lacks the column(s) {', '.join(missing)} in its first sheet; it has "
            f"{', '.join(filter(None, header)) or 'none'}. Download it again."
        )
    return [
        (line, dict(zip(header, row, strict=False)))
        for line, row in enumerate(cells[1:], start=2)
        if any(row)
    ]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def _notes(images: Path, files: list[ImageFile]) -> list[str]:
    notes = count_notes(BREAST_TCIA_INFO, class_counts(files), title="BrEaST")
    bare = [f"'{file.image_id}'" for file in files if not file.masks and file.class_name != "normal"]
    if bare:
        notes.append(f"{len(bare)} image(s) with a lesion have no mask in the table: {some(bare)}.")
    known = {file.path.name for file in files}
    extra = [
        f"'{path.name}'"
        for path in list_folder(images)
        if path.suffix == ".png" and "_" not in path.stem and path.name not in known
    ]
    if extra:
        notes.append(f"{len(extra)} image(s) stand not in the table and were left out: {some(extra)}.")
    return notes


BREAST_TCIA = Reader(
    info=BREAST_TCIA_INFO,
    load=lambda data_root, options: load_breast_tcia(data_root),
    find=lambda data_root, options: find_breast_tcia(data_root),
)
