"""The rule `prepare_data`: the study's images, split and stored once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.data.loaders import load
from repcompare.data.splits import split_training
from repcompare.storage.hdf5 import new_hdf5


def prepare_data(
    dataset: str | Path, *, settings: Mapping[str, Any], root: str | None = None
) -> None:
    """Write the study's data file: splits, ids, class names and normalisation.

    Args:
        dataset: the file to write.
        settings: `name` of the data set, `fit_samples` and `train_samples`.
        root: the folder with the raw files; None: the usual places.

    Raises:
        DataError: the data set cannot be found, or is not what it should be.
    """
    name = settings["name"]
    raw = load(name, root)
    parts = split_training(raw.train, settings["fit_samples"], settings["train_samples"])
    splits = parts | {"test": raw.test}
    pixels = splits["train"].images
    attributes = {
        "name": name,
        "source": raw.source,
        "class_names": list(raw.class_names),
        "mean": pixels.mean(axis=(0, 2, 3), dtype=np.float64) / 255,
        "std": pixels.std(axis=(0, 2, 3), dtype=np.float64) / 255,
    }
    with new_hdf5(dataset, attributes) as file:
        for split, data in splits.items():
            group = file.create_group(split)
            group.create_dataset(
                "images",
                data=data.images,
                chunks=(min(1024, len(data.images)), *data.images.shape[1:]),
                compression="gzip",
                compression_opts=1,
            )
            group["labels"] = data.labels
            group["ids"] = data.ids
