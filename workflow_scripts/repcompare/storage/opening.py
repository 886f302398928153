"""HDF5 files that somebody else may have written, opened without reading what is not theirs."""

import os
from collections.abc import Iterator

import h5py

# No filter of HDF5 makes more of a byte: gzip at best 1,032, after another gzip.
MOST_OF_A_BYTE = 1100
# Chunks that hold nothing are not stored: a small array may claim so many bytes and have none.
SMALL = 2**20


def opened(path: str | os.PathLike) -> h5py.File:
    """An HDF5 file, open for reading, which holds all that it gives.

    Raises:
        OSError: it is none, or not whole.
        ValueError: what it gives would be read from another file, or was never stored.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:
        raise OSError(f"not a whole HDF5 file ({error})") from error
    try:
        for name, problem in _problems(file):
            raise ValueError(f"{name} {problem}, which is not read")
    except RuntimeError as error:
        file.close()
        raise OSError(f"not a whole HDF5 file ({error})") from error
    except BaseException:
        file.close()
        raise
    return file


def _problems(file: h5py.File) -> Iterator[tuple[str, str]]:
    """The name of what is not the file's own, and what it is."""
    pending: list[tuple[str, h5py.Group]] = [("", file)]
    seen = {h5py.h5o.get_info(file.id).addr}
    while pending:
        above, group = pending.pop()
        for key in group:
            name, link = f"{above}{key}", group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield name, f"is a link to {link.filename}"
            if not isinstance(link, h5py.HardLink):
                # A soft link leads to what is seen by its own name.
                continue
            item = group[key]
            if isinstance(item, h5py.Dataset):
                yield from ((name, what) for what in _of_dataset(item))
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    yield name, "is a group that holds itself, or that is there twice"
                seen.add(address)
                pending.append((f"{name}/", item))


def _of_dataset(item: h5py.Dataset) -> Iterator[str]:
    if item.is_virtual:
        yield f"is made of {', '.join(sorted({source.file_name for source in item.virtual_sources()}))}"
        return
    if item.external:
        yield f"lies in {item.external[0][0]}"
        return
    claimed, stored = item.nbytes, item.id.get_storage_size()
    if claimed > SMALL and claimed > stored * MOST_OF_A_BYTE:
        yield f"claims {claimed} bytes, of which {stored} are stored"
