"""An audit as files for people: three tables and a contact sheet."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from data.atomic import write_text
from data.tables import csv_text
from study.data_audit.audit import DataAudit
from study.data_audit.contact_sheet import contact_sheet
from study.data_audit.findings import findings_frame


def write_audit_files(audit: DataAudit, folder: Path) -> list[Path]:
    """Write findings.csv, images.csv, pairs.csv and contact-sheet.html; returns their paths.

    The images of a finding are a JSON list in its cell: an id may hold any letter.

    Raises
    ------
    OSError : the folder cannot be made or written
    """
    findings = findings_frame(audit.findings)
    findings["images"] = findings["images"].map(lambda ids: json.dumps(ids, ensure_ascii=False))
    tables = {"findings": findings, "images": image_table(audit), "pairs": audit.pairs}
    paths = []
    for name, table in tables.items():
        paths.append(folder / f"{name}.csv")
        write_text(paths[-1], csv_text(table))
    paths.append(folder / "contact-sheet.html")
    write_text(paths[-1], contact_sheet(audit))
    return paths


def image_table(audit: DataAudit) -> pd.DataFrame:
    """A row of facts per image, with its duplicates' group and, where there is one split, its part.

    With cross-validation `fold` is the fold that tests the image.
    """
    images = audit.images.drop(columns="unit")
    if audit.split is None:
        return images
    if "fold" in audit.split:
        tested = audit.split.loc[audit.split["split"] == "test", ["image_id", "fold"]]
        return images.merge(tested.astype({"fold": "Int64"}), on="image_id", how="left", validate="1:1")
    return images.merge(audit.split[["image_id", "split"]], on="image_id", how="left", validate="1:1")
