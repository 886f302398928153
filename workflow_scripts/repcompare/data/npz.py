"""What numpy's .npz files hold, from their headers: nothing of the arrays is read.

Read while the workflow is parsed: numpy is not imported.
"""

import ast
import contextlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from repcompare.data.catalogue import DataError

MAGIC = b"\x93NUMPY"


class Header(NamedTuple):
    """Of one array: its type as numpy writes it, such as `|u1`, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def headers(path: Path) -> dict[str, Header]:
    """Type and shape of every array of a file, by name. Raises DataError if it is no such file."""
    with _opened(path) as archive:
        return {
            name.removesuffix(".npy"): _header(member, f"{path}: {name.removesuffix('.npy')}")
            for name in archive.namelist()
            if name.endswith(".npy")
            for member in [archive.open(name)]
        }


@contextlib.contextmanager
def values(path: Path, name: str) -> Iterator[tuple[Header, IO[bytes]]]:
    """The header of an array and a stream of its values, in the order of its rows."""
    with _opened(path) as archive, archive.open(f"{name}.npy") as member:
        yield _header(member, f"{path}: {name}"), member


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(
            f"data.root: cannot read {path} ({error or 'it ends too early'})"
        ) from error


def _header(member: IO[bytes], what: str) -> Header:
    """The header of the format described in numpy.lib.format, versions 1 to 3."""
    try:
        magic, (version, _) = member.read(6), member.read(2)
        size = {(MAGIC, 1): "<H", (MAGIC, 2): "<I", (MAGIC, 3): "<I"}[magic, version]
        (length,) = struct.unpack(size, member.read(struct.calcsize(size)))
        said = ast.literal_eval(member.read(length).decode("utf-8" if version == 3 else "latin-1"))
    except (KeyError, ValueError, SyntaxError, struct.error) as error:
        raise DataError(f"data.root: {what}: not an array as numpy saves it") from error
    if not isinstance(said["descr"], str) or said["descr"].endswith("O"):
        raise DataError(f"data.root: {what}: holds Python objects, allowed: numbers or text")
    if said["fortran_order"] and len(said["shape"]) > 1:
        text = "stored column by column, save numpy.ascontiguousarray of it"
        raise DataError(f"data.root: {what}: {text}")
    return Header(said["descr"], said["shape"])
