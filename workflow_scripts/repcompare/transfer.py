"""What every target makes of every source's stored adversarial examples, image by image."""

import functools
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch

from repcompare.augmentation import to_float
from repcompare.models import TrainedModel, folded
from repcompare.storage import MismatchError, new_hdf5, require_equal


@torch.inference_mode()
def predictions_and_margins(
    network: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int,
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions int64 (N,) and margins z_y − max_{k≠y} z_k float32 (N,), in float32.

    A margin is negative exactly where the prediction is wrong (0 on a tie). `images` uint8
    (N, C, H, W), `labels` int64 (N,).
    """
    parts = []
    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        logits = network(to_float(x.to(device)))
        column = y.to(device)[:, None]
        others = logits.scatter(1, column, -torch.inf)
        margin = logits.gather(1, column)[:, 0] - others.amax(1)
        parts.append((logits.argmax(1).cpu(), margin.cpu()))
    predictions, margins = zip(*parts, strict=True)
    return torch.cat(predictions).numpy(), torch.cat(margins).numpy()


def evaluate_transfer(
    path: str | Path,
    models: Sequence[TrainedModel],
    adversarial: Sequence[str | Path],
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
    device: torch.device,
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
            "device": str(device),
        }
        labels = torch.from_numpy(files[0]["labels"][:])
        clean = torch.from_numpy(files[0]["clean"][:])
        with new_hdf5(path, attributes) as out:
            out["ids"], out["labels"] = files[0]["ids"][:], files[0]["labels"][:]
            for target in sorted({target for _, target in pairs}):
                evaluate = functools.partial(
                    predictions_and_margins,
                    folded(models[target].network),
                    labels=labels,
                    batch_size=batch_size,
                    device=device,
                )
                on_clean = evaluate(clean)
                for source in sorted(source for source, other in pairs if other == target):
                    attacks = files[source]["attacks"]
                    answers = [
                        evaluate(torch.from_numpy(attacks[name]["images"][:])) for name in attacks
                    ]
                    group = out.create_group(f"{models[source].name}/{models[target].name}")
                    group.attrs["conditions"] = list(attacks)
                    group["clean_prediction"], group["clean_margin"] = on_clean
                    group["prediction"] = np.stack([prediction for prediction, _ in answers])
                    group["margin"] = np.stack([margin for _, margin in answers])
    finally:
        for file in files:
            file.close()


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
