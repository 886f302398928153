"""The four findings tested on a study's tables: the rows of findings.csv."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from repcompare.findings.linear import linear_rows
from repcompare.findings.model_matrices import Models, by_measure
from repcompare.findings.retraining import geometry_rows, spread_of_pairs
from repcompare.findings.rows import Resampling, as_table
from repcompare.findings.transfer import transfer_rows
from repcompare.findings.verdicts import geometry_verdicts, linear_verdict, transfer_verdict
from repcompare.transfer.outcomes import ImageOutcomes
from repcompare.transfer.reference import Strength, reference_attack


def findings_table(
    tables: Mapping[str, pd.DataFrame],
    outcomes: Callable[[Strength, Sequence[str]], ImageOutcomes],
    resampling: Resampling,
) -> pd.DataFrame:
    """findings.csv: every test of every finding, a verdict in the first row of each finding.

    Args:
        tables: `models`, `maps`, `controls`, `transfer` as in the CSV files, `geometry` as
            `tables.geometry.similarities` reads it.
        outcomes: reads the images' outcomes at one strength for models by name.
    """
    models = Models.of(tables["models"])
    geometry, transfer = tables["geometry"], tables["transfer"]
    attack = reference_attack(transfer)
    linear = linear_rows(models, tables["maps"], tables["controls"], resampling)
    retraining, exception = geometry_rows(models, geometry, resampling)
    matrices = by_measure(models, geometry)
    deviations = {name: spread_of_pairs(models, x) for name, x in matrices.items()}
    transferred = []
    if attack is not None and len(geometry):
        transferred = transfer_rows(
            models,
            geometry,
            transfer,
            attack,
            outcomes(attack, models.names),
            resampling,
        )
    retraining, exception = geometry_verdicts(retraining, exception, deviations)
    return as_table(
        [*linear_verdict(linear), *retraining, *exception, *transfer_verdict(transferred)]
    )
