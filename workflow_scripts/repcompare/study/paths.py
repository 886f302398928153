"""Paths in a config: what `~` and `$HOME` stand for, and whether a file is there."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repcompare.study.schema import KeyPath, Problem

# Of an architecture; `data.root` is one, too.
OF_ARCHITECTURE = ("factory", "weights", "activations", "classes")


def expanded(path: str) -> str:
    """A path with `~`, `$NAME` and `${NAME}` as a shell reads them.

    Raises ValueError for a user or a variable that is not there.
    """
    found = os.path.expandvars(path)
    unset = re.search(r"\$(\w+|\{\w+\})", found)
    if unset:
        raise ValueError(f"the variable {unset[0]} is not set")
    found = os.path.expanduser(found)
    if found.startswith("~"):
        raise ValueError(f"there is no user {found.split('/')[0][1:]}")
    return found


def expand_paths(config: Any) -> list[Problem]:
    """Expand all paths of a config in place, which need not be valid; what cannot be is a problem."""
    problems: list[Problem] = []

    def expand(section: Any, key: str, path: KeyPath) -> None:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            try:
                section[key] = expanded(section[key])
            except ValueError as error:
                problems.append(Problem(2, (*path, key), str(error)))

    if isinstance(config, dict):
        expand(config.get("data"), "root", ("data",))
        entries = config.get("architectures")
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            for key in OF_ARCHITECTURE:
                expand(entry, key, ("architectures", name))
    return problems


def why_no_file(path: str | Path) -> str:
    """Why a path is not a file that can be looked at; empty if it is one."""
    try:
        return "" if Path(path).is_file() else "no such file"
    except OSError as error:
        # A name that is too long, or a folder that is another user's.
        return error.strerror or str(error)
