"""Which GPU of a machine a process takes when nobody has given it one."""

import fcntl
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

# One folder for all jobs of a user, whatever study they are of and wherever they were started.
LEASES = Path(tempfile.gettempdir()) / f"repcompare-gpus-{os.getuid()}"


def visible_gpus(count: int) -> list[str]:
    """The names of the `count` GPUs that CUDA shows to this process, in its order."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else map(str, range(count))
    return [name.strip() for name in names][:count]


def lease(names: Sequence[str], folder: Path = LEASES) -> int:
    """The index of the least used of the GPUs `names`, counted as used until this process ends.

    A GPU has a first seat, a second one, and so on, each of them a file, and a process locks the
    first file that is free, going through all first seats first. So processes share a GPU only if
    there are more of them than GPUs. The kernel drops the lock with the process, however it ends.
    """
    folder.mkdir(exist_ok=True)
    seats = ((seat, index) for seat in itertools.count() for index in range(len(names)))
    return next(index for seat, index in seats if _take(folder, names[index], seat))


def _take(folder: Path, name: str, seat: int) -> bool:
    """Lock a seat of a GPU until this process ends; False if another process has it."""
    path = folder / f"{name.replace('/', '_')}-{seat}.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    return True
