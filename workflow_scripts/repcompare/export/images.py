"""Stored images as files for use elsewhere, and which is which: an index of each kind."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.data.clean_images import clean_images, clean_split
from repcompare.data.dataset_file import Dataset
from repcompare.features.features_file import InputFeatures
from repcompare.names import STARTS
from repcompare.storage.files import allocate, replacing
from repcompare.storage.hdf5 import ModelFile, row_slices
from repcompare.tables.files import new_table
from repcompare.tables.schema import TABLES
from repcompare.vocabulary import architecture_of

# What Pillow calls images of so many channels.
MODES = {1: "L", 3: "RGB"}

# Writes images (n, C, H, W), read as they are sliced, with ids int64 (n,) to files of a folder whose
# names begin with a stem. The columns that it gives back say which file each image is in.
Writer = Callable[[Path, str, Any, np.ndarray], dict[str, Any]]


class Group(NamedTuple):
    """Images of one kind, of one model and condition: n of them.

    Attributes:
        folder: where they go, below that of the export.
        stem: what the names of their files begin with.
        images: (n, C, H, W), read as they are sliced.
        columns: what the index says of them, `id` among it; arrays and lists (n,), or one value for all.
    """

    folder: str
    stem: str
    images: Any
    columns: dict[str, Any]


def png_files(folder: Path, stem: str, images: Any, ids: np.ndarray) -> dict[str, Any]:
    """Write uint8 images of one or three channels, each to `{stem}_{id}.png`."""
    names = [f"{stem}_{number}.png" for number in ids]
    for rows in row_slices(images.shape, images.dtype):
        for name, image in zip(names[rows], images[rows], strict=True):
            shown = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
            Image.fromarray(shown, MODES[len(image)]).save(folder / name)
    return {"file": names}


def npy_file(folder: Path, stem: str, images: Any, ids: np.ndarray) -> dict[str, Any]:
    """Write images as they are, one array (n, C, H, W), to `{stem}.npy`."""
    name = f"{stem}.npy"
    with replacing(folder / name) as temporary:
        array = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=images.dtype, shape=images.shape
        )
        with temporary.open("rb+") as file:
            allocate(file.fileno())
        for rows in row_slices(images.shape, images.dtype):
            array[rows] = images[rows]
        array.flush()
    return {"file": [name] * len(ids), "row": np.arange(len(ids))}


FORMATS: dict[str, Writer] = {"png": png_files, "npy": npy_file}


def export_images(to: Path, kind: str, groups: Iterable[Group], write: Writer) -> None:
    """Write images of one kind below `to`, and their index, `{kind}.csv`.

    Args:
        to: a folder.
        kind: `clean`, `adversarial` or `inversions`.
        groups: what is written, one group at a time.
        write: in which format.
    """
    table = f"export/{kind}"
    with new_table(to / f"{kind}.csv", table) as append:
        for folder, stem, images, columns in groups:
            (to / folder).mkdir(parents=True, exist_ok=True)
            written = write(to / folder, stem, images, columns["id"])
            rows = pd.DataFrame(written | columns)
            rows["file"] = f"{folder}/" + rows["file"]
            append(rows[TABLES[table].in_order(rows.columns)])


def clean_group(files: Sequence[ModelFile], data: Dataset) -> Group:
    """The clean images that files were made from: of the file that was made from most.

    Raises:
        MismatchError: a file was made from other images than those of the study.
    """
    sizes = [len(clean_split(file, data)) for file in files]
    names, ids, labels = data.listed("test", max(sizes))
    assert labels is not None, "what is attacked, fooled or inverted has a class"
    columns = {
        "id": ids,
        # The name of a file need not be text.
        "name": [name.encode("utf-8", "backslashreplace").decode() for name in names],
        "label": labels,
        "class_name": [data.class_names[label] for label in labels],
    }
    most = files[sizes.index(max(sizes))]
    return Group("clean", "clean", clean_images(most, data), columns)


def adversarial_groups(files: Iterable[AdversarialImages]) -> Iterator[Group]:
    """The images of every model under each attack and ball."""
    for file in files:
        for name, stored in file.attacks.items():
            columns = {
                **stored.condition._asdict(),
                "clean_prediction": file.clean_prediction,
                "prediction": stored.prediction,
                "successful": stored.success,
                "linf": stored.linf,
                "l2": stored.l2,
            }
            yield _of_model("adversarial", file, name, stored.images, columns)


def inversion_groups(files: Iterable[InputFeatures]) -> Iterator[Group]:
    """The images of every model from each start."""
    for file in files:
        for start in STARTS:
            stored = file.inversions(start)
            columns = {
                "start": start,
                "residual": stored.residual,
                "found": stored.residual <= file.tolerance,
            }
            yield _of_model("inversions", file, start, stored.images, columns)


def _of_model(kind: str, file: ModelFile, name: str, images: Any, columns: dict[str, Any]) -> Group:
    model = file.name.replace("/", "-")
    ends = {"model": file.name, "architecture": architecture_of(file.name)}
    known = {"id": file.ids, "label": file.labels}
    return Group(f"{kind}/{model}", f"{model}_{name}", images, ends | known | columns)
