"""The rule `prepare_data`: the study's images, split and stored once."""

import itertools
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from repcompare.data.catalogue import DataError
from repcompare.data.duplicates import duplicates, image_hash
from repcompare.data.loaders import load
from repcompare.data.splits import Images, split_training
from repcompare.storage.hdf5 import as_attribute, image_chunk, new_hdf5

LOG = logging.getLogger(__name__)

# Of images in memory at a time.
BYTES = 16 * 2**20


def prepare_data(
    dataset: str | Path,
    *,
    settings: Mapping[str, Any],
    root: str | None = None,
    test_images: Mapping[str, int] | None = None,
    classes: Mapping[str, int] | None = None,
    maps: bool = True,
) -> None:
    """Write the study's data file: splits, ids, class names and normalisation.

    The images are read once, and never all in memory.

    Args:
        dataset: the file to write.
        settings: `name` of the data set, `fit_samples`, `train_samples`, and of images of one's own
            what `catalogue.OWN` lists beside.
        root: the folder or file with the raw data; None: the usual places.
        test_images: how many a key of the config asks for, by key, so that one that asks for more
            than there are is told before anything is trained.
        classes: how many classes, in the same way.
        maps: whether the study fits maps, for which it needs training images.

    Raises:
        DataError: the data set cannot be found, or is not what it should be.
    """
    own = {key: settings[key] for key in ("size", "crop", "test_samples") if key in settings}
    raw = load(settings["name"], root, **own)
    parts = split_training(raw.train, settings["fit_samples"], settings["train_samples"])
    splits = parts | {"test": raw.tested}
    for key, number in (test_images or {}).items():
        if number > len(raw.tested):
            raise DataError(f"{key}: got {number}, but there are {len(raw.tested)} test images")
    for key, number in (classes or {}).items():
        if number > len(raw.class_names):
            text = f"needs {number} classes or more, but there are {len(raw.class_names)}"
            raise DataError(f"{key}: {text}")
    if maps and not len(raw.train):
        text = f"{raw.source} has test images alone, and maps are fitted on others, allowed: null"
        raise DataError(f"maps: {text}")
    attributes = {
        "name": settings["name"],
        "source": raw.source,
        "class_names": list(raw.class_names),
        "settings": as_attribute(settings),
    }
    hashes = {}
    with new_hdf5(dataset, attributes) as file:
        for split, images in splits.items():
            if not images.shape:
                _list(file.create_group(split), images, labelled=bool(raw.class_names))
                continue
            seen = _store(file.create_group(split), images, Path(dataset).parent)
            hashes[split] = seen.hashes
            if split == "train":
                mean, std = seen.moments
                if not std.all():
                    text = f"all training images are the same in channel {int(np.argmin(std))}"
                    raise DataError(f"data.root: {raw.source}: {text}")
                attributes |= {"mean": mean, "std": std}
    if hashes:
        for line in duplicates(splits, hashes):
            LOG.warning(line)


def _list(group: h5py.Group, images: Images, *, labelled: bool) -> None:
    """Write what is known of images that are not there."""
    group["ids"], group["names"] = images.ids, images.names
    if labelled:
        group["labels"] = images.labels


class Seen:
    """What is gathered of images as they pass: how often a channel has each value, and their hashes.

    Counts are exact: mean and deviation depend neither on the images' order nor on how many pass at
    a time.
    """

    def __init__(self, channels: int) -> None:
        """Nothing yet."""
        self.counts = np.zeros((channels, 256), np.int64)
        self.parts: list[np.ndarray] = []

    def add(self, images: np.ndarray) -> None:
        """Images uint8 (n, C, H, W)."""
        for count, channel in zip(self.counts, images.swapaxes(0, 1), strict=True):
            count += np.bincount(channel.ravel(), minlength=256)
        self.parts.append(np.array([image_hash(image) for image in images], np.uint64))

    @property
    def hashes(self) -> np.ndarray:
        """The hash of each image, uint64 (n,)."""
        return np.concatenate(self.parts)

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel, float64 (C,), pixels in [0, 1]."""
        mean, std = [], []
        for counts in self.counts.tolist():
            n = sum(counts)
            total = sum(count * value for value, count in enumerate(counts))
            squares = sum(count * value**2 for value, count in enumerate(counts))
            mean.append(total / n / 255)
            std.append(math.sqrt(n * squares - total**2) / n / 255)
        return np.array(mean), np.array(std)


def _store(group: h5py.Group, images: Images, scratch: Path) -> Seen:
    """Write one split to its group, images in the order of their places."""
    shape = (len(images), *images.shape)
    chunks = image_chunk(shape)
    pixels = group.create_dataset(
        "images", shape, np.uint8, chunks=chunks, compression="gzip", compression_opts=1
    )
    seen, done = Seen(images.shape[0]), 0
    # Whole chunks, so that each is compressed once.
    rows = max(1, BYTES // math.prod(chunks)) * chunks[0]
    found = _in_order(images, scratch)
    while len(part := list(itertools.islice(found, rows))):
        block = np.stack(part)
        pixels[done : done + len(block)] = block
        seen.add(block)
        done += len(block)
    group["labels"] = images.labels
    group["ids"] = images.ids
    if images.names is not None:
        group["names"] = images.names
    return seen


def _in_order(images: Images, scratch: Path) -> Iterator[np.ndarray]:
    """The images in the order of their places, by way of a temporary file if their files have another."""
    if np.all(np.diff(images.source) > 0):
        yield from images.read(images.source)
        return
    places, size = np.argsort(images.source), math.prod(images.shape)
    with tempfile.TemporaryFile(dir=scratch) as file:
        for place, image in zip(places, images.read(images.source[places]), strict=True):
            file.seek(place * size)
            file.write(image.tobytes())
        file.seek(0)
        for _ in range(len(images)):
            yield np.frombuffer(file.read(size), np.uint8).reshape(images.shape)
