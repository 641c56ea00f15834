"""Slurm with two nodes on this machine, from Debian's packages: installed ones, or unpacked into a folder.

Needs root. Nothing is installed and no system file is written.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.study.cluster.waiting import descendants, free_ports, kill_all, wait_until

PACKAGES = (
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurm-wlm-basic-plugins",
    "munge",
    "libmunge2",
    "libhwloc15",
)
NODES = ("n1", "n2")
_CONF = """
ClusterName=two
SlurmctldHost={host}
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=5,batch_sched_delay=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=15
KillWait=5
MinJobAge=300
MailProg=/bin/true
NodeName=n1 NodeHostname={host} Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname={host} Port={ports[2]} CPUs=1 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=9
"""


def why_not() -> str | None:
    """Why no Slurm can be started here; None where it can be tried."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm of our own needs root"
    if shutil.which("slurmctld") is None and shutil.which("apt-get") is None:
        return "there is neither Slurm nor apt-get to fetch it with"
    return None


def unpacked(folder: Path) -> Path:
    """The packages below `folder`; fetched with apt-get unless they are there.

    OSError : they cannot be fetched
    """
    root = folder / "root"
    if (root / "usr" / "sbin" / "slurmctld-wlm").exists():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["apt-get", "download", *PACKAGES], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(f"Slurm's packages cannot be fetched: {done.stderr.strip()[-200:]}")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    return root


class SlurmNodes:
    """munge, a controller and two nodes with one processor each; `env` is what a client needs."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self._root, self._folder = unpacked(packages), folder
        folder.mkdir(parents=True)
        libraries = self._root / "usr" / "lib" / "x86_64-linux-gnu"
        (folder / "bin").mkdir()
        for name in ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "sacct"):
            (folder / "bin" / name).symlink_to(self._root / "usr" / "bin" / name)
        self.conf = folder / "slurm.conf"
        self.env = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{libraries}:{libraries / 'slurm-wlm'}",
            "SLURM_CONF": str(self.conf),
        }
        plugins = libraries / "slurm-wlm"
        text = _CONF.format(host=socket.gethostname(), ports=free_ports(3), folder=folder, plugins=plugins)
        self.conf.write_text(text)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> SlurmNodes:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        sbin, folder = self._root / "usr" / "sbin", self._folder
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (folder / "state").mkdir()
        munge = ["--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
        munge += [f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log"]
        self._start("munged", [str(sbin / "munged"), *munge, f"--seed-file={folder}/munge.seed"])
        wait_until(lambda: (folder / "munge.socket").exists(), "munged did not begin")
        self._start("slurmctld", [str(sbin / "slurmctld-wlm"), "-D", "-i", "-f", str(self.conf)])
        for node in NODES:
            (folder / f"spool.{node}").mkdir()
            stepd = str(sbin / "slurmstepd-wlm")
            self._start(node, [str(sbin / "slurmd-wlm"), "-D", "-f", str(self.conf), "-N", node, "-d", stepd])
        wait_until(lambda: self.states() == dict.fromkeys(NODES, "idle"), "the nodes did not become idle")

    def __exit__(self, *error: object) -> None:
        if "slurmctld" in self._processes:
            subprocess.run(["scancel", "--user=root"], env=self.env, check=False, capture_output=True)
            time.sleep(1)
        for process in reversed(self._processes.values()):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def states(self) -> dict[str, str]:
        """State of each node, as sinfo says."""
        command = ["sinfo", "--noheader", "--Node", "--format=%N %T"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        return dict(line.split() for line in done.stdout.splitlines())

    def queue(self) -> list[tuple[str, str]]:
        """(state, node) of every task in the queue."""
        command = ["squeue", "--noheader", "--array", "--format=%T|%N"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        rows = [line.partition("|") for line in done.stdout.split()]
        return [(state, node) for state, _, node in rows]

    def pids(self, node: str) -> list[int]:
        """A node's daemon and everything that it runs."""
        ours = [self._processes[node].pid, *_steps(node, self.conf)]
        return sorted({*ours, *(child for pid in ours for child in descendants(pid))})

    def kill(self, node: str) -> int:
        """Kill a node without a word; the number of processes."""
        victims = self.pids(node)
        kill_all(victims)
        self._processes[node].wait()
        return len(victims)

    def preempt(self, node: str) -> str:
        """Submit an urgent job of a few seconds to a node; its id."""
        command = ["sbatch", "--parsable", "--partition=urgent", f"--nodelist={node}", "--output=/dev/null"]
        done = subprocess.run(
            [*command, "--wrap=sleep 5"], env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def _start(self, name: str, command: list[str]) -> None:
        with (self._folder / f"{name}.out").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )


def _steps(node: str, conf: Path) -> list[int]:
    """Processes that work for one node of this cluster, by their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            env = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"SLURM_CONF={conf}".encode() in env and f"SLURMD_NODENAME={node}".encode() in env:
            found.append(int(folder.name))
    return found
