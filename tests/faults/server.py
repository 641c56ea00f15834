"""A process that has loaded everything and runs `study …` in forked children: a run begins in milliseconds.

Requests and answers are lines of JSON on stdin and stdout: {"start": ARGUMENTS, "fault": {…},
"output": FOLDER} gives {"pid": …}; {"wait": PID} gives {"code": …}, negative for the signal that ended it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

LOADED = (
    *("captum.attr", "scipy.optimize", "scipy.stats", "statsmodels.api", "torchvision"),
    *("study.analyse", "study.gradcam.explain", "study.gradcam.source", "study.gradcam.tables"),
    *("study.imports.store", "study.referee.table", "study.run.progress", "study.run.train"),
    *("study.verify.verify", "training.group", "training.pretrain"),
)


def _load() -> None:
    """Import what commands import; nothing may start a thread before the forks."""
    for name in LOADED:
        importlib.import_module(name)


def _child(request: dict[str, Any]) -> int:
    from tests.faults.injected import install

    output = Path(request["output"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        handle = os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8") for n in (1, 2))
    sys.argv = ["study", *request["start"]]
    os.environ.update(request.get("environment", {}))
    try:
        if request["start"][0] == "make-weights":
            return _make_weights(request["start"][1])
        from study.cli import app

        install(request["fault"])
        app(request["start"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    return 0


def _make_weights(path: str) -> int:
    """Weights of a ResNet18 in torchvision's layout; in a child, since torch starts threads."""
    import torch
    import torchvision

    torch.manual_seed(3)
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return 0


def main() -> None:
    """Serve until stdin ends."""
    _load()
    answers = os.fdopen(os.dup(1), "w")
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        elif (pid := os.fork()) == 0:
            answers.close()
            os._exit(_child(request))
        else:
            answer = {"pid": pid}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
