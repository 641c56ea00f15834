"""What a trained cell leaves in the store: its row and its predictions."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from training.feature_key import GroupImages
from training.fit import FitResult
from training.metrics import positive_score
from training.settings import CellJob


def cell_row(job: CellJob, *, group_key: str, device: torch.device) -> dict[str, Any]:
    """Row of a done cell with every setting; results that training fills in are None."""
    return {
        "cell_id": job.cell_id,
        "index": job.index,
        "status": "done",
        "reason": None,
        "group_key": group_key,
        **job.settings.to_dict(),
        "best_epoch": None,
        "stopped_epoch": None,
        "n_parameters": None,
        "seconds": None,
        "device": str(device),
        "optimizer_implementation": None,
        "note": None,
    }


def prediction_rows(
    job: CellJob, result: FitResult, group: GroupImages, manifest: pd.DataFrame
) -> pd.DataFrame:
    """One row per validation and test image, with the logits and score of the chosen epoch."""
    parts = []
    for part, logits in (("val", result.val_logits), ("test", result.test_logits)):
        chosen = manifest.iloc[group.rows[part]]
        columns = {
            "cell_id": job.cell_id,
            "seed": job.settings.seed,
            "fold": job.settings.fold,
            "split": part,
            "image_id": chosen["image_id"].to_numpy(),
            "group_id": chosen["group_id"].to_numpy(),
            "label": chosen["label"].to_numpy(),
            "score": positive_score(logits),
            "logit_0": logits[:, 0],
            "logit_1": logits[:, 1],
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
