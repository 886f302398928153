"""What happened to every attacked image for every pair of models, from the blocks' evaluations."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from repcompare.storage.files import MismatchError
from repcompare.transfer.evaluation_file import Evaluation
from repcompare.transfer.rates import empirical_logit
from repcompare.transfer.reference import Strength


class ImageOutcomes(NamedTuple):
    """Per ordered pair and image, in the order of a study's models; n images.

    `rows`, `columns` (P,) are the places of source and target; `counted` (P, n) the images that
    both classify correctly, `fooled` (P, n) those of them on which the target is fooled.
    """

    rows: np.ndarray
    columns: np.ndarray
    counted: np.ndarray
    fooled: np.ndarray

    def logits(self, weights: np.ndarray, models: int) -> np.ndarray:
        """The empirical logit of transfer in studies of resampled images, (B, M, M).

        `weights` (B, n) says how often each image is in each. NaN for a pair that is not here or
        has no image left.
        """
        logits = np.full((len(weights), models, models), np.nan)
        n, count = (weights @ each.T.astype(np.float32) for each in (self.counted, self.fooled))
        found = np.where(n > 0, empirical_logit(count, n), np.nan)
        logits[:, self.rows, self.columns] = found
        return logits


def read_outcomes(
    paths: Sequence[str | Path], names: Sequence[str], attack: Strength
) -> ImageOutcomes:
    """The outcomes of PGD at one strength, for pairs of the models in `names`.

    Raises:
        MismatchError: two blocks attack different images.
    """
    places = {name: place for place, name in enumerate(names)}
    condition = f"pgd-{attack.norm}-{attack.epsilon_label.replace('/', '_')}"
    pairs, counted, fooled = [], [], []
    first = None
    for path in paths:
        with Evaluation(path) as file:
            ids, labels = file.ids, file.labels
            if first is None:
                first = path, ids
            elif not np.array_equal(ids, first[1]):
                raise MismatchError(f"{path} and {first[0]} hold different images")
            # Every model of a block is a target in it.
            found = list(file.pairs())
            correct = {pair.target: pair.clean_prediction == labels for pair in found}
            for pair in found:
                if pair.source in places and pair.target in places:
                    both = correct[pair.source] & correct[pair.target]
                    pairs.append((places[pair.source], places[pair.target]))
                    counted.append(both)
                    fooled.append(both & (pair.prediction(condition) != labels))
    rows, columns = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    images = 0 if first is None else len(first[1])
    shape = (len(pairs), images)
    return ImageOutcomes(
        rows, columns, np.array(counted, bool).reshape(shape), np.array(fooled, bool).reshape(shape)
    )
