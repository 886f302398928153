"""What tells that a stored file is the one that was written, and the one for its place.

Every kind of file has its seal: HDF5 a head with the SHA-256 of all bytes after it, a JSON record one of
its own content, a table a file beside it. What was written in a study says so, and is of no use at
another place of it, or in another one.
"""

import functools
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The folders of a study's results, and how many names a file has below each.
ROOMS = {"data": 1, "models": 3, "blocks": 2, "tables": 1, "nonrobust": 1}

# Of HDF5: bytes before the file proper that its format leaves to whoever writes it.
HEAD_BYTES = 512
# In the file beside a table: what the digest of all that it was made from comes after.
ORIGIN = "# made from "
HEAD = re.compile(rb"repcompare sha256 ([0-9a-f]{64})\n\0*")


class DamagedError(ValueError):
    """A file that is not what was written there. One line, with what to do."""

    def __init__(self, path: str | os.PathLike, what: str) -> None:
        """`what` is wrong with the file `path`."""
        super().__init__(f"{path}: {what}; delete it and call again")


def place(path: str | os.PathLike) -> str:
    """Where in a study a file lies, such as `digits/models/vgg/seed0/record.json`; empty elsewhere."""
    parts = Path(path).absolute().parts
    for room, names in ROOMS.items():
        if len(parts) > names + 2 and parts[-names - 1] == room:
            return "/".join(parts[-names - 2 :])
    return ""


def require_place(path: str | os.PathLike, written_as: str) -> None:
    """Raise DamagedError if a file lies in a study, and was not written there.

    Args:
        path: the file.
        written_as: the `place` that it was written to.
    """
    here = place(path)
    if here and here != written_as:
        was = f"it was written as {written_as}" if written_as else "it was not written in a study"
        raise DamagedError(path, f"not the file of {here}: {was}")


def require_same_settings(
    path: str | os.PathLike, made: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Raise DamagedError if a file was made by other settings than the study has, naming the first.

    Args:
        path: the file.
        made: what it was made by.
        expected: those that matter, as the study has them.
    """
    for key, value in expected.items():
        if made.get(key) != value:
            what = f"made with {key} {made.get(key)!r}, where the study has {value!r}"
            raise DamagedError(path, what)


def made_by(settings: Mapping[str, Any], kind: str) -> Any:
    """What a job's settings say that an input of some kind was made by: nothing, if called by hand."""
    return settings.get("inputs", {}).get(kind, {})


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_head(path: str | os.PathLike) -> None:
    """Fill the head of an HDF5 file that was closed, with the digest of what follows it."""
    with open(path, "r+b") as file:
        file.seek(HEAD_BYTES)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write(f"repcompare sha256 {digest}\n".encode().ljust(HEAD_BYTES, b"\0"))


def require_head(path: str | os.PathLike) -> None:
    """Raise DamagedError unless an HDF5 file is byte by byte what was written.

    A file is read once by a process, however often it opens it.
    """
    found = os.stat(path)
    # The last of them no program can set.
    _require_head(Path(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@functools.cache
def _require_head(path: Path, *_: int) -> None:
    with open(path, "rb") as file:
        head = HEAD.fullmatch(file.read(HEAD_BYTES))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if head is None:
        raise DamagedError(path, "damaged, or not written by this version of repcompare")
    if head[1].decode() != digest:
        raise DamagedError(path, "damaged: its bytes are not those that were written (SHA-256)")


def beside(path: str | os.PathLike) -> Path:
    """The file that holds the digest of a table."""
    return Path(f"{path}.sha256")


def beside_text(path: str | os.PathLike, table: str | os.PathLike, origin: str) -> str:
    """What stands in it: as `sha256sum` writes it, whose `-c` in the folder of results checks it.

    Args:
        path: the table's.
        table: where it lies now.
        origin: the digest of all that it was made from, in a comment, if it is known.
    """
    return f"{file_digest(table)}  {place(path)}\n" + (f"{ORIGIN}{origin}\n" if origin else "")


def block_origin(activations: Mapping[str, str]) -> str:
    """The origin of a block's tables: the digest of those of the models' activations, by model."""
    return hashlib.sha256(repr(sorted(activations.items())).encode()).hexdigest()


def origin_of(path: str | os.PathLike) -> str:
    """The digest of all that a table was made from; empty if that is not known."""
    if not beside(path).is_file():
        return ""
    _, *more = beside(path).read_bytes().decode("utf-8", "backslashreplace").splitlines() or [""]
    return "".join(line.removeprefix(ORIGIN) for line in more)


def require_beside(path: str | os.PathLike) -> None:
    """Raise DamagedError unless a table in a study is byte by byte what was written there."""
    if not place(path):
        return
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if not beside(path).is_file():
        raise DamagedError(path, f"its digest {beside(path).name} is not beside it")
    text = beside(path).read_bytes().decode("utf-8", "backslashreplace")
    digest, _, written_as = text.partition("\n")[0].partition("  ")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise DamagedError(path, f"its digest {beside(path).name} is damaged")
    require_place(path, written_as)
    if digest != file_digest(path):
        what = f"damaged: its bytes are not those of its digest {beside(path).name} (SHA-256)"
        raise DamagedError(path, what)
