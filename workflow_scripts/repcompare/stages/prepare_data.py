"""The rule `prepare_data`: the study's images, split and stored once."""

from pathlib import Path

import numpy as np

from repcompare.data.loaders import load
from repcompare.data.splits import split_training
from repcompare.storage.files import new_hdf5


def write_dataset(
    path: str | Path, name: str, root: str | None, fit_samples: int, train_samples: int | None
) -> None:
    """Write the study's data file: splits, ids, class names and normalisation."""
    raw = load(name, root)
    splits = split_training(raw.train, fit_samples, train_samples) | {"test": raw.test}
    pixels = splits["train"].images
    attributes = {
        "name": name,
        "source": raw.source,
        "class_names": list(raw.class_names),
        "mean": pixels.mean(axis=(0, 2, 3), dtype=np.float64) / 255,
        "std": pixels.std(axis=(0, 2, 3), dtype=np.float64) / 255,
    }
    with new_hdf5(path, attributes) as file:
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
