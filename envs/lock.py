"""Print what is made of a lock file: `python lock.py conda|without-cuda requirements.lock`.

`conda` is a conda environment with the same versions, `without-cuda` the lock without the packages that
only PyTorch's builds for CUDA need.
"""

import sys
from pathlib import Path

CUDA = ("cuda-", "nvidia-", "triton==")


def requirements(lock: Path) -> list[str]:
    """The requirements, each with its hashes in the lines that follow it."""
    return lock.read_text(encoding="utf-8").replace("\n    --hash", "\t--hash").splitlines()


def conda(lock: Path) -> str:
    """Python from conda-forge, every package from the lock; pip checks no hashes here."""
    head = ["name: repcompare", "channels: [conda-forge, nodefaults]", "dependencies:"]
    head += ["  - python=3.11", "  - pip", "  - pip:"]
    pins = [requirement.partition(" \\\t")[0] for requirement in requirements(lock)]
    # Quoted: a marker holds characters that YAML would read.
    return "\n".join([*head, *(f'      - "{pin}"' for pin in pins), ""])


def without_cuda(lock: Path) -> str:
    """The lock file's own text, of all other packages."""
    kept = [line for line in requirements(lock) if not line.startswith(CUDA)]
    return "\n".join([*kept, ""]).replace("\t--hash", "\n    --hash")


if __name__ == "__main__":
    made = {"conda": conda, "without-cuda": without_cuda}[sys.argv[1]]
    sys.stdout.write(made(Path(sys.argv[2])))
