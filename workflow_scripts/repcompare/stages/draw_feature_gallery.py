"""The rule `draw_feature_gallery`: gradients and inversions of a few images by a few models."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.features.features_file import InputFeatures
from repcompare.figures.feature_gallery import Features, feature_gallery
from repcompare.figures.style import save
from repcompare.storage.hdf5 import require_same_data, require_same_images
from repcompare.storage.seals import made_by

START = "noise"


def draw_feature_gallery(
    svg: str | Path,
    png: str | Path,
    *,
    features: Sequence[str | Path],
    dataset: str | Path,
    settings: Mapping[str, Any],
) -> None:
    """Draw the first images that all models classify correctly.

    Args:
        svg: the figure to write.
        png: the same as PNG.
        features: of the models that are shown.
        dataset: the study's data file.
        settings: `examples`, how many images; and `inputs`, as in `stages.train.train`.
    """
    with Dataset(dataset) as data:
        clean, labels, found = read_features(
            features, data, settings["examples"], made_by(settings, "features")
        )
        class_names = data.class_names
    save(feature_gallery(clean, labels, class_names, found), svg, png)


def read_features(
    paths: Sequence[str | Path],
    data: Dataset,
    count: int,
    settings: Mapping[str, Any] | None = None,
) -> tuple[np.ndarray, np.ndarray, dict[str, Features]]:
    """Clean images uint8 (n, C, H, W), labels (n,), and each model's features of them.

    The first `count` images that every model classifies correctly. `paths`: the models'
    features.h5, made from `data` by `settings`, if they are given.

    Raises:
        MismatchError: the files do not hold the same images.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(InputFeatures(path)) for path in paths]
        for file in files:
            file.require_settings(settings or {})
        require_same_data([*files, data])
        require_same_images(files)
        chosen = np.flatnonzero(np.all([file.correct for file in files], axis=0))[:count]
        features = {}
        for file in files:
            found = file.inversions(START)
            features[file.name] = Features(
                file.gradient[chosen], found.images[chosen], found.residual[chosen]
            )
        return clean_images(files[0], data)[chosen], files[0].labels[chosen], features
