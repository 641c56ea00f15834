"""The files of a store that belong to no cell: study file, manifests, splits, results, features, maps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from PIL import Image, UnidentifiedImageError

from data.dataset import manifest_hash
from data.splits.folds import fold_split
from data.splits.split import split_hash
from data.store import DamagedFileError, Store
from data.store.checksums import Checksum
from data.store.damage import remedy
from data.store.results import result_checksums
from data.tables import parse_table
from study.config import parse_study, study_hash
from study.imports.study_file import is_imported, parse_imported
from study.run.documents import DOCUMENTS
from study.verify.report import Verification

_KNOWN_ELSEWHERE = ("cells/", "predictions/", "history/", "checkpoints/", "damaged/", "results/")


def verify_documents(store: Store, found: Verification) -> None:
    """Study file, provenance, planned grid, manifests and splits, against the hashes in run.json."""
    again = f"Run `study run-grid` with --store {store.where} to write it anew."
    try:
        run = store.read_run() if store.has_run() else {}
    except DamagedFileError as error:
        found.add("run.json", [str(error)], "Delete it; the next run begins it anew.")
        run = {}
    last = (run.get("runs") or [{}])[-1]
    found.add("study.toml", _study_faults(store, last), again)
    for task in store.tasks():
        record = (last.get("tasks") or {}).get(task, {})
        for name, check in ((f"manifest/{task}.parquet", _manifest_hash), (f"splits/{task}.parquet", _split)):
            try:
                faults = list(check(store, task, record))
            except (ValueError, OSError, KeyError) as error:
                faults = [str(error)]
            found.add(name, faults, again)
            found.count("files")
    found.count("files", int(store.has_study()) + int(store.has_run()))
    if not run and store.has_study() and store.files("cells"):
        told = [] if store.has_run() else ["it is missing"]
        found.add("run.json", told, f"Nothing else is lost. {again}")
    _verify_recorded(store, found, run.get(DOCUMENTS, {}))


def _verify_recorded(store: Store, found: Verification, records: Mapping[str, Any]) -> None:
    """Every document against the checksum that the last run which wrote it left in run.json."""
    named = {fault.name for fault in found.faults}
    contents = store.place.read_many([name for name in records if name not in named])
    for name in sorted(set(records) - named):
        known = Checksum.parse(records[name])
        fault = known.fault(contents[name]) if name in contents else "it is missing"
        found.add(name, [] if fault is None else [fault], remedy(store.place))


def verify_results(store: Store, found: Verification) -> None:
    """Result tables against their checksums."""
    stats = f"Run `study stats {store.where}` to write the results anew."
    try:
        records = result_checksums(store.place)
    except DamagedFileError as error:
        found.add("results/checksums.json", [str(error)], stats)
        return
    present = {name for name in store.files("results") if name != "results/checksums.json"}
    for name, record in records.items():
        found.count("files")
        try:
            fault = record.fault(store.place.read_bytes(name))
        except FileNotFoundError:
            fault = "it is missing"
        found.add(name, [] if fault is None else [fault], stats)
    without = sorted(present - set(records))
    if without:
        found.notes.append(f"{len(without)} result file(s) have no checksum (first {without[0]}).")


def verify_others(store: Store, found: Verification) -> None:
    """Every other file, read by its kind: tables, pictures, archives of arrays, cached features."""
    names = store.files("")
    sums = {name for name in names if name.endswith(".sha256")}
    named = {fault.name for fault in found.faults}
    for name in names:
        if name.startswith(_KNOWN_ELSEWHERE) or name in sums or name in named:
            continue
        read = _READERS.get(name.rpartition(".")[2])
        if name.endswith(".npy"):
            fault = _feature_fault(store, name, known=sums)
        elif read is not None:
            fault = _read_fault(read, store.place.read_bytes(name), name)
        else:
            continue
        found.count("files")
        found.add(name, [] if fault is None else [fault], _other_remedy(store, name))


def _study_faults(store: Store, last: Mapping[str, object]) -> Iterator[str]:
    if not store.has_study():
        yield "it is missing"
        return
    try:
        text = store.read_study()
        if is_imported(text):
            parse_imported(text, source="study.toml")
            return
        found = study_hash(parse_study(text, source="study.toml"))
    except ValueError as error:
        yield str(error)
        return
    if last.get("study_hash") not in (None, found):
        yield f"its hash is {found[:12]}, the last run had {str(last['study_hash'])[:12]}"


def _manifest_hash(store: Store, task: str, record: Mapping[str, object]) -> Iterator[str]:
    manifest = store.read_manifest(task)
    if manifest["image_id"].duplicated().any():
        yield "an image stands in it twice"
    expected = str(record.get("manifest") or "").partition(":")[0]
    if expected and manifest_hash(manifest) != expected:
        yield "its images are not those of the last run (hash of ids, classes, groups and pixels)"


def _split(store: Store, task: str, record: Mapping[str, object]) -> Iterator[str]:
    split = store.read_split(task)
    unknown = set(split["image_id"]) - set(store.read_manifest(task)["image_id"])
    if unknown:
        yield f"{len(unknown)} of its images are not in the manifest ('{min(unknown)}')"
    folds = sorted({int(fold) for fold in split["fold"]}) if "fold" in split else [0]
    found = [split_hash(fold_split(split, fold)) for fold in folds]
    if record.get("split") not in (None, found):
        yield "it is not the split of the last run (hash)"


def _feature_fault(store: Store, name: str, *, known: set[str]) -> str | None:
    beside = f"{name.removesuffix('.npy')}.sha256"
    if beside not in known:
        return None if not name.startswith("features/") else "it has no checksum beside it"
    expected = store.place.read_bytes(beside).decode("ascii", "replace").strip()
    return None if store.place.checksum(name) == expected else "its SHA-256 is not the one beside it"


def _read_fault(read: Callable[[bytes], object], content: bytes, name: str) -> str | None:
    try:
        read(content)
    except (ValueError, OSError, UnidentifiedImageError, SyntaxError, zipfile.BadZipFile) as error:
        return f"it cannot be read ({error})" if name not in str(error) else str(error)
    return None


def _picture(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as image:
        image.verify()


def _archive(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"its part {damaged} is damaged")


def _other_remedy(store: Store, name: str) -> str:
    if name.startswith("features/"):
        return "Nothing is lost: the next run computes these features again."
    if name.startswith("gradcam/"):
        return f"Delete it and run `study gradcam {store.where}`."
    return f"Delete it and run `study run-grid` with --store {store.where}."


_READERS: Mapping[str, Callable[[bytes], object]] = {
    "parquet": lambda content: parse_table(content, "it"),
    "png": _picture,
    "npz": _archive,
}
