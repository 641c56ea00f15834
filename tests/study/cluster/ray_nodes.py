"""Ray with two nodes on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.study.cluster.waiting import descendants, free_ports, kill_all, wait_until

# Processors and GPUs are what Ray is told: a GPU that it counts need not be there.
NODES = {
    "n1": ["--num-cpus=2", "--num-gpus=1", '--resources={"big": 1}'],
    "n2": ["--num-cpus=1", "--num-gpus=0"],
}
_RAY = [sys.executable, "-m", "ray.scripts.scripts"]


class RayNodes:
    """A head without work of its own, and two nodes.

    `folder` : where Ray keeps sockets and logs; its path must be short
    """

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self._folder = folder
        self.env = {
            **os.environ,
            "RAY_ADDRESS": self.address,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DISABLE_IMPORT_WARNING": "1",
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> RayNodes:
        port = self.address.rpartition(":")[2]
        head = ["--head", f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={self._folder}"]
        try:
            self._start("head", [*head, "--num-cpus=0", "--include-dashboard=false", "--no-monitor"])
            for name, has in NODES.items():
                self._start(name, [f"--address={self.address}", *has])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for name in reversed(list(self._processes)):
            self.kill(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def pids(self, name: str) -> list[int]:
        """Every process of a node."""
        process = self._processes[name]
        return [process.pid, *descendants(process.pid)]

    def kill(self, name: str) -> int:
        """Kill a node with all its workers, without a word; the number of processes."""
        victims = self.pids(name)
        kill_all(victims)
        self._processes.pop(name).wait()
        return len(victims)

    def _start(self, name: str, arguments: list[str], *, attempts: int = 8) -> None:
        """Start a node; on a busy machine Ray gives up waiting for its own agents, and is started again."""
        command = [*_RAY, "start", *arguments, "--block", "--disable-usage-stats"]
        command += ["--include-log-monitor=false", "--object-store-memory=100000000"]
        log = Path(f"{self._folder}-{name}.out")
        for _ in range(attempts):
            with log.open("wb") as out:
                process = subprocess.Popen(
                    command, env=self.env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
                )
            self._processes[name] = process
            wait_until(
                lambda: b"Ray runtime started" in _read(log) or process.poll() is not None,  # noqa: B023
                f"{name} did not begin",
            )
            if process.poll() is None:
                return
            self.kill(name)
        raise TimeoutError(f"{name} did not begin in {attempts} attempts: {_read(log)[-300:]!r}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
