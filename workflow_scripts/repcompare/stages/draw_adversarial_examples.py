"""The rule `draw_adversarial_examples`: a few images of a few models, and what fools them."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.figures.adversarial_examples import Examples, adversarial_examples
from repcompare.figures.style import save
from repcompare.names import MAIN
from repcompare.storage.hdf5 import require_same_data, require_same_images
from repcompare.storage.seals import made_by
from repcompare.tables.files import read_table
from repcompare.transfer.reference import Strength, reference_attack


def draw_adversarial_examples(
    svg: str | Path,
    png: str | Path,
    *,
    adversarial: Sequence[str | Path],
    transfer: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
) -> None:
    """Draw the examples of the attack that the report's other figures show.

    Args:
        svg: the figure to write.
        png: the same as PNG.
        adversarial: of the models that are shown.
        transfer: the study's table of transfer.
        dataset: the study's data file.
        settings: `examples`, how many images; and `inputs`, as in `stages.train.train`.
    """
    attack = reference_attack(read_table(transfer))
    with Dataset(dataset) as data:
        clean, labels, examples = read_examples(
            adversarial, data, attack, settings["examples"], made_by(settings, "adversarial")
        )
        class_names = data.class_names
    save(adversarial_examples(clean, labels, class_names, examples, attack), svg, png)


def read_examples(
    paths: Sequence[str | Path],
    data: Dataset,
    attack: Strength | None,
    count: int,
    settings: Mapping[str, Any] | None = None,
) -> tuple[np.ndarray, np.ndarray, dict[str, Examples]]:
    """Clean images uint8 (n, C, H, W), labels int (n,), and each model's examples of them.

    The first `count` images that every model classifies correctly; none of them without an
    attack. `paths`: the models' adversarial.h5, made from `data` by `settings`, if they are given.

    Raises:
        MismatchError: the files do not hold the same images.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(AdversarialImages(path)) for path in paths]
        for file in files:
            file.require_settings(settings or {})
        require_same_data([*files, data])
        require_same_images(files)
        correct = np.all([file.correct for file in files], axis=0)
        chosen = np.flatnonzero(correct)[: count if attack else 0]
        examples = {}
        for file in files:
            for stored in file.attacks.values():
                found = stored.condition
                if (
                    attack
                    and (found.attack, found.norm) == (MAIN, attack.norm)
                    and np.isclose(found.epsilon, attack.epsilon)
                ):
                    examples[file.name] = Examples(
                        stored.grey_levels(chosen), stored.prediction[chosen]
                    )
        return clean_images(files[0], data)[chosen], files[0].labels[chosen], examples
