"""Seconds of the 22 heads of a group at the paper's counts, on random features (their values do not matter).

Training them on fewer images and scaling would count what happens once, such as the first use of memory, many
times over. Prints JSON.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch

from benchmarks.shared_features.task import PAPER_EPOCHS, PAPER_TASKS, study_text
from study.config import parse_study
from study.grid import build_cells
from training.fit import HeadData, train_head
from training.group_heads import BYTES_PER_PARAMETER, HEAD_MEMORY
from training.heads import head_parameters
from training.settings import FEATURES, CellJob, CellSettings
from training.workers import default_workers, run_tasks


def random_data(width: int) -> HeadData:
    """Features and labels of the breast task's size."""
    rng = torch.Generator().manual_seed(0)
    n_train, n_val, n_test = PAPER_TASKS["breast"]
    epochs = [torch.rand(n_train, width, generator=rng) for _ in range(PAPER_EPOCHS)]
    labels = [torch.arange(n) % 3 // 2 for n in (n_train, n_val, n_test)]
    return HeadData(
        train=epochs.__getitem__,
        val=torch.rand(n_val, width, generator=rng),
        test=torch.rand(n_test, width, generator=rng),
        train_labels=labels[0],
        val_labels=labels[1],
        test_labels=labels[2],
    )


def measure(backbone: str) -> dict[str, float]:
    """Wall time of all heads side by side, as the project trains them, and the sum of their own times."""
    width = FEATURES[backbone]
    text = study_text(Path(), backbone=backbone, epochs=PAPER_EPOCHS)
    jobs = [
        CellJob(cell_id=f"cell-{cell.index}", index=cell.index, settings=CellSettings(**cell.columns))
        for cell in build_cells(parse_study(text))
    ]
    data, device = random_data(width), torch.device("cpu")

    def task(job: CellJob, own: list[float]) -> None:
        started = time.perf_counter()
        train_head(job, data, device=device)
        own.append(time.perf_counter() - started)

    own: list[float] = []
    tasks = [lambda _stop, job=job: task(job, own) for job in jobs]
    sizes = [BYTES_PER_PARAMETER * head_parameters(job.settings, width) for job in jobs]
    started = time.perf_counter()
    for _, outcome in run_tasks(tasks, workers=default_workers(device), sizes=sizes, budget=HEAD_MEMORY):
        if isinstance(outcome, Exception):
            raise outcome
    return {
        "heads": time.perf_counter() - started,
        "alone": sum(own),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="ResNet50")
    print(json.dumps(measure(parser.parse_args().backbone)))
