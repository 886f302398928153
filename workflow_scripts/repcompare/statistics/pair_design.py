"""What is left of values of ordered pairs once sources, targets and other terms have had their part.

By row and column sums: no basis of the pairs is held, so studies of hundreds of models fit.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

# Of the variation of a predictor, the part that is no more than rounding.
ROUNDING = 1e-9

# Effects that cannot be told apart make the normal equations singular: this share of their mean is
# added to the diagonal, and what it leaves behind is taken out in a second pass. A pivot of the
# Cholesky factor below that share is such an effect's.
RIDGE, PIVOT = 1e-11, 1e-7


@dataclass(frozen=True, eq=False)
class PairDesign:
    """Source effects, target effects, an effect of each group of pairs, and further terms.

    `rows`, `columns` (n,) are the places of the pairs that have values among `models`; `group` (n,)
    counts from 0; `terms` (n, k) are centred within groups. `indicators` (2M, n) of their ends and
    `averages` (groups, n) are sparse, `factor` (2M + k)² is the Cholesky factor of the normal
    equations once groups are taken out, and `free` the pairs less the dimension of all of it.
    """

    models: int
    rows: np.ndarray
    columns: np.ndarray
    group: np.ndarray
    terms: np.ndarray
    indicators: sparse.csr_array
    averages: sparse.csr_array
    factor: np.ndarray
    free: int

    @classmethod
    def of(
        cls,
        observed: np.ndarray,
        groups: np.ndarray | None = None,
        terms: np.ndarray | None = None,
        *,
        nodes: bool = True,
    ) -> "PairDesign":
        """From a mask (M, M) of pairs, whose diagonal is never used.

        Args:
            observed: bool (M, M).
            groups: int (M, M), the group of each pair, from 0; None: all are of one.
            terms: (k, M, M).
            nodes: whether sources and targets have effects.
        """
        rows, columns = np.nonzero(observed & ~np.eye(len(observed), dtype=bool))
        return cls.between(
            rows,
            columns,
            len(observed),
            None if groups is None else groups[rows, columns],
            None if terms is None else terms[:, rows, columns].T,
            nodes=nodes,
        )

    @classmethod
    def between(
        cls,
        rows: np.ndarray,
        columns: np.ndarray,
        models: int,
        groups: np.ndarray | None = None,
        terms: np.ndarray | None = None,
        *,
        nodes: bool = True,
    ) -> "PairDesign":
        """From the places (n,) of both ends of each pair, groups (n,) from 0 and terms (n, k)."""
        n = len(rows)
        labels = np.zeros(n, np.intp) if groups is None else groups
        # Numbers from 0 without gaps, in order, and without sorting.
        sizes = np.bincount(labels)
        group = (np.cumsum(sizes > 0) - 1)[labels]
        sizes = sizes[sizes > 0]
        averages = sparse.csr_array((1 / sizes[group], (group, np.arange(n))), (len(sizes), n))
        effects = 2 * models if nodes else 0
        ends = np.concatenate([rows, models + columns])[: n * bool(nodes) * 2]
        places = np.tile(np.arange(n), 2)[: len(ends)]
        indicators = sparse.csr_array((np.ones(len(ends)), (ends, places)), (effects, n))
        centred = np.empty((n, 0))
        if terms is not None and n:
            centred = terms - (averages @ terms)[group]
            length = np.linalg.norm(centred, axis=0)
            varies = length > ROUNDING * np.abs(terms).max(axis=0) * np.sqrt(n)
            # As long as the column of a model's effect, so that their pivots can be compared.
            centred = centred[:, varies] / length[varies] * np.sqrt(n / models)
        # Of every effect and group how many pairs: what taking out the groups takes from the sums.
        count = effects * len(sizes)
        counts = np.bincount(ends * len(sizes) + group[places], minlength=count)
        shared = counts.reshape(effects, len(sizes)) / np.sqrt(sizes)
        among = -shared @ shared.T
        if nodes:
            both = np.bincount(rows * models + columns, minlength=models**2)
            both = both.reshape(models, models)
            among[:models, models:] += both
            among[models:, :models] += both.T
            among[np.diag_indices(effects)] += np.concatenate([both.sum(axis=1), both.sum(axis=0)])
        mixed = indicators @ centred
        normal = np.block([[among, mixed], [mixed.T, centred.T @ centred]])
        size = len(normal)
        mean = np.trace(normal) / max(size, 1) or 1.0
        factor = linalg.cholesky(normal + RIDGE * mean * np.eye(size), lower=True)
        rank = int((np.diag(factor) ** 2 > PIVOT * mean).sum())
        free = n - len(sizes) - rank
        return cls(models, rows, columns, group, centred, indicators, averages, factor, free)

    @property
    def observed(self) -> np.ndarray:
        """Bool (M, M): the pairs that it is of."""
        pairs = np.zeros((self.models, self.models), bool)
        pairs[self.rows, self.columns] = True
        return pairs

    def residual(self, matrix: np.ndarray) -> np.ndarray:
        """What the terms leave of a matrix (M, M) on its pairs, (n,); rounding is an exact 0."""
        return self.left_of(matrix[self.rows, self.columns])

    def left_of(self, values: np.ndarray) -> np.ndarray:
        """What the terms leave of values (n,) or (n, k) of the pairs; rounding is an exact 0."""
        if not len(values):
            return values
        left = values - columns_first(values).mean(axis=-1)
        for _ in range(2):
            left = left - self._group_means(left)
            fitted = self._fitted(self._solved(self._sums(left)))
            left = left - fitted + self._group_means(fitted)
        scale = ROUNDING * np.abs(columns_first(values)).max(axis=-1)
        return np.where(np.abs(columns_first(left)).max(axis=-1) <= scale, 0.0, left)

    def effects(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The effects of sources and of targets on values (n,) or (n, k) of the pairs, about 0.

        (M,) or (M, k) each.
        """
        found = self._solved(self._sums(values - self._group_means(values)))
        source, target = found[: self.models], found[self.models : 2 * self.models]
        return source - source.mean(axis=0), target - target.mean(axis=0)

    def taken_out(self, values: np.ndarray) -> np.ndarray:
        """The sum of squares that the terms take out of each column of values (n, B), (B,)."""
        means = self._group_means(values)
        sums = self._sums(values - means)
        return (means**2).sum(axis=0) + (sums * self._solved(sums)).sum(axis=0)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        return np.concatenate([self.indicators @ values, self.terms.T @ values])

    def _solved(self, sums: np.ndarray) -> np.ndarray:
        return linalg.cho_solve((self.factor, True), sums) if len(sums) else sums

    def _fitted(self, effects: np.ndarray) -> np.ndarray:
        of_nodes, of_terms = np.split(effects, [self.indicators.shape[0]])
        return self.indicators.T @ of_nodes + self.terms @ of_terms

    def _group_means(self, values: np.ndarray) -> np.ndarray:
        means = self.averages @ values
        return means[self.group] if len(means) > 1 else np.broadcast_to(means, values.shape)


def columns_first(values: np.ndarray) -> np.ndarray:
    """Values (n,) or (n, k) as (n,) or (k, n): NumPy reduces few long columns slowly as they lie."""
    return np.ascontiguousarray(values.T)
