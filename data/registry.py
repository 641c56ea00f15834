"""The data sets that a study file may name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.dataset import Dataset, DatasetInfo
from data.readers.busi import BUSI_INFO, find_busi, load_busi
from data.readers.folder import FOLDER_INFO, check_folder, load_folder
from data.readers.manifest_file import MANIFEST_INFO, check_manifest, load_manifest

_ACL_INFO = DatasetInfo(
    name="radimagenet-acl",
    title="ACL slices of the RadImageNet repository (from MRNet)",
    modality="MRI, knee, sagittal",
    classes=("no", "yes"),
    class_counts={"no": 452, "yes": 569},
    unit="exam",
    licence=(
        "Repository MIT; the images come from MRNet, whose Stanford research-use agreement "
        "(non-commercial, no redistribution) the repository cannot replace"
    ),
    citation=(
        "Bien N, et al. Deep-learning-assisted diagnosis for knee magnetic resonance imaging (MRNet). "
        "PLoS Med 2018;15(11):e1002699. doi:10.1371/journal.pmed.1002699. Slices: Mei X, et al. RadImageNet. "
        "Radiol Artif Intell 2022;4(5):e210315. doi:10.1148/ryai.210315"
    ),
    homepage="https://github.com/BMEII-AI/RadImageNet",
    steps=(
        "Register for MRNet and accept its research-use agreement: "
        "http://stanfordmlgroup.github.io/competitions/mrnet/",
        "Get the slices: git clone https://github.com/BMEII-AI/RadImageNet && "
        "git -C RadImageNet checkout a12fb76 (folder acl/: 1021 slices of 498 exams).",
        "This version has no reader of its own for them: write a CSV file with path,label,patient from "
        "acl/dataframe/*_fold1.csv (patient = the first four digits of the file name, the exam) and use "
        'dataset = "manifest".',
    ),
    n_groups=498,
)
_PHANTOM_DEFAULTS: dict[str, Any] = {"n_patients": 160, "size": 96, "difficulty": 0.5, "seed": 0}
_NAMES = ("busi", "radimagenet-acl", "phantom-breast", "phantom-knee", "folder", "manifest")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "folder": ("path",),
    "manifest": ("path",),
    "phantom-breast": tuple(_PHANTOM_DEFAULTS),
    "phantom-knee": tuple(_PHANTOM_DEFAULTS),
}


def dataset_names() -> tuple[str, ...]:
    """Names that `dataset` in a study file may take."""
    return _NAMES


def dataset_info(name: str) -> DatasetInfo:
    """Facts about a data set, without touching its files.

    Raises
    ------
    ValueError : unknown name; the allowed ones are listed
    """
    if name not in _NAMES:
        raise ValueError(f"There is no data set {name!r}. Known are {', '.join(_NAMES)}. Correct `dataset`.")
    if name.startswith("phantom-"):
        # Only here, so that reading files does not import the generator.
        from data.phantoms.generate import phantom_info

        return phantom_info(name.removeprefix("phantom-"))
    known = {info.name: info for info in (BUSI_INFO, _ACL_INFO, FOLDER_INFO, MANIFEST_INFO)}
    return known[name]


def load_dataset(
    name: str, *, data_root: Path | None = None, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Read or make a data set.

    Parameters
    ----------
    name : one of `dataset_names()`
    data_root : folder with the data; phantoms need none
    options : "folder" and "manifest": path; phantoms: n_patients (160), size (96), difficulty (0.5), seed (0)

    Raises
    ------
    ValueError : unknown name, unknown or ill-typed option, or data that cannot be used
    FileNotFoundError, NotADirectoryError : the data are not there
    """
    info = dataset_info(name)
    options = _checked_options(name, options or {})
    if name == "busi":
        return load_busi(data_root)
    if name == "radimagenet-acl":
        raise FileNotFoundError(_absent(info))
    if name.startswith("phantom-"):
        from data.phantoms.generate import load_phantoms

        return load_phantoms(name.removeprefix("phantom-"), **{**_PHANTOM_DEFAULTS, **options})
    path = _place(data_root, options["path"])
    return load_folder(path) if name == "folder" else load_manifest(path)


def dataset_available(
    name: str, data_root: Path | None, options: Mapping[str, Any] | None = None
) -> tuple[bool, str]:
    """Tell whether the data are there, and where or why not. Looks at folders only, opens no image.

    Raises
    ------
    ValueError : unknown name, unknown or ill-typed option
    """
    info = dataset_info(name)
    options = _checked_options(name, options or {})
    if name == "radimagenet-acl":
        return False, _absent(info)
    if name.startswith("phantom-"):
        return True, "made by the program when asked for"
    try:
        if name == "busi":
            return True, f"found in {find_busi(data_root)}"
        path = _place(data_root, options["path"])
        (check_folder if name == "folder" else check_manifest)(path)
    except (ValueError, OSError) as error:
        return False, str(error)
    return True, f"found in {path}"


def _checked_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _OPTIONS.get(name, ())
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        takes = f"takes {', '.join(allowed)}" if allowed else "takes no options"
        raise ValueError(f"The data set '{name}' has no option {', '.join(map(repr, unknown))}; it {takes}.")
    if allowed == ("path",):
        if "path" not in options:
            what = "folder with one sub-folder per class" if name == "folder" else "CSV file"
            raise ValueError(f"The data set '{name}' needs the option `path`: the {what}.")
        if not isinstance(options["path"], str | Path):
            raise ValueError(f"`path` of the data set '{name}' must be a text, but {options['path']!r} came.")
    for key in set(options) & set(_PHANTOM_DEFAULTS):
        kinds = int | float if key == "difficulty" else int
        if isinstance(options[key], bool) or not isinstance(options[key], kinds):
            kind = "number" if key == "difficulty" else "whole number"
            raise ValueError(f"`{key}` of the data set '{name}' must be a {kind}, but {options[key]!r} came.")
    return dict(options)


def _place(data_root: Path | None, path: str | Path) -> Path:
    return Path(path) if data_root is None else Path(data_root) / path


def _absent(info: DatasetInfo) -> str:
    return (
        f"The data set '{info.name}' has no reader in this version; see `study data list {info.name}` "
        'for how to use it through dataset = "manifest".'
    )
