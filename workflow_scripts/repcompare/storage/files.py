"""Files that are either whole or absent, and that say what they were made from."""

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repcompare.storage.seals import DamagedError, place, require_place


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


def write_json(path: str | os.PathLike, record: Mapping) -> None:
    """Write `record` as indented JSON, with where it is written and the digest of all that.

    Raises:
        ValueError: NaN or infinity.
    """
    content = {**record, "written_as": place(path)}
    sealed = {**content, "sha256": _json_digest(content)}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(sealed, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON record.

    Raises:
        DamagedError: it is not what was written there.
    """
    try:
        record = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise DamagedError(path, f"damaged: not JSON ({error})") from error
    if not isinstance(record, dict) or "sha256" not in record:
        raise DamagedError(path, "damaged, or not written by this version of repcompare")
    digest = record.pop("sha256")
    if digest != _json_digest(record):
        raise DamagedError(path, "damaged: its content is not what was written (SHA-256)")
    require_place(path, record.pop("written_as"))
    return record


def _json_digest(record: Any) -> str:
    """The SHA-256 of a record, however it is indented."""
    # Keys that are numbers become text in a file.
    text = json.dumps(json.loads(json.dumps(record)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
                "they do not belong to one run: delete both and call again"
            )
