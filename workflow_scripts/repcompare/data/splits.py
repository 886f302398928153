"""Labelled images, and how a data set's are split, the same way every time."""

from dataclasses import dataclass

import numpy as np

# The same in every study, so that studies share their splits.
SPLIT_SEED = 0


@dataclass(frozen=True)
class Images:
    """Labelled images: `images` uint8 (N, C, H, W), `labels` int64 (N,), `ids` int64 (N,)."""

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    def take(self, index: np.ndarray) -> "Images":
        """The images at `index`, in that order."""
        return Images(self.images[index], self.labels[index], self.ids[index])


def split_training(train: Images, fit_samples: int, train_samples: int | None) -> dict[str, Images]:
    """Split the published training images into `train` and, if `fit_samples` > 0, `fit`.

    Stratified by class and deterministic. `fit` is taken first and never trained on, so it is the
    same for every `train_samples`; a smaller `train` is a part of a larger one's images.
    """
    index = np.arange(len(train.labels))
    splits = {}
    if fit_samples:
        index, fit = stratified(index, train.labels, fit_samples)
        splits["fit"] = train.take(fit)
    if train_samples is not None and train_samples < len(index):
        _, index = stratified(index, train.labels, train_samples)
    return {"train": train.take(index), **splits}


def stratified(index: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sorted parts of `index`, the second of `size` images, every class in proportion.

    Each class keeps its own fixed random order, and the smaller part is always its beginning.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    order = order[np.isin(order, index)]
    share = np.empty(len(order))
    for label in np.unique(labels[index]):
        members = labels[order] == label
        share[members] = (np.arange(members.sum()) + 0.5) / members.sum()
    ranked = order[np.argsort(share, kind="stable")]
    return np.sort(ranked[size:]), np.sort(ranked[:size])
