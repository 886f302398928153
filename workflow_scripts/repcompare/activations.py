"""What a trained network computes on every image of the study, streamed to HDF5."""

from pathlib import Path

import h5py
import torch

from repcompare.augmentation import to_float
from repcompare.models import TrainedModel
from repcompare.storage import ROWS_PER_READ, new_hdf5

SPLITS = ("train", "fit", "test")


def dump_activations(
    path: str | Path,
    model: TrainedModel,
    dataset: h5py.File,
    batch_size: int,
) -> None:
    """Store representation, logits, labels and ids of each split, and the linear classifier.

    Computed in float32 and eval mode, `batch_size` images at a time: memory does not grow with n.
    The representation is the input of the classifier: `logits = representation Wᵀ + b`.
    """
    splits = [split for split in SPLITS if split in dataset]
    record = model.record
    attributes = {
        **{key: record[key] for key in ("model", "architecture", "seed", "model_digest")},
        "data_digest": record["data_digest"],
        "fit_split": "fit" if "fit" in splits else "train",
        "precision": "float32",
        "batch_size": batch_size,
        "device": str(model.device),
    }
    classifier = model.network.classifier
    with new_hdf5(path, attributes) as file:
        file["classifier/weight"] = classifier.weight.detach().cpu().numpy()
        file["classifier/bias"] = classifier.bias.detach().cpu().numpy()
        for split in splits:
            source, group = dataset[split], file.create_group(split)
            n = len(source["ids"])
            group["ids"], group["labels"] = source["ids"][:], source["labels"][:]
            widths = {"representation": classifier.in_features, "logits": classifier.out_features}
            stored = {
                name: group.create_dataset(
                    name, (n, width), "float32", chunks=(min(n, 1024), width)
                )
                for name, width in widths.items()
            }
            for start in range(0, n, ROWS_PER_READ):
                rows = slice(start, start + ROWS_PER_READ)
                images = torch.from_numpy(source["images"][rows])
                representation, logits = _evaluate(model, images, batch_size)
                stored["representation"][rows] = representation
                stored["logits"][rows] = logits


@torch.inference_mode()
def _evaluate(
    model: TrainedModel, images: torch.Tensor, batch_size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    parts = []
    for batch in images.split(batch_size):
        representation = model.network.represent(to_float(batch.to(model.device)))
        parts.append((representation.cpu(), model.network.classifier(representation).cpu()))
    representations, logits = zip(*parts, strict=True)
    return torch.cat(representations), torch.cat(logits)
