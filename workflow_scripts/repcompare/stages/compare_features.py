"""The features stage of a block: what the networks of each pair both use in the images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch

from repcompare.features.inversion import STARTS, represented, representing
from repcompare.features.measures import (
    FeatureRow,
    alignment,
    mistake_agreement,
    scaled_to_correlations,
    similarity,
    unit_matching,
)
from repcompare.networks.models import TrainedModel
from repcompare.representations.activations_file import ModelActivations, check_same_images
from repcompare.representations.moments import cross_covariance
from repcompare.representations.pair import Pair
from repcompare.storage.files import MismatchError, require_equal, write_csv
from repcompare.study.blocks import ordered_pairs, unordered_pairs

ATTACK = "pgd"


class Files(NamedTuple):
    """The files of one model."""

    activations: h5py.File
    adversarial: h5py.File
    features: h5py.File


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
    def member(self) -> ModelActivations:
        """Its activations."""
        return ModelActivations(self.files.activations)

    @cached_property
    def correct(self) -> np.ndarray:
        """Which images of the probe set it classifies correctly, bool (n,)."""
        return self.files.features["prediction"][:] == self.files.features["labels"][:]

    @cached_property
    def representation(self) -> np.ndarray:
        """What it makes of the probe set, (n, d)."""
        return self.files.features["representation"][:]

    @cached_property
    def network(self) -> torch.nn.Module:
        """From images to representations."""
        return representing(self.model.network)

    def of_inversions(self, other: "Network", start: str) -> np.ndarray:
        """What it makes of the other's inverted images, (n, d)."""
        images = torch.from_numpy(other.files.features[f"inversion/{start}/images"][:])
        images = images.contiguous(memory_format=torch.channels_last)
        return represented(self.network, images, self.batch_size, self.model.device).numpy()


def compare_features(
    path: str | Path,
    models: Sequence[TrainedModel],
    files: Sequence[Files],
    batch_size: int,
) -> None:
    """Write the measures of every pair of a block as a table.

    One row a pair, measure and `condition`: the ball of the attack, or the start of the inversions.
    Of a directed measure, model_a is the model whose inversions model_b is shown.

    Raises:
        MismatchError: the files are not of these models, or of different images.
    """
    check(models, files)
    networks = [Network(*each, batch_size) for each in zip(models, files, strict=True)]
    architectures = [network.architecture for network in networks]
    rows = []
    for first, second in unordered_pairs(architectures):
        a, b = networks[first], networks[second]
        rows += [table_row(a, b, *found) for found in symmetric_rows(a, b)]
    for first, second in ordered_pairs(architectures):
        a, b = networks[first], networks[second]
        rows += [table_row(a, b, *found) for found in directed_rows(a, b)]
    write_csv(path, rows)


def symmetric_rows(a: Network, b: Network) -> Iterator[tuple[str, str, FeatureRow]]:
    """Measure, condition and row of what has no direction."""
    both = a.correct & b.correct
    gradients = (network.files.features["gradient"][:][both] for network in (a, b))
    yield "gradient_alignment", "", alignment(*gradients)
    yield "unit_matching", "", matched_units(a.member, b.member)
    yield from perturbation_rows(a.files.adversarial, b.files.adversarial)


def matched_units(a: ModelActivations, b: ModelActivations) -> FeatureRow:
    """Matched on the fit split, scored on the test split."""
    cross = cross_covariance(a.fit_rows, a.fit.mean, b.fit_rows, b.fit.mean)
    variances = (np.diagonal(member.fit.scatter) for member in (a, b))
    return unit_matching(scaled_to_correlations(cross, *variances), Pair.of(a.test, b.test))


def perturbation_rows(a: h5py.File, b: h5py.File) -> Iterator[tuple[str, str, FeatureRow]]:
    """What two attacks change in the same image, and what they make of it, ball by ball.

    Changes agree where a pixel is black or white, for it can move only one way: it is left out.
    """
    labels = a["labels"][:]
    clean = a["clean"][:].astype(np.int16)
    free = (clean > 0) & (clean < 255)
    both = (a["clean_prediction"][:] == labels) & (b["clean_prediction"][:] == labels)
    for name, group in a["attacks"].items():
        if group.attrs["attack"] != ATTACK:
            continue
        ball = f"{group.attrs['norm']} {group.attrs['epsilon_label']}"
        pair = (group, b["attacks"][name])
        changes = ((one["images"][:][both] - clean[both]) * free[both] for one in pair)
        yield "perturbation_agreement", ball, alignment(*changes)
        predictions = [one["prediction"][:] for one in pair]
        fooled = both & (predictions[0] != labels) & (predictions[1] != labels)
        chosen = (part[fooled] for part in (labels, *predictions))
        dropped = int(both.sum() - fooled.sum())
        yield "mistake_agreement", ball, mistake_agreement(*chosen, dropped)


def directed_rows(a: Network, b: Network) -> Iterator[tuple[str, str, FeatureRow]]:
    """What b makes of images that a cannot tell from the clean ones."""
    both, features = a.correct & b.correct, a.files.features
    for start in STARTS:
        converged = features[f"inversion/{start}/residual"][:] <= features.attrs["tolerance"]
        chosen = both & converged
        dropped = int(both.sum() - chosen.sum())
        labels = features["labels"][:][chosen]
        seen = b.of_inversions(a, start)[chosen]
        own = features[f"inversion/{start}/representation"][:][chosen]
        yield "stir", start, similarity(b.representation[chosen], seen, labels, dropped)
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
            if file.attrs["model_digest"] != model.record["model_digest"]:
                raise MismatchError(
                    f"{file.filename} was made from other weights of {file.attrs['model']} than "
                    f"those given for {model.name}; delete it and call snakemake again"
                )
    everything = [file for of_model in files for file in of_model]
    require_equal("digest of the data", [(f.filename, f.attrs["data_digest"]) for f in everything])
    check_same_images([of_model.activations for of_model in files])
    for kind in ("adversarial", "features"):
        first, *others = (getattr(of_model, kind) for of_model in files)
        for file in others:
            if not np.array_equal(file["ids"], first["ids"]):
                raise MismatchError(f"{file.filename} and {first.filename} hold different images")
