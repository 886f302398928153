"""A Slurm cluster on this machine: the real daemons, several nodes, each with a pretended GPU.

`python tests/workflow/slurm_cluster.py` starts one, to try things on, and stops it at Ctrl-C.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
PARTITIONS = {"main": ("n1", "n2"), "spare": ("n3", "n4")}
NODES = tuple(node for nodes in PARTITIONS.values() for node in nodes)
SRUN = shutil.which("srun")
PATIENCE = 120

# Without systemd, cgroups, or a database of past jobs. Memory is enforced by sampling the processes of
# a job once a second, and a node that is silent for a few seconds counts as dead. `cred_expire` is how
# long a job waits before it starts again on another node.
SLURM_CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=3
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0
SlurmdParameters=config_overrides
SlurmdTimeout=6
KillWait=2
MinJobAge=3600
ReturnToService=2
GresTypes=gpu
{nodes}
{partitions}
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
    "CPUs=4 RealMemory=32000 Gres=gpu:1 State=UNKNOWN"
)
PARTITION = "PartitionName={name} Nodes={nodes} State=UP"
GRES_CONF = "NodeName={nodes} Name=gpu File=/dev/null\n"


def why_not() -> str | None:
    """Why no cluster can be started here; None if one can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    if os.getuid() != 0:
        return "only root can run Slurm's daemons"
    return None


@contextlib.contextmanager
def slurm_cluster() -> Iterator["Cluster"]:
    """A cluster for as long as the block lasts; no process of it outlives the block."""
    # Not in pytest's folder: munged wants one that every user can enter, and its path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    cluster = Cluster(folder)
    # So that what follows `finally` is done too when this process is told to end, as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster.start()
        yield cluster
    finally:
        signal.signal(signal.SIGTERM, before)
        cluster.stop()
        shutil.rmtree(folder)


@dataclass
class Cluster:
    """The daemons of a cluster, and what they say of its jobs."""

    folder: Path
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Slurm's commands, and Snakemake, speak to this cluster."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def start(self) -> None:
        """Start the daemons and wait until every node is idle."""
        host = socket.gethostname().split(".")[0]
        port, *ports = free_ports(1 + len(NODES))
        nodes = [
            NODE.format(name=name, host=host, port=node_port)
            for name, node_port in zip(NODES, ports, strict=True)
        ]
        partitions = [
            PARTITION.format(name=name, nodes=",".join(members))
            for name, members in PARTITIONS.items()
        ]
        configuration = SLURM_CONF.format(
            host=host,
            port=port,
            folder=self.folder,
            nodes="\n".join(nodes),
            partitions="\n".join(partitions),
        )
        (self.folder / "slurm.conf").write_text(configuration, encoding="utf-8")
        (self.folder / "gres.conf").write_text(
            GRES_CONF.format(nodes=",".join(NODES)), encoding="utf-8"
        )
        (self.folder / "state").mkdir()
        # The executor plugin takes SLURM_CONF out of the environment of srun.
        srun = self.folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {SRUN} "$@"\n', encoding="utf-8"
        )
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        munged = ["munged", "--foreground", f"--key-file={key}"]
        munged += [f"--socket={self.folder}/munge.socket", f"--seed-file={self.folder}/munge.seed"]
        munged += [f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log"]
        self._start("munged", munged)
        wait_until((self.folder / "munge.socket").exists, self.logs)
        self._start("slurmctld", ["slurmctld", "-D"])
        for name in NODES:
            # The variable is what Slurm sets for a job, and marks all that runs on the node.
            self._start(f"slurmd-{name}", ["slurmd", "-D", "-N", name], SLURMD_NODENAME=name)
        wait_until(lambda: self.states() == dict.fromkeys(NODES, "idle"), self.logs)

    def stop_node(self, name) -> None:
        """Let a node die: its daemon, and all that runs on it."""
        while found := list(self._processes_on(name)):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for daemon in self.daemons:
                daemon.poll()
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the daemons and everything that they have started."""
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()
        for name in NODES:
            self.stop_node(name)

    def states(self) -> dict[str, str]:
        """The state of each node, such as `idle` or `down*`."""
        lines = self.ask("sinfo", "--Node", "--noheader", "--format=%N %t").splitlines()
        return dict(line.split() for line in lines)

    def ask(self, *command) -> str:
        """What a command of Slurm prints; nothing if it fails, as it does while daemons start."""
        done = subprocess.run(command, env=self.environment, encoding="utf-8", capture_output=True)
        return done.stdout if done.returncode == 0 else ""

    def jobs(self) -> list[dict[str, str]]:
        """Every job the cluster was given, as `scontrol show job` describes it."""
        lines = self.ask("scontrol", "show", "job", "--oneliner").splitlines()
        words = [[word for word in line.split() if "=" in word] for line in lines]
        return [dict(word.split("=", 1) for word in line) for line in words if line]

    def logs(self) -> str:
        """The ends of what the daemons have written, for the message of a failure."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"--- {file.name}\n{file.read_text(encoding='utf-8')[-3000:]}" for file in files
        )

    def _start(self, name, command, **variables) -> None:
        # Should this process be killed, the kernel ends the daemons.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        with (self.folder / f"{name}.out.log").open("w", encoding="utf-8") as log:
            daemon = subprocess.Popen(
                command,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.daemons.append(daemon)

    def _processes_on(self, node) -> Iterator[int]:
        """The daemon of a node, its jobs and what supervises them."""
        configuration = self.environment["SLURM_CONF"]
        marks = {f"SLURM_CONF={configuration}".encode(), f"SLURMD_NODENAME={node}".encode()}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if marks <= set((folder / "environ").read_bytes().split(b"\0")):
                    yield int(folder.name)


def free_ports(count) -> list[int]:
    """Ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    """Wait for a condition; if it does not come true, fail with an explanation."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.1)


if __name__ == "__main__":
    with slurm_cluster() as cluster, contextlib.suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}", flush=True)
        signal.pause()
