"""The rule `compare_features`: what the networks of each pair of a block both use in the images."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from repcompare.attacks.adversarial_file import AdversarialImages, StoredAttack
from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.features.features_file import InputFeatures
from repcompare.features.inversion import STARTS, represented, representing
from repcompare.features.measures import (
    FeatureRow,
    alignment,
    mistake_agreement,
    scaled_to_correlations,
    similarity,
    unit_matching,
)
from repcompare.names import MAIN
from repcompare.networks.devices import prepared_device
from repcompare.networks.models import TrainedModel, load_model
from repcompare.representations.activations_file import ModelActivations, check_same_images
from repcompare.representations.moments import between_units, cross_covariance
from repcompare.representations.pair import Pair
from repcompare.storage.hdf5 import require_same_data, require_same_images, row_slices
from repcompare.study.blocks import ordered_pairs, unordered_pairs
from repcompare.tables.files import write_table


class Files(NamedTuple):
    """The files of one model."""

    activations: ModelActivations
    adversarial: AdversarialImages
    features: InputFeatures


@dataclass(frozen=True, eq=False)
class Network:
    """One model of a block: its files, and the network to show the others' inversions to."""

    model: TrainedModel
    files: Files
    batch_size: int

    @property
    def name(self) -> str:
        """`{architecture}/seed{seed}`."""
        return self.model.name

    @property
    def architecture(self) -> str:
        """Its architecture."""
        return self.model.record["architecture"]

    @cached_property
    def network(self) -> torch.nn.Module:
        """From images to representations."""
        return representing(self.model.network)

    def of_inversions(self, other: "Network", start: str) -> np.ndarray:
        """What it makes of the other's inverted images, (n, d)."""
        images = other.files.features.inversions(start).images
        return represented(self.network, images, self.batch_size).numpy()


