"""The rule `compare_features`: what the networks of each pair of a block both use in the images."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from repcompare.attacks.adversarial_file import AdversarialImages, StoredAttack
from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.features.features_file import InputFeatures
from repcompare.features.measures import (
    FeatureRow,
    alignment,
    mistake_agreement,
    scaled_to_correlations,
    similarity,
    unit_matching,
)
from repcompare.names import MAIN, STARTS
from repcompare.representations.activations_file import ModelActivations, check_same_images
from repcompare.representations.moments import between_units, cross_covariance
from repcompare.representations.pair import Pair
from repcompare.storage.files import require_equal
from repcompare.storage.hdf5 import (
    ModelFile,
    require_same_data,
    require_same_images,
    row_slices,
)
from repcompare.storage.seals import block_origin, made_by
from repcompare.study.blocks import ordered_pairs, unordered_pairs
from repcompare.tables.files import write_table
from repcompare.transfer.evaluation_file import Evaluation


class Files(NamedTuple):
    """The files of one model; `adversarial` is None where the study attacks none."""

    activations: ModelActivations
    features: InputFeatures
    adversarial: AdversarialImages | None

    @property
    def name(self) -> str:
        """`{architecture}/seed{seed}`."""
        return self.activations.name

    @property
    def architecture(self) -> str:
        """Its architecture."""
        return self.activations.architecture


def compare_features(
    features: str | Path,
    *,
    activations: Sequence[str | Path],
    adversarial: Sequence[str | Path],
    inputs: Sequence[str | Path],
    evaluation: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the measures of every pair of a block as a table: see `feature_rows`.

    Args:
        features: the table to write.
        activations: of the block's models; this and the files that follow in the same order.
        adversarial: the models' adversarial images; none where the study attacks none.
        inputs: the models' gradients and inversions, what `stages.extract_features` wrote.
        evaluation: of the block, what `stages.evaluate` wrote.
        dataset: the study's data file.
        settings: `inputs`, as in `stages.train.train`.

    Raises:
        DamagedError: a file is not what was written, or was made by other settings.
        MismatchError: files do not belong together.
    """
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(Dataset(dataset))
        seen = stack.enter_context(Evaluation(evaluation))
        attacked = [stack.enter_context(AdversarialImages(path)) for path in adversarial]
        files = [
            Files(
                stack.enter_context(ModelActivations(of_model)),
                stack.enter_context(InputFeatures(found)),
                attacked[place] if attacked else None,
            )
            for place, (of_model, found) in enumerate(zip(activations, inputs, strict=True))
        ]
        data.require_settings(made_by(settings, "dataset"))
        for of_model in files:
            of_model.activations.require_settings(made_by(settings, "activations"))
            of_model.features.require_settings(made_by(settings, "features"))
            if of_model.adversarial:
                of_model.adversarial.require_settings(made_by(settings, "adversarial"))
        rows = feature_rows(files, seen, data)
        kept = [of_model.activations for of_model in files]
        origin = block_origin({model.name: model.digest for model in kept})
    write_table(features, "blocks/features", rows, origin)


def feature_rows(files: Sequence[Files], evaluation: Evaluation, data: Dataset) -> list[dict]:
    """The measures of every pair of a block.

    One row a pair, measure and `condition`: the ball of the attack, or the start of the inversions.
    Of a directed measure, model_a is the model whose inversions model_b is shown.

    Args:
        files: of each model of the block.
        evaluation: what each makes of the others' inversions.
        data: with the clean images.

    Raises:
        MismatchError: the files are not of these models, or of different images.
    """
    check(files, evaluation)
    architectures = [of_model.architecture for of_model in files]
    attacked = files[0].adversarial
    clean = clean_images(attacked, data) if attacked else None
    rows = []
    for first, second in unordered_pairs(architectures):
        a, b = files[first], files[second]
        rows += [table_row(a, b, *found) for found in symmetric_rows(a, b, clean)]
    for first, second in ordered_pairs(architectures):
        a, b = files[first], files[second]
        rows += [table_row(a, b, *found) for found in directed_rows(a, b, evaluation)]
    return rows


def symmetric_rows(
    a: Files, b: Files, clean: np.ndarray | None
) -> Iterator[tuple[str, str, FeatureRow]]:
    """Measure, condition and row of what has no direction. `clean` as in `perturbation_rows`."""
    yield "gradient_alignment", "", alignment(gradients(a.features, b.features))
    yield "unit_matching", "", matched_units(a.activations, b.activations)
    if a.adversarial and b.adversarial and clean is not None:
        yield from perturbation_rows(a.adversarial, b.adversarial, clean)


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
    """What each changes, (n, C, H, W), in some after others of the images chosen, bool (n,).

    In grey levels: int16, or float32 of images that are not rounded to 8 bits. Changes agree where a
    pixel is black or white, for it can move only one way: it is left out.
    """
    for rows in row_slices(clean.shape, np.float64):
        seen = clean[rows][chosen[rows]].astype(np.int16)
        free = (seen > 0) & (seen < 255)
        one, other = ((each.grey_levels(rows)[chosen[rows]] - seen) * free for each in (a, b))
        yield one, other


def directed_rows(
    a: Files, b: Files, evaluation: Evaluation
) -> Iterator[tuple[str, str, FeatureRow]]:
    """What b makes of images that a cannot tell from the clean ones.

    Of images whose inversions either network found, so that both directions are of the same ones.
    """
    features, others = a.features, b.features
    shown = evaluation.pair(a.name, b.name)
    both = features.correct & others.correct
    for start in STARTS:
        inversions = features.inversions(start)
        found = [one.inversions(start).residual <= one.tolerance for one in (features, others)]
        chosen = both & found[0] & found[1]
        dropped = int(both.sum() - chosen.sum())
        labels = features.labels[chosen]
        seen = shown.representation(start)[chosen]
        own = inversions.representation[chosen]
        yield "stir", start, similarity(others.representation[chosen], seen, labels, dropped)
        yield "inverted_cka", start, similarity(own, seen, labels, dropped)


def table_row(a: Files, b: Files, measure: str, condition: str, row: FeatureRow) -> dict:
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


def check(files: Sequence[Files], evaluation: Evaluation) -> None:
    """Raise MismatchError unless all files are of the block's models, and of the same images."""
    features = [of_model.features for of_model in files]
    adversarial = [of_model.adversarial for of_model in files if of_model.adversarial]
    digests: Mapping[str, str] = evaluation.model_digests
    for of_model in files:
        kinds: list[ModelFile | None] = [*of_model]
        for file in filter(None, kinds):
            shown = evaluation.path, digests.get(of_model.name, "")
            require_equal(f"weights of {of_model.name}", [shown, (file.path, file.model_digest)])
        shown = evaluation.path, evaluation.features_digests[of_model.name]
        made = of_model.features.path, of_model.features.digest
        require_equal(f"inversions of {of_model.name}", [made, shown])
        if of_model.adversarial:
            shown = evaluation.path, evaluation.adversarial_digests[of_model.name]
            made = of_model.adversarial.path, of_model.adversarial.digest
            require_equal(f"adversarial images of {of_model.name}", [made, shown])
    kept = [of_model.activations for of_model in files]
    require_same_data([*kept, *features, *adversarial, evaluation])
    check_same_images(kept)
    require_same_images(features)
    require_same_images(adversarial)
