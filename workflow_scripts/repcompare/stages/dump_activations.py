"""What a network computes on the images that networks are compared on, streamed to HDF5."""

from collections.abc import Collection
from pathlib import Path

import h5py
import torch

from repcompare.networks.inference import to_float
from repcompare.networks.models import TrainedModel
from repcompare.storage.files import ROWS_PER_READ, new_hdf5

REPRESENTATION = "penultimate"


def dump_activations(
    path: str | Path,
    model: TrainedModel,
    untrained: torch.nn.Module,
    dataset: h5py.File,
    layers: Collection[str],
    fit_samples: int | None,
    batch_size: int,
) -> None:
    """Store layers, logits, labels and ids of the fit and test splits, and the linear classifier.

    The fit split is the data's own, else the training images; the first `fit_samples` of it, all
    if None. Every layer of `layers` that the network has is stored under its name, (n, channels)
    float32, and always the representation, the input of the classifier:
    `logits = penultimate Wᵀ + b`. Group `untrained` holds the representation of `untrained`, the
    network before its training, on the same images. Computed in float32 and eval mode, `batch_size`
    images at a time: memory does not grow with n.
    """
    fit_split = "fit" if "fit" in dataset else "train"
    record, network = model.record, model.network
    layers = [name for name in network.layers if name in layers or name == REPRESENTATION]
    attributes = {
        **{key: record[key] for key in ("model", "architecture", "seed", "model_digest")},
        "data_digest": record["data_digest"],
        "layers": layers,
        "fit_images": fit_split,
        "precision": "float32",
        "batch_size": batch_size,
        "device": str(model.device),
    }
    classifier = network.classifier
    with torch.inference_mode(), new_hdf5(path, attributes) as file:
        file["classifier/weight"] = classifier.weight.cpu().numpy()
        file["classifier/bias"] = classifier.bias.cpu().numpy()
        for split, source, most in (
            ("fit", dataset[fit_split], fit_samples),
            ("test", dataset["test"], None),
        ):
            n = len(source["ids"][:most])
            file[f"{split}/ids"], file[f"{split}/labels"] = source["ids"][:n], source["labels"][:n]
            for start in range(0, n, ROWS_PER_READ):
                rows = slice(start, min(start + ROWS_PER_READ, n))
                images = torch.from_numpy(source["images"][rows]).to(model.device)
                outputs = evaluate(network, images, layers, batch_size)
                outputs["logits"] = classifier(outputs[REPRESENTATION])
                for name, values in outputs.items():
                    _store(file, f"{split}/{name}", values, rows, n)
                before = evaluate(untrained, images, [REPRESENTATION], batch_size)
                _store(file, f"untrained/{split}", before[REPRESENTATION], rows, n)


def evaluate(
    network: torch.nn.Module, images: torch.Tensor, layers: Collection[str], batch_size: int
) -> dict[str, torch.Tensor]:
    """Each layer's output (N, channels) for uint8 images (N, C, H, W) on the network's device."""
    parts = [network.layer_outputs(to_float(batch), layers) for batch in images.split(batch_size)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _store(file: h5py.File, name: str, values: torch.Tensor, rows: slice, n: int) -> None:
    """Fill `rows` of the data set `name`, which has `n`."""
    width = values.shape[1]
    if name not in file:
        file.create_dataset(name, (n, width), "float32", chunks=(min(n, 1024), width))
    file[name][rows] = values.cpu().numpy()