def compare_features(
    features: str | Path,
    *,
    weights: Sequence[str | Path],
    records: Sequence[str | Path],
    activations: Sequence[str | Path],
    adversarial: Sequence[str | Path],
    inputs: Sequence[str | Path],
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Write the measures of every pair of a block as a table: see `feature_rows`.

    Args:
        features: the table to write.
        weights: of the block's models.
        records: of the models; this and the files that follow in the same order.
        activations: of the models.
        adversarial: the models' adversarial images.
        inputs: the models' gradients and inversions, what `stages.extract_features` wrote.
        dataset: the study's data file.
        settings: `batch_size`.
        device: where the networks run, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(Dataset(dataset))
        models = [load_model(*files, data, where) for files in zip(weights, records, strict=True)]
        readers = ModelActivations, AdversarialImages, InputFeatures
        files = [
            Files(*(stack.enter_context(read(p)) for read, p in zip(readers, paths, strict=True)))
            for paths in zip(activations, adversarial, inputs, strict=True)
        ]
        rows = feature_rows(models, files, data, settings["batch_size"])
    write_table(features, "blocks/features", rows)


def feature_rows(
    models: Sequence[TrainedModel], files: Sequence[Files], data: Dataset, batch_size: int
) -> list[dict]:
    """The measures of every pair of a block.

    One row a pair, measure and `condition`: the ball of the attack, or the start of the inversions.
    Of a directed measure, model_a is the model whose inversions model_b is shown.

    Args:
        models: of the block.
        files: of each, in the same order.
        data: with the clean images.
        batch_size: see `data.batches.images_at_once`.

    Raises:
        MismatchError: the files are not of these models, or of different images.
    """
    check(models, files)
    networks = [Network(*each, batch_size) for each in zip(models, files, strict=True)]
    architectures = [network.architecture for network in networks]
    clean = clean_images(files[0].adversarial, data)
    rows = []
    for first, second in unordered_pairs(architectures):
        a, b = networks[first], networks[second]
        rows += [table_row(a, b, *found) for found in symmetric_rows(a, b, clean)]
    for first, second in ordered_pairs(architectures):
        a, b = networks[first], networks[second]
        rows += [table_row(a, b, *found) for found in directed_rows(a, b)]
    return rows


def symmetric_rows(
    a: Network, b: Network, clean: np.ndarray
) -> Iterator[tuple[str, str, FeatureRow]]:
    """Measure, condition and row of what has no direction. `clean` as in `perturbation_rows`."""
    yield "gradient_alignment", "", alignment(gradients(a.files.features, b.files.features))
    yield "unit_matching", "", matched_units(a.files.activations, b.files.activations)
    yield from perturbation_rows(a.files.adversarial, b.files.adversarial, clean)


def gradients(a: InputFeatures, b: InputFeatures) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The gradients of both, (n, C, H, W) each, at some after others of the images that both get right."""
    both = a.correct & b.correct
    for rows in row_slices(a.gradient.shape, np.float64):
        chosen = both[rows]
        yield a.gradient[rows][chosen], b.gradient[rows][chosen]


def matched_units(a: ModelActivations, b: ModelActivations) -> FeatureRow:
    """Matched on the fit split, scored on the test split."""
    cross = cross_covariance(a.fit_rows, a.fit, b.fit_rows, b.fit)
    squares = (each.fit.unit_squares(each.fit.scatter) for each in (a, b))
    fit = scaled_to_correlations(between_units(a.fit, cross, b.fit), *squares)
    return unit_matching(fit, Pair.of(a.test, b.test))


def perturbation_rows(
    a: AdversarialImages, b: AdversarialImages, clean: np.ndarray
) -> Iterator[tuple[str, str, FeatureRow]]:
    """What two attacks change in the same image, and what they make of it, ball by ball.

    `clean` uint8 (n, C, H, W) are the images.
    """
    labels = a.labels
    both = a.correct & b.correct
    for name, attack in a.attacks.items():
        condition = attack.condition
        if condition.attack != MAIN:
            continue
        ball = f"{condition.norm} {condition.epsilon_label}"
        pair = (attack, b.attacks[name])
        yield "perturbation_agreement", ball, alignment(changes(*pair, clean, both))
        predictions = [one.prediction for one in pair]
        fooled = both & (predictions[0] != labels) & (predictions[1] != labels)
        classes, one, other = (part[fooled] for part in (labels, *predictions))
        dropped = int(both.sum() - fooled.sum())
        yield "mistake_agreement", ball, mistake_agreement(classes, one, other, dropped)


def changes(
    a: StoredAttack, b: StoredAttack, clean: np.ndarray, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What each changes, int16 (n, C, H, W), in some after others of the images chosen, bool (n,).

    Changes agree where a pixel is black or white, for it can move only one way: it is left out.
    """
    for rows in row_slices(clean.shape, np.float64):
        seen = clean[rows][chosen[rows]].astype(np.int16)
        free = (seen > 0) & (seen < 255)
        one, other = ((each.images[rows][chosen[rows]] - seen) * free for each in (a, b))
        yield one, other


def directed_rows(a: Network, b: Network) -> Iterator[tuple[str, str, FeatureRow]]:
    """What b makes of images that a cannot tell from the clean ones."""
    features, others = a.files.features, b.files.features
    both = features.correct & others.correct
    for start in STARTS:
        inversions = features.inversions(start)
        chosen = both & (inversions.residual <= features.tolerance)
        dropped = int(both.sum() - chosen.sum())
        labels = features.labels[chosen]
        seen = b.of_inversions(a, start)[chosen]
        own = inversions.representation[chosen]
        yield "stir", start, similarity(others.representation[chosen], seen, labels, dropped)
        yield "inverted_cka", start, similarity(own, seen, labels, dropped)


def table_row(a: Network, b: Network, measure: str, condition: str, row: FeatureRow) -> dict:
    """A row of features.csv."""
    return {
        "model_a": a.name,
        "model_b": b.name,
        "architecture_a": a.architecture,
        "architecture_b": b.architecture,
        "measure": measure,
        "condition": condition,
        **row._asdict(),
    }


def check(models: Sequence[TrainedModel], files: Sequence[Files]) -> None:
    """Raise MismatchError unless every file is of its model and all hold the same images."""
    for model, of_model in zip(models, files, strict=True):
        for file in of_model:
            file.require_weights(model.name, model.record["model_digest"])
    require_same_data([file for of_model in files for file in of_model])
    check_same_images([of_model.activations for of_model in files])
    require_same_images([of_model.adversarial for of_model in files])
    require_same_images([of_model.features for of_model in files])
