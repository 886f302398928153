"""Print a conda environment with the pins of a lock file: `python conda.py requirements.lock`."""

import sys
from pathlib import Path


def environment(lock: Path) -> str:
    """The YAML text: Python from conda-forge, every package from the lock."""
    pins = [line.strip() for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    head = ["name: repcompare", "channels: [conda-forge, nodefaults]", "dependencies:"]
    head += ["  - python=3.11", "  - pip", "  - pip:"]
    # Quoted: a marker holds characters that YAML would read.
    return "\n".join([*head, *(f'      - "{pin}"' for pin in pins), ""])


if __name__ == "__main__":
    sys.stdout.write(environment(Path(sys.argv[1])))
