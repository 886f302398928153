"""Draw the gradients and the inversions of a few images by a few models."""

import json

import h5py

from repcompare.figures.feature_gallery import feature_gallery, read_features
from repcompare.figures.style import save
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Draw the first images that all models classify correctly."""
    count = json.loads(snakemake.params.settings)["examples"]
    clean, labels, features = read_features(snakemake.input.features, count)
    with h5py.File(snakemake.input.dataset) as file:
        class_names = list(file.attrs["class_names"])
    figure = feature_gallery(clean, labels, class_names, features)
    save(figure, snakemake.output.svg, snakemake.output.png)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
