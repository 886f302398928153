"""Labelled images, and how a data set's are split, the same way every time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from repcompare.data.catalogue import DataError
from repcompare.data.ids import ids_of

# The same in every study, so that studies share their splits.
SPLIT_SEED = 0


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images, read one after the other when they are asked for.

    Attributes:
        shape: of an image, (C, H, W).
        labels: int64 (N,).
        ids: int64 (N,).
        order: int64 (N,), places in the fixed random order that images are drawn in for a split.
        source: int64 (N,), the place of each image in its files.
        read: the images uint8 (C, H, W) at ascending places in the files, int64 (n,).
        names: text (N,) by which images of one's own are known, as UTF-8; None: by `ids` alone.
    """

    shape: tuple[int, ...]
    labels: np.ndarray
    ids: np.ndarray
    order: np.ndarray
    source: np.ndarray
    read: Callable[[np.ndarray], Iterator[np.ndarray]]
    names: np.ndarray | None = None

    @classmethod
    def published(cls, images: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> Images:
        """Of a known data set: uint8 (N, C, H, W) in memory, in the order of the files."""
        order = np.random.default_rng(SPLIT_SEED).permutation(len(ids))
        read = functools.partial(map, images.__getitem__)
        return cls(images.shape[1:], labels, ids, order, np.arange(len(ids)), read)

    @classmethod
    def own(
        cls,
        shape: tuple[int, ...],
        labels: np.ndarray,
        names: Sequence[str],
        read: Callable[[np.ndarray], Iterator[np.ndarray]],
    ) -> Images:
        """Of one's own, in the order of their ids, which are made of their names.

        So the first of them are of all classes, however the files are sorted, and a new image changes
        neither another one's id nor the order of the others.
        """
        ids = ids_of(names)
        source = np.argsort(ids)
        kept = np.array([name.encode("utf-8", "surrogateescape") for name in names], "S")
        order = np.arange(len(ids))
        return cls(shape, labels[source], ids[source], order, source, read, kept[source])

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, place: int) -> str:
        """What an image is called in a message."""
        if self.names is None:
            return f"image {self.ids[place]}"
        return self.names[place].decode("utf-8", "backslashreplace")

    def take(self, index: np.ndarray) -> Images:
        """The images at ascending places, drawn in the order that they had among all."""
        drawn = np.empty(len(self), np.int64)
        drawn[self.order] = np.arange(len(self))
        return dataclasses.replace(
            self,
            labels=self.labels[index],
            ids=self.ids[index],
            order=np.argsort(drawn[index]),
            source=self.source[index],
            names=None if self.names is None else self.names[index],
        )


@dataclass(frozen=True, eq=False)
class RawDataset:
    """A data set as it lies in its files; `test` is None where test images must be held out."""

    class_names: tuple[str, ...]
    train: Images
    test: Images | None
    source: str

    @property
    def tested(self) -> Images:
        """The test images, of the files or held out."""
        assert self.test is not None, "some are held out where there are none"
        return self.test


def split_training(train: Images, fit_samples: int, train_samples: int | None) -> dict[str, Images]:
    """Split the training images into `train` and, if `fit_samples` > 0, `fit`.

    Stratified by class and deterministic. `fit` is taken first and never trained on, so it is the
    same for every `train_samples`; a smaller `train` is a part of a larger one's images.

    Raises:
        DataError: there are fewer images.
    """
    total = f"there are {len(train)} training images"
    # A list of ids may have no training images, and nothing to hold out of them.
    if fit_samples and fit_samples >= len(train):
        text = f"got {fit_samples}, but {total}, and some must be left"
        raise DataError(f"data.fit_samples: {text}")
    splits = {}
    if fit_samples:
        train, splits["fit"] = held_out(train, fit_samples)
    if train_samples is not None and train_samples > len(train):
        others = f", {fit_samples} of them in fit_samples" if fit_samples else ""
        raise DataError(f"data.train_samples: got {train_samples}, but {total}{others}")
    if train_samples is not None and train_samples < len(train):
        _, train = held_out(train, train_samples)
    return {"train": train, **splits}


def held_out(images: Images, size: int) -> tuple[Images, Images]:
    """Two parts of the images, in their order, the second of `size`, every class in proportion.

    Each class keeps its own fixed random order, and the smaller part is always its beginning.
    """
    rest, out = stratified(images.labels, size, images.order)
    return images.take(rest), images.take(out)


def stratified(labels: np.ndarray, size: int, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places (sorted) of both parts of `held_out`: images with `labels`, drawn in `order`."""
    share = np.empty(len(order))
    for label in np.unique(labels):
        members = labels[order] == label
        share[members] = (np.arange(members.sum()) + 0.5) / members.sum()
    ranked = order[np.argsort(share, kind="stable")]
    return np.sort(ranked[size:]), np.sort(ranked[:size])
