"""Files that are either whole or absent, and that say what they were made from."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import platform
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repcompare.storage.seals import DamagedError, place, require_place

# What the system says of a file that cannot be written, often without its name.
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
# How long another machine's partial file must have been left alone to be nobody's.
ABANDONED_SECONDS = 24 * 60 * 60


class MismatchError(ValueError):
    """Two files that should describe the same images or the same model do not."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` only if the block succeeds.

    What was left of `path` by processes that were killed is deleted first.

    Raises:
        OSError: the file cannot be written; it names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}@{socket.gethostname()}.partial")
    remove_abandoned(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in UNWRITABLE and error.filename in (None, str(temporary)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_abandoned(path: Path) -> None:
    """Delete the temporary files of `path` whose processes are gone.

    Of processes on other machines nothing is known: theirs are deleted when nobody has written to
    them for a day. One that may not be deleted, being somebody else's, stays.
    """
    for file in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        writer = file.name.removeprefix(f".{path.name}.").removesuffix(".partial")
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if re.fullmatch(r"\d+(@.+)?", writer) and _is_abandoned(file, writer):
                file.unlink()


def _is_abandoned(file: Path, writer: str) -> bool:
    process, _, host = writer.partition("@")
    if host == socket.gethostname():
        return not is_alive(int(process))
    return time.time() - file.stat().st_mtime > ABANDONED_SECONDS


def is_alive(process: int) -> bool:
    """Whether there is such a process on this machine, of whatever user."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def allocate(descriptor: int) -> None:
    """Give an open file of holes its room on the disk. Raises OSError if there is none.

    A process that then writes to the file by a map of it would be killed in its midst.
    """
    os.posix_fallocate(descriptor, 0, os.fstat(descriptor).st_size)


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
