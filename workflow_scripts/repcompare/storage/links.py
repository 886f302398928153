"""Symbolic links where files are written in place: what lies at their end would be overwritten."""

import os
from collections.abc import Iterator
from pathlib import Path


def symbolic_links(*folders: str | Path) -> Iterator[Path]:
    """Every symbolic link below the folders, which need not be there and may be links themselves."""
    for folder in folders:
        for path, inside, files in os.walk(folder):
            yield from (
                found for name in (*inside, *files) if (found := Path(path, name)).is_symlink()
            )
