"""The rule `import_activations`: what a network that is not here computed, joined to the study's images."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from repcompare.data.dataset_file import Dataset, Listed
from repcompare.names import REPRESENTATION, layer_order
from repcompare.networks.record import Record
from repcompare.representations.layer_rows import LayerRows
from repcompare.representations.own_activations import (
    ActivationsError,
    Layer,
    OwnActivations,
    open_activations,
)
from repcompare.storage.files import versions, write_json
from repcompare.storage.hdf5 import BYTES_PER_READ, ROWS_PER_READ, as_attribute, new_hdf5
from repcompare.storage.seals import file_digest, made_by

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
        settings: `layers` to store, beside the representation, `pool` and `fit_samples` as
            `stages.dump_activations` has them, and `names`: which array of the file a layer is, as
            far as the config says so; and `inputs`, as in `stages.train.train`.

    Raises:
        ActivationsError: with the key of the config that is wrong.
    """
    model, digest = f"{architecture}/seed{seed}", file_digest(source)
    try:
        with Dataset(dataset) as data, open_activations(source, settings["names"]) as own:
            data.require_settings(made_by(settings, "dataset"))
            names = layer_order({*settings["layers"], REPRESENTATION} & own.layers.keys())
            layers = {name: own.layer(name, settings["pool"]) for name in names}
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
                "settings": as_attribute(settings),
            }
            scratch = Path(activations).parent
            with new_hdf5(activations, attributes) as file:
                for split, of_data in (("fit", data.fit_split), ("test", "test")):
                    most = settings["fit_samples"] if split == "fit" else None
                    of_split = {
                        name: layer
                        for name, layer in layers.items()
                        if split == "test" or not layer.flattened
                    }
                    images = data.listed(of_data, most)
                    _store(file.create_group(split), images, own, of_split, scratch)
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
    images: Listed,
    own: OwnActivations,
    layers: Mapping[str, Layer],
    scratch: Path,
) -> None:
    """The rows of one split, in the order of the data file, a part of them in memory at a time."""
    group["ids"] = images.ids
    if images.labels is not None:
        group["labels"] = images.labels
    n = len(images.ids)
    if not n:
        return
    places = own.places(images.names)
    LOG.info("%s of %d images: %d are the study's", group.name, len(own.ids), n)
    for name, layer in layers.items():
        size = max(1, min(ROWS_PER_READ, BYTES_PER_READ // layer.bytes_a_row))
        with LayerRows(group, n, scratch) as stored:
            for start in range(0, n, size):
                rows = slice(start, min(start + size, n))
                stored.add(name, rows, layer.rows(places[rows]), flattened=layer.flattened)
