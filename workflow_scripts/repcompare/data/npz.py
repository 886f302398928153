"""What numpy's .npz files hold, from their headers: nothing of the arrays is read.

Read while the workflow is parsed: numpy is not imported.
"""

import ast
import contextlib
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from repcompare.data.catalogue import DataError

MAGIC = b"\x93NUMPY"
# Bytes; numpy itself reads no longer ones.
LONGEST_HEADER = 10_000


class Header(NamedTuple):
    """Of one array: its type as numpy writes it, such as `|u1`, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def headers(path: Path) -> dict[str, Header]:
    """Type and shape of every array of a file, by name. Raises DataError if it is no such file."""
    with _opened(path) as archive:
        return {
            entry.filename.removesuffix(".npy"): _header(path, entry, member)
            for entry in archive.infolist()
            if entry.filename.endswith(".npy")
            for member in [archive.open(entry)]
        }


@contextlib.contextmanager
def values(path: Path, name: str) -> Iterator[tuple[Header, IO[bytes]]]:
    """The header of an array and a stream of its values, in the order of its rows."""
    with _opened(path) as archive, archive.open(f"{name}.npy") as member:
        yield _header(path, archive.getinfo(f"{name}.npy"), member), member


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # The last two are of files with a password, and packed in a way that Python does not know.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise DataError(
            f"data.root: cannot read {path} ({error or 'it ends too early'})"
        ) from error


def _header(path: Path, entry: zipfile.ZipInfo, member: IO[bytes]) -> Header:
    """The header of the format described in numpy.lib.format, versions 1 to 3.

    Raises DataError unless as many values as it says can be there.
    """
    what = f"data.root: {path}: {entry.filename.removesuffix('.npy')}"
    try:
        magic, (version, _) = member.read(6), member.read(2)
        size = {(MAGIC, 1): "<H", (MAGIC, 2): "<I", (MAGIC, 3): "<I"}[magic, version]
        (length,) = struct.unpack(size, member.read(struct.calcsize(size)))
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        said = ast.literal_eval(member.read(length).decode("utf-8" if version == 3 else "latin-1"))
        descr, shape, by_column = said["descr"], said["shape"], said["fortran_order"]
    except (
        KeyError,
        TypeError,
        ValueError,
        SyntaxError,
        RecursionError,
        MemoryError,
        struct.error,
    ) as error:
        raise DataError(f"{what}: not an array as numpy saves it") from error
    if not isinstance(descr, str) or descr.endswith("O"):
        raise DataError(f"{what}: holds Python objects, allowed: numbers or text")
    kind = re.fullmatch(r"[<>|=]([?biufcSUmM])(\d{0,6})(\[\w+\])?", descr)
    sides = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if kind is None or not sides:
        raise DataError(f"{what}: not an array as numpy saves it")
    if by_column and len(shape) > 1:
        raise DataError(f"{what}: stored column by column, save numpy.ascontiguousarray of it")
    itemsize = int(kind[2] or 1) * (4 if kind[1] == "U" else 1)
    there, needed = entry.file_size - member.tell(), math.prod(shape) * itemsize
    if there != needed:
        text = f"{there} bytes, but its shape is {shape} of {descr}, which are {needed}"
        raise DataError(f"{what}: {text}")
    return Header(descr, shape)
