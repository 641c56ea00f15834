"""A store whose every name and text attacks whoever looks at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from study.cli import app

MARK = "window.owned"
LEVELS = (
    "<script>window.owned=1</script>",
    "</td></table><img src=x onerror=window.owned=2>",
    "](javascript:window.owned=3)",
    "x\n\n```{=html}\n<script>window.owned=4</script>\n```\n",
    "`<svg onload=window.owned=5>`{=html}",
    "![p](/etc/passwd){onload=window.owned=6}",
    '\\input{/etc/passwd} $\\undefined{$ #eval(read("/etc/passwd"))',
    "{{< include /etc/passwd >}} {{constructor.constructor('window.owned=7')()}}",
    "---\nheader-includes: <script>window.owned=8</script>\n---",
    "\" onmouseover=\"window.owned=9\" '=cmd|' /C calc'!A0",
)
FACTOR = "arm <img src=x onerror=window.owned=13>"
POSITIVE = "<b onclick=window.owned=12>bad</b>"
TITLE = (
    "T <script>window.owned=10</script> [c](javascript:window.owned=11) `{python} open('/tmp/owned', 'w')`"
)


def hostile_store(folder: Path) -> Path:
    """Import predictions of ten models with such names, patients and image ids; analyse; change the title."""
    rng = np.random.default_rng(0)
    n = 24
    truth = np.tile([0, 1], n // 2)
    parts = []
    for place, level in enumerate(LEVELS):
        score = np.clip(0.5 + 0.3 * (truth - 0.5) + rng.normal(0, 0.2, n), 0.01, 0.99)
        parts.append(
            pd.DataFrame(
                {
                    "image": [f"{i}{LEVELS[i % len(LEVELS)]}" for i in range(n)],
                    "patient": [f"{i // 2}{LEVELS[i % 2]}" for i in range(n)],
                    "truth": np.where(truth == 1, POSITIVE, "good"),
                    "split": np.where(np.arange(n) % 4 < 2, "val", "test"),
                    FACTOR: level,
                    "kind": "odd" if place % 2 else "even",
                    "score": score.round(6),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame["patient"] = [f"p{i % n // 4}-{s}" for i, s in zip(range(len(frame)), frame["split"], strict=True)]
    table = folder / "scores.parquet"
    frame.to_parquet(table)
    store = folder / "store"
    columns = (
        "--factors",
        f"{FACTOR},kind",
        "--image-id",
        "image",
        "--patient",
        "patient",
        "--split",
        "split",
    )
    labels = ("--label", "truth", "--positive", POSITIVE, "--score", "score")
    _study("import", table, "--as", store, *labels, *columns)
    text = (store / "study.toml").read_text(encoding="utf-8")
    study = text.replace(
        "imported = true",
        f"title = '''{TITLE}'''\ndescription = '''{LEVELS[3]}{LEVELS[8]}'''\nimported = true",
    )
    (store / "study.toml").write_text(study, encoding="utf-8")
    _study("stats", store)
    return store


def _study(*args: object) -> None:
    done = CliRunner().invoke(app, [str(part) for part in args])
    assert done.exit_code == 0, done.output
