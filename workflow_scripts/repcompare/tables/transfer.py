"""transfer.csv, made from the answers that every block stored."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from repcompare.attacks.adversarial_file import AdversarialImages, Condition
from repcompare.storage.files import MismatchError, require_equal
from repcompare.transfer.evaluation_file import Evaluation, TargetAnswers
from repcompare.transfer.rates import PairAnswers, rates
from repcompare.vocabulary import DENOMINATORS, architecture_of


def transfer_tables(
    evaluations: Iterable[str | Path], adversarial: Sequence[str | Path]
) -> Iterator[pd.DataFrame]:
    """One table a block, one row an ordered pair, condition and denominator; read when asked.

    Raises:
        MismatchError: a block was made from other images than the models of the study have.
    """
    sources = {}
    for path in adversarial:
        with AdversarialImages(path) as file:
            sources[file.name] = SourceAnswers.of(file)
    first = next(iter(sources.values()))
    for source in sources.values():
        if not np.array_equal(source.ids, first.ids):
            raise MismatchError(f"{source.path} and {first.path} hold different images")
    labels = first.labels
    all_correct = np.all([source.clean == labels for source in sources.values()], axis=0)
    for path in evaluations:
        rows = []
        with Evaluation(path) as file:
            for name, digest in file.adversarial_digests.items():
                made_from = sources[name].path, sources[name].digest
                require_equal(f"adversarial images of {name}", [made_from, (path, digest)])
            for answers in file.pairs():
                rows += pair_rows(answers, sources[answers.source], labels, all_correct)
        yield pd.DataFrame(rows)


class SourceAnswers(NamedTuple):
    """What an attacked model answers to its own images, clean and `perturbed` by condition."""

    path: Path
    digest: str
    ids: np.ndarray
    labels: np.ndarray
    clean: np.ndarray
    conditions: dict[str, Condition]
    perturbed: dict[str, np.ndarray]

    @classmethod
    def of(cls, file: AdversarialImages) -> "SourceAnswers":
        """Read them."""
        attacks = file.attacks
        return cls(
            file.path,
            file.digest,
            file.ids,
            file.labels,
            file.clean_prediction,
            {name: attack.condition for name, attack in attacks.items()},
            {name: attack.prediction for name, attack in attacks.items()},
        )


def pair_rows(
    target: TargetAnswers, source: SourceAnswers, labels: np.ndarray, all_correct: np.ndarray
) -> list[dict]:
    """The rows of one ordered pair."""
    names = {
        "source": target.source,
        "target": target.target,
        "source_architecture": architecture_of(target.source),
        "target_architecture": architecture_of(target.target),
    }
    clean_prediction, clean_margin = target.clean_prediction, target.clean_margin
    rows = []
    for condition in target.conditions:
        pair = PairAnswers(
            labels,
            all_correct,
            source.clean,
            source.perturbed[condition],
            clean_prediction,
            target.prediction(condition),
            clean_margin,
            target.margin(condition),
        )
        rows += [
            {
                **names,
                **source.conditions[condition]._asdict(),
                "denominator": denominator,
                **rates(pair, denominator),
            }
            for denominator in DENOMINATORS
        ]
    return rows
