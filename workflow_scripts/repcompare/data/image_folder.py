"""A folder of images, each in the folder of its class."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from repcompare.data.catalogue import DataError
from repcompare.data.ids import ids_of
from repcompare.data.photographs import read_all
from repcompare.data.raw_files import IMAGES, class_folders, test_name
from repcompare.data.splits import Images, RawDataset


def load_folder(root: Path, size: int, crop: float) -> RawDataset:
    """The images below `root`, known by their paths from there; see `raw_files.class_folders`.

    Raises:
        DataError: folders or files that are not as they must be.
    """
    folders = class_folders(root)
    classes = list(folders["train"])

    def images(split: str) -> Images:
        names: list[str] = []
        labels: list[int] = []
        for name, folder in folders[split].items():
            files = _images_in(folder)
            names += [f"{folder.relative_to(root).as_posix()}/{file}" for file in files]
            labels += [classes.index(name)] * len(files)
        # They can be read in any order, so it is at once that of their ids.
        by_id = np.argsort(ids_of(names))
        sorted_names = [names[place] for place in by_id]

        def read(places: np.ndarray) -> Iterator[np.ndarray]:
            files = (root / sorted_names[place] for place in places)
            return read_all(((str(file), file) for file in files), size, crop)

        return Images.own((3, size, size), np.array(labels)[by_id], sorted_names, read)

    test = test_name(folders)
    return RawDataset(tuple(classes), images("train"), images(test) if test else None, str(root))


def _images_in(folder: Path) -> list[str]:
    """The names of the images in a class's folder, sorted; all else but hidden files is refused."""
    found = []
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if not entry.name.lower().endswith(IMAGES) or not entry.is_file():
            allowed = f"allowed in the folder of a class: files that end in {', '.join(IMAGES)}"
            raise DataError(f"data.root: {entry.path}: not an image, {allowed}")
        found.append(entry.name)
    if not found:
        raise DataError(f"data.root: {folder}: holds no images")
    return sorted(found)
