"""What every target makes of every source's stored adversarial examples, image by image."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch

from repcompare.networks.inference import logits_of, margins
from repcompare.networks.models import TrainedModel, folded
from repcompare.storage.files import MismatchError, new_hdf5, require_equal


def evaluate_transfer(
    path: str | Path,
    models: Sequence[TrainedModel],
    adversarial: Sequence[str | Path],
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
) -> None:
    """Store each target's prediction and margin on each source's images, for every condition.

    One group `{source}/{target}` a pair, with `prediction` int64 and `margin` float32, both
    (conditions, n), the conditions in the order of its attribute `conditions`; the target's answers
    to the clean images as `clean_prediction` and `clean_margin` (n,).

    Args:
        models: every model of the block.
        adversarial: the file of each model, in the same order.
        pairs: (source, target) as positions in `models`.

    Raises:
        MismatchError: the files are not of these models, or hold different images.
    """
    files = [h5py.File(name) for name in adversarial]
    try:
        _check(models, files)
        attributes = {
            "models": [model.name for model in models],
            "model_digests": [model.record["model_digest"] for model in models],
            "data_digest": models[0].record["data_digest"],
            "device": str(models[0].device),
        }
        labels = torch.from_numpy(files[0]["labels"][:])
        clean = torch.from_numpy(files[0]["clean"][:])
        with new_hdf5(path, attributes) as out:
            out["ids"], out["labels"] = files[0]["ids"][:], files[0]["labels"][:]
            for target in sorted({target for _, target in pairs}):
                network = folded(models[target].network)
                on_clean = _answers(network, clean, labels, batch_size)
                for source in sorted(source for source, other in pairs if other == target):
                    attacks = files[source]["attacks"]
                    on_attacks = [
                        _answers(network, torch.from_numpy(one["images"][:]), labels, batch_size)
                        for one in attacks.values()
                    ]
                    group = out.create_group(f"{models[source].name}/{models[target].name}")
                    group.attrs["conditions"] = list(attacks)
                    group["clean_prediction"], group["clean_margin"] = on_clean
                    group["prediction"] = np.stack([prediction for prediction, _ in on_attacks])
                    group["margin"] = np.stack([margin for _, margin in on_attacks])
    finally:
        for file in files:
            file.close()


def _answers(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions int64 (n,) and margins of the labels float32 (n,)."""
    logits = logits_of(network, images, batch_size)
    return logits.argmax(1).numpy(), margins(logits, labels).numpy()


def _check(models: Sequence[TrainedModel], files: Sequence[h5py.File]) -> None:
    for model, file in zip(models, files, strict=True):
        if file.attrs["model_digest"] != model.record["model_digest"]:
            raise MismatchError(
                f"{file.filename} was made from other weights of {file.attrs['model']} than those "
                f"given for {model.name}; delete it and call snakemake again"
            )
    require_equal("digest of the data", [(f.filename, f.attrs["data_digest"]) for f in files])
    for file in files[1:]:
        if not np.array_equal(file["ids"], files[0]["ids"]):
            raise MismatchError(f"{file.filename} and {files[0].filename} attack different images")
