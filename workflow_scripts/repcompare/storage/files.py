"""Files that are either whole or absent, and that say what they were made from."""

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path


class MismatchError(ValueError):
    """Two files that should describe the same images or the same model do not."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike, record: Mapping) -> None:
    """Write `record` as indented JSON; NaN and infinity are refused (ValueError)."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON record."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on."""
    packages = ("h5py", "numpy", "scipy", "torch")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def require_equal(what: str, values: Iterable[tuple[str | os.PathLike, str]]) -> None:
    """Raise MismatchError, naming two files, unless all `(file, value)` pairs hold one value."""
    values = list(values)
    for file, value in values[1:]:
        if value != values[0][1]:
            raise MismatchError(
                f"{what}: {file} has {value!r} but {values[0][0]} has {values[0][1]!r}; "
                "they do not belong to one run: delete the older file and call snakemake again"
            )
