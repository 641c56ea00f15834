"""Small data sets on disk, in the layouts that their authors document."""

from pathlib import Path

import numpy as np
from openpyxl import Workbook
from PIL import Image


def write_image(path: Path, *, seed: int = 0, size: tuple[int, int] = (20, 12), mode: str = "L") -> None:
    """Write a random image of (width, height) pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    if mode == "RGBA":
        values[..., -1] = 255
    Image.fromarray(values).save(path)


def write_mask(path: Path, *, size: tuple[int, int] = (20, 12), columns: slice = slice(0, 5)) -> None:
    """Write a mask whose `columns` are white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((size[1], size[0]), dtype=np.uint8)
    mask[:, columns] = 255
    Image.fromarray(mask).save(path)


def write_busi(root: Path, *, n: int) -> Path:
    """BUSI with n images of each class."""
    top = root / "Dataset_BUSI_with_GT"
    for order, name in enumerate(("benign", "malignant", "normal")):
        for number in range(1, n + 1):
            write_image(top / name / f"{name} ({number}).png", seed=1000 * order + number)
            write_mask(top / name / f"{name} ({number})_mask.png")
    return top


def acl_rows(n_exams: int) -> list[tuple[str, str]]:
    """Two slices of each exam; exams of even number are torn."""
    return [
        (f"images/{exam:04d}_sagittal_{part}.000000.png", "no" if exam % 2 else "yes")
        for exam in range(n_exams)
        for part in (9, 10)
    ]


def breast_rows(n: int) -> list[tuple[str, str]]:
    """Images of BUSI's three classes, of which the repository makes two."""
    kinds = (("benign", "benign"), ("malignant", "malignant"), ("normal", "benign"))
    return [(f"images/{name} ({number}).png", label) for number in range(1, n + 1) for name, label in kinds]


def write_radimagenet(root: Path, task: str, *, n: int = 10, with_images: bool = True) -> Path:
    """acl/ (n exams) or breast/ (3 n images) of the repository, five folds; returns its folder."""
    rows = acl_rows(n) if task == "acl" else breast_rows(n)
    folder = root / "RadImageNet" / task
    if with_images:
        for seed, (name, _) in enumerate(rows):
            write_image(folder / name, seed=seed)
    unit = 2 if task == "acl" else 1  # rows that stay together
    for fold in range(5):
        parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
        for index, (name, label) in enumerate(rows):
            place = (index // unit - fold) % 5
            parts["test" if place == 0 else "val" if place == 1 else "train"].append(f"{name},{label}")
        for part, lines in parts.items():
            write_fold(folder, task, part, fold + 1, lines)
    return folder


def write_fold(folder: Path, task: str, part: str, number: int, lines: list[str]) -> Path:
    """One fold file, with its header."""
    prefix, column = ("", "acl_label") if task == "acl" else ("breast_", "label")
    path = folder / "dataframe" / f"{prefix}{part}_fold{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"filename,{column}", *lines, ""]), encoding="utf-8")
    return path


def breastmnist_arrays(size: int = 28, *, seed: int = 0) -> dict[str, np.ndarray]:
    """The six arrays of a MedMNIST file, 12, 4 and 8 images; every third one malignant (0)."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for part, n in (("train", 12), ("val", 4), ("test", 8)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (n, size, size), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.array([[int(index % 3 > 0)] for index in range(n)], dtype=np.uint8)
    return arrays


def write_mrnet(root: Path, *, n_train: int = 6, n_valid: int = 2, tasks: tuple[str, ...] = ("acl",)) -> Path:
    """MRNet-v1.0 with volumes of 3 or 4 slices in three planes; exams of odd number have the finding."""
    folder = root / "MRNet-v1.0"
    parts = {"train": range(n_train), "valid": range(1130, 1130 + n_valid)}
    for part, exams in parts.items():
        for plane in ("axial", "coronal", "sagittal"):
            (folder / part / plane).mkdir(parents=True, exist_ok=True)
            for exam in exams:
                rng = np.random.default_rng([exam, len(plane)])
                volume = rng.integers(0, 256, (3 + exam % 2, 256, 256), dtype=np.uint8)
                np.save(folder / part / plane / f"{exam:04d}.npy", volume)
        for task in tasks:
            lines = [f"{exam:04d},{exam % 2}\n" for exam in exams]
            (folder / f"{part}-{task}.csv").write_text("".join(lines), encoding="utf-8")
    return folder


def write_bus_bra(root: Path, *, n_patients: int = 4) -> Path:
    """BUSBRA with two images of each patient; patients of odd number are malignant."""
    folder = root / "BUSBRA"
    lines = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    for patient in range(1, n_patients + 1):
        label = "malignant" if patient % 2 else "benign"
        for side in ("l", "r"):
            name = f"bus_{patient:04d}-{side}"
            write_image(folder / "Images" / f"{name}.png", seed=10 * patient + ord(side))
            path = folder / "Masks" / f"mask_{patient:04d}-{side}.png"
            write_mask(path)
            with Image.open(path) as mask:
                mask.convert("1").save(path)  # the published masks are two-tone
            lines.append(f'{name},{patient},x,{label},4,device,20,12,{side},"[1,2,3,4]"')
    (folder / "bus_data.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


BREAST_TCIA_HEADER = (
    "CaseID",
    "Image_filename",
    "Mask_tumor_filename",
    "Mask_other_filename",
    "Pixel_size",
    "Classification",
)


def write_breast_tcia(root: Path, *, as_csv: bool = False) -> Path:
    """BrEaST: three cases (two tumours in the first), one of them normal; files are RGBA, as published."""
    images = root / "BrEaST-Lesions_USG-images_and_masks"
    rows: list[tuple[object, ...]] = [
        (1, "case001.png", "case001_tumor1.png&case001_tumor2.png", "case001_other1.png", 0.007, "malignant"),
        (2, "case002.png", "case002_tumor.png", None, 0.007, "benign"),
        (3, "case003.png", None, None, 0.007, "normal"),
    ]
    for number in (1, 2, 3):
        write_image(images / f"case{number:03d}.png", seed=number, mode="RGBA")
    for name, columns in (("case001_tumor1", slice(0, 3)), ("case001_tumor2", slice(9, 11)),
                          ("case001_other1", slice(15, 17)), ("case002_tumor", slice(4, 8))):  # fmt: skip
        mask = np.zeros((12, 20, 4), dtype=np.uint8)
        mask[:, columns] = 255
        Image.fromarray(mask).save(images / f"{name}.png")
    table = root / "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"
    if as_csv:
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        table.with_suffix(".csv").write_text("\n".join([",".join(BREAST_TCIA_HEADER), *lines, ""]))
    else:
        write_workbook(table, [BREAST_TCIA_HEADER, *rows])
    return images


def write_workbook(path: Path, rows: list[tuple[object, ...]]) -> None:
    """An .xlsx file with one sheet, named as in BrEaST."""
    book = Workbook()
    sheet = book.active
    sheet.title = "BrEaST-Lesions-USG clinical dat"
    for row in rows:
        sheet.append(row)
    book.save(path)
