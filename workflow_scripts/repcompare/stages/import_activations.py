"""The rule `import_activations`: what a network that is not here computed, joined to the study's images."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from repcompare.data.dataset_file import Dataset
from repcompare.names import REPRESENTATION, layer_order
from repcompare.networks.record import Record
from repcompare.representations.own_activations import (
    ActivationsError,
    Layer,
    OwnActivations,
    open_activations,
)
from repcompare.storage.files import file_digest, versions, write_json
from repcompare.storage.hdf5 import BYTES_PER_READ, ROWS_PER_READ, new_hdf5

LOG = logging.getLogger(__name__)


def import_activations(
    activations: str | Path,
    record: str | Path,
    *,
    dataset: str | Path,
    source: str | Path,
    architecture: str,
    seed: int,
    settings: Mapping[str, Any],
) -> None:
    """Store the activations of a file as `stages.dump_activations` stores those of a network.

    Its rows are found by the ids of the study's images, never by their order. A file may hold more
    images than the study has, and layers that it does not ask for.

    Args:
        activations: the file to write.
        record: the `Record` to write.
        dataset: the study's data file.
        source: see `own_activations.open_activations`.
        architecture: the architecture's name in the study.
        seed: its number among the architecture's networks.
        settings: `layers` to store, beside the representation, `fit_samples`, and `names`: which
            array of the file a layer is, as far as the config says so.

    Raises:
        ActivationsError: with the key of the config that is wrong.
    """
    model, digest = f"{architecture}/seed{seed}", file_digest(source)
    try:
        with Dataset(dataset) as data, open_activations(source, settings["names"]) as own:
            names = layer_order({*settings["layers"], REPRESENTATION} & own.layers.keys())
            layers = {name: own.layer(name) for name in names}
            representation = layers[REPRESENTATION]
            attributes = {
                "model": model,
                "architecture": architecture,
                "seed": seed,
                "model_digest": digest,
                "data_digest": data.digest,
                "layers": names,
                "fit_images": data.fit_split,
                "precision": str(representation.array.dtype),
            }
            with new_hdf5(activations, attributes) as file:
                for split, of_data in (("fit", data.fit_split), ("test", "test")):
                    most = settings["fit_samples"] if split == "fit" else None
                    _store(file.create_group(split), data, of_data, most, own, layers)
            found = Record(
                model=model,
                architecture=architecture,
                seed=seed,
                origin="activations",
                representation_width=representation.width,
                data_digest=data.digest,
                versions=versions(),
                weights=str(source),
                weights_digest=digest,
            )
    except ActivationsError as error:
        text = f"architectures.{architecture}.activations: {source}: {error}"
        raise ActivationsError(text) from error
    write_json(record, {**dataclasses.asdict(found), "model_digest": digest})


def _store(
    group: h5py.Group,
    data: Dataset,
    split: str,
    most: int | None,
    own: OwnActivations,
    layers: Mapping[str, Layer],
) -> None:
    """The rows of one split, in the order of the data file, a part of them in memory at a time."""
    images = data.listed(split, most)
    group["ids"] = images.ids
    if images.labels is not None:
        group["labels"] = images.labels
    n = len(images.ids)
    if not n:
        return
    places = own.places(images.names)
    LOG.info("%d of %d images are the study's %s images", n, len(own.ids), split)
    for name, layer in layers.items():
        rows = max(1, min(ROWS_PER_READ, BYTES_PER_READ // layer.bytes_a_row))
        shape, chunks = (n, layer.width), (min(n, 1024), layer.width)
        stored = group.create_dataset(name, shape, np.float32, chunks=chunks)
        for start in range(0, n, rows):
            stored[start : start + rows] = layer.rows(places[start : start + rows])
