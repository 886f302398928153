"""Which call of Snakemake is at work on a study in a folder, told by locks that end with the call.

Snakemake's own locks do not: those of a call that was killed stay, and a call that ends removes
those of all others in its folder.
"""

import contextlib
import fcntl
import getpass
import json
import os
import re
import socket
import time
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


class BusyError(RuntimeError):
    """Another call is at work on the study."""


class Call:
    """This call of Snakemake, until its process ends.

    Two files are locked by the kernel, so that it does not matter how a call ends: `{study}.calls`
    is shared by all calls that have read the workflow, dry runs among them; `{study}.run` is of the
    one that runs jobs, and says which that is.
    """

    def __init__(self, study: str, folder: Path = Path(".snakemake")) -> None:
        """Note this call, and remove what Snakemake has left locked if no other call lives.

        `message` is for the user: who else is at work on the study, or why locks were left alone.
        """
        self.study, self.snakemake = study, folder
        self.message = ""
        self._run: int | None = None
        try:
            self._calls = _opened(self._file("calls"))
            if _locked(self._calls):
                self.message = self._remove_stale_locks()
            else:
                self.message = self._running() or self._kept()
            fcntl.flock(self._calls, fcntl.LOCK_SH)
        except OSError as error:
            self.message = f"Whether another call is at work on {study} cannot be told: {error}"

    def start(self) -> None:
        """Have the study for this call alone, from now on until the process ends.

        Raises:
            BusyError: another call runs jobs of the study.
        """
        self._run = _opened(self._file("run"))
        if not _locked(self._run):
            raise BusyError(self._running())
        record = json.dumps({**_here(), "since": time.strftime("%Y-%m-%d %H:%M:%S")})
        os.truncate(self._run, 0)
        os.pwrite(self._run, record.encode(), 0)

    def _file(self, kind: str, study: str | None = None) -> Path:
        return self.snakemake / "running" / f"{study or self.study}.{kind}"

    def _record(self) -> dict:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self._file("run").read_text(encoding="utf-8"))
        return {}

    def _running(self) -> str:
        """Who runs jobs of the study, empty if nobody does."""
        with contextlib.suppress(FileNotFoundError):
            file = os.open(self._file("run"), os.O_RDONLY)
            try:
                if _locked(file):
                    return ""
            finally:
                os.close(file)
            return f"results/{self.study} is being made by {_described(self._record())}"
        return ""

    def _kept(self) -> str:
        """Why locks are kept although nobody runs jobs, empty if there are none."""
        if not self._locks():
            return ""
        return (
            f"Another call lives that runs no jobs of {self.study}, a dry run, say; until it ends locks "
            f"on results/{self.study} are kept"
        )

    def _locks(self) -> list[Path]:
        """Snakemake's locks on the study, but for those of calls that are at work on another one."""
        return [
            lock
            for lock in self.snakemake.glob("locks/*.lock")
            if self.study in (studies := _studies_in(lock))
            and all(map(self._is_dead, studies - {self.study}))
        ]

    def _remove_stale_locks(self) -> str:
        """Remove Snakemake's locks on the study, which are nobody's; what keeps it from that."""
        stale = self._locks()
        record = self._record()
        if stale and record and not any(record[key] == _here()[key] for key in ("host", "boot")):
            return (
                f"results/{self.study} was begun by {_described(record)}, which may still run: this "
                f"is {socket.gethostname()}. If it does not, delete {self._file('run')} and call again"
            )
        for lock in stale:
            lock.unlink(missing_ok=True)
        return ""

    def _is_dead(self, study: str) -> bool:
        """Whether no call is at work on another study of the folder."""
        with contextlib.suppress(FileNotFoundError):
            file = os.open(self._file("calls", study), os.O_RDONLY)
            try:
                return _locked(file)
            finally:
                os.close(file)
        return True


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _locked(file: int) -> bool:
    """Lock an open file for this process alone; False if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _studies_in(lock: Path) -> set[str]:
    """The studies whose results a lock of Snakemake's names."""
    with contextlib.suppress(FileNotFoundError):
        return set(re.findall(r"(?:^|/)results/([^/\n]+)/", lock.read_text(encoding="utf-8"), re.M))
    return set()


def _here() -> dict:
    """This process, its machine, and its user: a machine is known by its name or what it booted as."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    boot = BOOT.read_text(encoding="utf-8").strip() if BOOT.exists() else ""
    return {"process": os.getpid(), "host": socket.gethostname(), "boot": boot, "user": user}


def _described(record: dict) -> str:
    if not record:
        return "another call"
    return "process {process} of {user} on {host}, since {since}".format(**record)
