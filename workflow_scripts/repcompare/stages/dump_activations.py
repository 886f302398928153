"""The rule `dump_activations`: what a network computes on the images that networks are compared on."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import torch

from repcompare.data.batches import images_at_once
from repcompare.data.dataset_file import Dataset, Split
from repcompare.names import REPRESENTATION, UNTRAINED
from repcompare.networks.devices import prepared_device
from repcompare.networks.inference import batches, logits_of, to_float
from repcompare.networks.models import (
    Network,
    TrainedModel,
    load_model,
    untrained,
    with_batch_statistics,
)
from repcompare.representations.layer_rows import LayerRows
from repcompare.storage.hdf5 import as_attribute, new_hdf5, row_chunk, row_slices
from repcompare.storage.seals import made_by


def dump_activations(
    activations: str | Path,
    *,
    weights: str | Path,
    record: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store what one model computes on every image of the study: see `store_activations`.

    Args:
        activations: the file to write.
        weights: of the model.
        record: of the model.
        dataset: the study's data file.
        settings: `layers`, `pool`, `fit_samples` and `batch_size`; and `inputs`, as in
            `stages.train.train`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    with Dataset(dataset) as data:
        where = prepared_device(device, threads)
        model = load_model(weights, record, data, where, made_by(settings, "network"))
        store_activations(
            activations,
            model,
            data,
            settings["layers"],
            settings["fit_samples"],
            settings["batch_size"],
            settings["pool"],
            as_attribute(settings),
        )


def store_activations(
    path: str | Path,
    model: TrainedModel,
    dataset: Dataset,
    layers: Collection[str],
    fit_samples: int | None,
    batch_size: int,
    pool: str = "mean",
    stored_settings: str = "{}",
) -> None:
    """Store layers, labels and ids of the fit and test splits, and what the model has to answer.

    The fit split is the data's own, else the training images; the first `fit_samples` of it, all
    if None. Every layer of `layers` that the network has is stored under its name, (n, d) float32,
    and always the representation. With `pool` as `flatten` feature maps keep their positions; so
    they are stored of the test split alone, which is what is compared, as `LayerRows` does it. A
    network that tells classes apart has `logits`, and one with a linear classifier also that:
    `logits = penultimate Wᵀ + b`. The representation of each of `control_networks` on the same
    images has a group of its name. Computed in float32 and eval mode, as many images at a time as
    `data.batches.images_at_once` says: memory does not grow with n. `stored_settings` is JSON.
    """
    record, network = model.record, model.network
    layers = [name for name in network.layers if name in layers or name == REPRESENTATION]
    attributes = {
        **{key: record[key] for key in ("model", "architecture", "seed", "model_digest")},
        "data_digest": record["data_digest"],
        "layers": layers,
        "fit_images": dataset.fit_split,
        "precision": "float32",
        "batch_size": batch_size,
        "settings": stored_settings,
        "device": str(model.device),
    }
    classifier, scratch = network.classifier, Path(path).parent
    fit_split = dataset.split(dataset.fit_split, fit_samples)
    controls = control_networks(model, fit_split, batch_size)
    before_pooling = [REPRESENTATION] if pool == "flatten" else layers
    with torch.inference_mode(), new_hdf5(path, attributes) as file:
        if classifier is not None:
            file["classifier/weight"] = classifier.weight.cpu().numpy()
            file["classifier/bias"] = classifier.bias.cpu().numpy()
        for split, source, of_split in (
            ("fit", fit_split, before_pooling),
            ("test", dataset.split("test"), layers),
        ):
            n = len(source)
            file[f"{split}/ids"], file[f"{split}/labels"] = source.ids, source.labels
            with LayerRows(file[split], n, scratch) as stored:
                for rows in _parts(n, dataset.image_shape, batch_size, pool):
                    images = torch.from_numpy(source.images[rows]).to(model.device)
                    outputs = evaluate(network, images, of_split, batch_size, pool)
                    for name, values in outputs.items():
                        flattened = pool == "flatten" and name != REPRESENTATION
                        stored.add(name, rows, values.cpu().numpy(), flattened=flattened)
                    if classifier is not None:
                        logits = classifier(outputs[REPRESENTATION])
                        stored.add("logits", rows, logits.cpu().numpy())
                    elif network.answers:
                        logits = logits_of(network, images, batch_size)
                        stored.add("logits", rows, logits.cpu().numpy())
                    for name, control in controls.items():
                        before = evaluate(control, images, [REPRESENTATION], batch_size)
                        _store(file, f"{name}/{split}", before[REPRESENTATION], rows, n)


def control_networks(model: TrainedModel, fit_split: Split, batch_size: int) -> dict[str, Network]:
    """By the names of `names.UNTRAINED`, the network before its training; none if it had none.

    As it was initialised, batch norm at mean 0 and variance 1; and where it has batch norm also
    with the statistics of the fit images, as a trained network has those of what it saw.
    """
    found, (as_initialised, settled) = {}, UNTRAINED
    if (network := untrained(model)) is not None:
        found[as_initialised] = network
        n = len(fit_split)
        if (other := with_batch_statistics(network, fit_split.images, n, batch_size)) is not None:
            found[settled] = other
    return found


def _parts(n: int, shape: tuple[int, int, int], batch_size: int, pool: str) -> Iterator[slice]:
    """The images whose layers are in memory at once: few where maps keep their positions."""
    return batches(n, batch_size, shape) if pool == "flatten" else row_slices((n, *shape), "uint8")


def evaluate(
    network: Network,
    images: torch.Tensor,
    layers: Collection[str],
    batch_size: int,
    pool: str = "mean",
) -> dict[str, torch.Tensor]:
    """Each layer's output (N, d) for uint8 images (N, C, H, W) on the network's device."""
    size = images_at_once(batch_size, images.shape[1:])
    parts = [network.layer_outputs(to_float(batch), layers, pool) for batch in images.split(size)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _store(file: h5py.File, name: str, values: torch.Tensor, rows: slice, n: int) -> None:
    """Fill `rows` of the data set `name`, which has `n`."""
    width = values.shape[1]
    if name not in file:
        file.create_dataset(name, (n, width), "float32", chunks=row_chunk((n, width)))
    file[name][rows] = values.cpu().numpy()
