"""Ways in which a stored file can be damaged, each a function that writes the damaged file."""

import csv
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

# Places of a file, as shares of its length, at which one bit is turned.
BITS = (0.0, 0.03, 0.31, 0.62, 0.97)


class Damage(NamedTuple):
    """What is done, and what does it: a function of the path of a copy of the file."""

    name: str
    apply: Callable[[Path], None]


def damages(path: Path, others: Mapping[str, Path], arrays: int = 100) -> Iterator[Damage]:
    """Every damage of a file.

    `others` are whole files that may lie in its place, by whose they are. Of an HDF5 file so many
    `arrays` are changed.
    """
    for share in BITS:
        yield Damage(f"a bit at {share:.0%}", lambda copy, share=share: turn_bit(copy, share))
    yield Damage("truncated", lambda copy: cut(copy, 0.6))
    yield Damage("without its last byte", lambda copy: cut(copy, None))
    yield Damage("emptied", lambda copy: copy.write_bytes(b""))
    yield Damage("longer", lambda copy: copy.write_bytes(copy.read_bytes() + b"\n"))
    for whose, other in others.items():
        yield Damage(f"of {whose}", lambda copy, other=other: place(other, copy))
    if path.suffix == ".h5":
        yield from of_hdf5(path, arrays)
    elif path.suffix in (".json", ".csv"):
        yield from {".json": of_json, ".csv": of_csv}[path.suffix](path)


def turn_bit(path: Path, share: float) -> None:
    """Turn one bit."""
    content = bytearray(path.read_bytes())
    content[min(int(len(content) * share), len(content) - 1)] ^= 0x10
    path.write_bytes(content)


def cut(path: Path, share: float | None) -> None:
    """Keep a share of the bytes, or all but the last."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share) if share else -1])


def place(other: Path, path: Path) -> None:
    """Put another file in a file's place, with its digest if it is a table."""
    shutil.copyfile(other, path)
    if path.suffix == ".csv":
        shutil.copyfile(f"{other}.sha256", f"{path}.sha256")


def of_hdf5(path: Path, most: int) -> Iterator[Damage]:
    """One of each kind for data sets of each kind, and for the attributes."""
    with h5py.File(path) as file:
        found: dict[str, h5py.Dataset] = {}
        file.visititems(
            lambda name, item: (
                found.update({name: item}) if isinstance(item, h5py.Dataset) else None
            )
        )
        arrays = {name: item[()] for name, item in found.items()}
        attributes = dict(file.attrs)
    # Of many alike, such as pairs of models, the first.
    alike = {name.rpartition("/")[2] + name.split("/")[0]: name for name in reversed(arrays)}
    for name in sorted(alike.values())[:most]:
        for what, values in edited(arrays[name]):
            if values is None or not same(values, arrays[name]):
                yield Damage(
                    f"{what} in {name}", lambda copy, n=name, v=values: replace_array(copy, n, v)
                )
    for key, value in attributes.items():
        yield Damage(f"attribute {key} missing", lambda copy, k=key: edit_attribute(copy, k, None))
        other = changed_attribute(value)
        yield Damage(
            f"attribute {key} changed", lambda copy, k=key, v=other: edit_attribute(copy, k, v)
        )


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are one, bit by bit."""
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def edited(values: np.ndarray) -> Iterator[tuple[str, np.ndarray | None]]:
    """An array as it may be found: another value, dtype, size or order, or none at all."""
    yield "data set missing", None
    if values.dtype.kind not in "iufb" or not values.size:
        return
    one = values.copy()
    flat = one.reshape(-1)
    flat[0] = not flat[0] if values.dtype.kind == "b" else flat[0] + 1
    yield "one value", one
    yield "rows rolled", np.roll(values, 1, axis=0)
    yield "half the rows", values[: max(1, len(values) // 2)]
    if values.dtype.kind == "f":
        gap = values.copy()
        gap.reshape(-1)[-1] = np.nan
        yield "not a number", gap
        yield "float16", values.astype(np.float16)
        yield "int32", np.nan_to_num(values).astype(np.int32)
    else:
        yield "float32", values.astype(np.float32)


def replace_array(path: Path, name: str, values: np.ndarray | None) -> None:
    """Replace a data set, attributes and digest left as they are; or remove it."""
    with h5py.File(path, "r+") as file:
        attributes = dict(file[name].attrs)
        del file[name]
        if values is not None:
            file[name] = values
            file[name].attrs.update(attributes)


def edit_attribute(path: Path, key: str, value: Any) -> None:
    """Replace or remove an attribute of the file."""
    with h5py.File(path, "r+") as file:
        del file.attrs[key]
        if value is not None:
            file.attrs[key] = value


def changed_attribute(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] != "1" else "2")
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return [str(each) for each in value[::-1]] if len(value) > 1 else ["other"]
    return value + 1


def of_json(path: Path) -> Iterator[Damage]:
    """Another value of each key, and each key missing."""
    record = json.loads(path.read_text(encoding="utf-8"))
    yield Damage("not JSON", lambda copy: copy.write_text("weights", encoding="utf-8"))
    yield Damage("a list", lambda copy: copy.write_text("[]", encoding="utf-8"))
    for key, value in record.items():
        rest = {name: each for name, each in record.items() if name != key}
        yield Damage(f"{key} missing", lambda copy, r=rest: write(copy, r))
        if isinstance(value, int | float | str):
            other = changed_attribute(value) if isinstance(value, str) else value + 1
            yield Damage(f"{key} changed", lambda copy, r={**record, key: other}: write(copy, r))


def write(path: Path, record: Any) -> None:
    """Write JSON as the study does."""
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def of_csv(path: Path) -> Iterator[Damage]:
    """Rows and cells as they may be found, and the digest beside them."""
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    digits = [
        (place, column)
        for place, row in enumerate(rows)
        for column, cell in enumerate(row)
        if cell.replace(".", "").replace("-", "").isdigit()
    ]
    edits: dict[str, list[list[str]]] = {
        "a row twice": [header, *rows[:1], *rows],
        "a row less": [header, *rows[1:]],
        "no rows": [header],
        "rows in another order": [header, *rows[::-1]],
        "a column less": [row[:-1] for row in (header, *rows)],
        "another header": [[*header[:-1], "other"], *rows],
    }
    chosen = random.Random(0).sample(digits, min(2, len(digits)))
    for place, column in chosen:
        for what, cell in (("another digit", None), ("an empty cell", ""), ("inf", "inf")):
            cells = [list(row) for row in rows]
            old = cells[place][column]
            # The first digit, so that it is seen in a figure.
            cells[place][column] = another_digit(old) if cell is None else cell
            edits[f"{what} in {header[column]}"] = [header, *cells]
    for what, cells in edits.items():
        yield Damage(what, lambda copy, c=cells: write_csv(copy, c))
    beside = Path(f"{path}.sha256")
    if beside.exists():
        yield Damage("digest missing", lambda copy: Path(f"{copy}.sha256").unlink())
        yield Damage("digest emptied", lambda copy: Path(f"{copy}.sha256").write_bytes(b""))
        yield Damage("a bit of the digest", lambda copy: turn_bit(Path(f"{copy}.sha256"), 0.1))


def another_digit(text: str) -> str:
    """The text with its last digit changed."""
    return text[:-1] + ("1" if text[-1] != "1" else "2")


def write_csv(path: Path, rows: list[list[str]]) -> None:
    """Write a table as the study does."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
