"""The findings of an audit as one self-contained HTML page: the images of each side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd
from PIL import Image

from stats.results import records
from study.data_audit.audit import DataAudit
from study.data_audit.findings import Finding, counted

SIDE = 160  # pixels of the longer side of a thumbnail
MOST_GROUPS = 200  # of one finding; the tables hold all
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0.3rem; }
h2, p, li, figcaption { overflow-wrap: anywhere; }
.error { border-left: 5px solid #c0392b; } .warning { border-left: 5px solid #d68910; }
.note { border-left: 5px solid #7f8c8d; }
.error, .warning, .note { padding-left: 0.7rem; }
.groups { display: flex; flex-wrap: wrap; gap: 0.7rem; }
.group { border: 1px solid #8888; border-radius: 4px; padding: 0.4rem; max-width: 100%;
  box-sizing: border-box; }
.images { display: flex; flex-wrap: wrap; gap: 0.4rem; }
figure { margin: 0; width: 160px; } figure img { display: block; max-width: 100%; background: #000; }
figcaption, .pair { font-size: 0.8rem; }
"""


def contact_sheet(audit: DataAudit) -> str:
    """Return the page: every finding with its sentence and its images, names escaped.

    A finding shows up to MOST_GROUPS groups and says how many more there are.

    Raises
    ------
    ValueError, OSError : an image cannot be read
    """
    title = f"{audit.name}: {counted(len(audit.images), 'image')}"
    if audit.task is not None:
        title = f"Task {audit.task}, {title}"
    shown = _Thumbnails(audit)
    body = [f"<h1>{escape(title)}</h1>"]
    if audit.findings:
        links = (
            f'<li><a href="#{f.code}">{escape(f.code.replace("_", " "))}</a>: {escape(f.sentence)}</li>'
            for f in audit.findings
        )
        body.append(f"<ul>{''.join(links)}</ul>")
    else:
        body.append("<p>Nothing was found that would spoil a comparison.</p>")
    pairs: dict[tuple[str, ...], str] = {
        (pair["image_a"], pair["image_b"]): f"{pair['change']}, similarity {pair['similarity']:.3f}"
        for pair in records(audit.pairs)
    }
    body += [_section(finding, audit, shown, pairs) for finding in audit.findings]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _section(
    finding: Finding, audit: DataAudit, shown: _Thumbnails, pairs: Mapping[tuple[str, ...], str]
) -> str:
    parts = [
        f'<section class="{finding.severity}" id="{finding.code}"><h2>{escape(finding.sentence)}</h2>',
        f"<p>{escape(finding.why)} {escape(finding.do)}</p>",
    ]
    if finding.code == "unreadable":
        files = (
            f"<li>{escape(str(row['path']))}: {escape(str(row['reason']))}</li>"
            for row in records(audit.unreadable)
        )
        parts.append(f"<ul>{''.join(files)}</ul>")
    groups = []
    for group in finding.groups[:MOST_GROUPS]:
        figures = "".join(shown.figure(image_id) for image_id in group)
        told = f'<div class="pair">{escape(pairs[group])}</div>' if group in pairs else ""
        groups.append(f'<div class="group"><div class="images">{figures}</div>{told}</div>')
    parts.append(f'<div class="groups">{"".join(groups)}</div>')
    more = len(finding.groups) - MOST_GROUPS
    if more > 0:
        parts.append(f"<p>And {more:,} more: see findings.csv.</p>")
    return "".join(parts) + "</section>"


class _Thumbnails:
    """Figures of images with id, class, part and what is drawn onto them; each image is read once."""

    def __init__(self, audit: DataAudit) -> None:
        self._read = audit.dataset.read_image
        self._class = audit.images.set_index("image_id")["class"].to_dict()
        self._part = _parts(audit.split)
        self._drawn = audit.images.set_index("image_id")["annotations"].fillna("").to_dict()
        self._known: dict[str, str] = {}

    def figure(self, image_id: str) -> str:
        if image_id not in self._known:
            words = [str(self._class[image_id]), self._part.get(image_id), self._drawn[image_id]]
            place = ", ".join(filter(None, words))
            self._known[image_id] = (
                f'<figure><img src="{_data_uri(self._read(image_id))}" alt="{escape(image_id)}">'
                f"<figcaption>{escape(image_id)}<br>{escape(place)}</figcaption></figure>"
            )
        return self._known[image_id]


def _parts(split: pd.DataFrame | None) -> dict[str, str]:
    """Words for the part of every image; with cross-validation for the fold that tests it."""
    if split is None:
        return {}
    if "fold" not in split:
        return dict(zip(split["image_id"], split["split"], strict=True))
    tested = split[split["split"] == "test"]
    words = "tested in fold " + tested["fold"].astype(str)
    return dict(zip(tested["image_id"], words, strict=True))


def _data_uri(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    sink = io.BytesIO()
    image.save(sink, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode("ascii")
