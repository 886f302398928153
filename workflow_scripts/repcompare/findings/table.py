"""The four findings tested on a study's tables: the rows of findings.csv."""

from collections.abc import Mapping

import pandas as pd

from repcompare.findings.linear import linear_rows
from repcompare.findings.model_matrices import Models, by_measure
from repcompare.findings.retraining import geometry_rows, margin
from repcompare.findings.rows import Resampling, Row, as_table
from repcompare.findings.rules import RULES
from repcompare.findings.specifications import Counts, agreement, specifications_table
from repcompare.findings.transfer import transfer_rows
from repcompare.findings.verdicts import (
    geometry_verdicts,
    linear_verdict,
    not_asked,
    transfer_verdict,
)
from repcompare.transfer.reference import reference_attack
from repcompare.vocabulary import FINDINGS

# The sections of the config that findings need, and the table by which it is seen that one was asked.
TABLES = {"maps": "maps", "geometry": "geometry", "attack": "transfer"}


def findings_tables(
    tables: Mapping[str, pd.DataFrame], families: Mapping[str, str], resampling: Resampling
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """findings.csv and specifications.csv.

    The first has every test of every finding, a verdict in the first row of each finding; the second
    how each verdict fares by other choices.

    Args:
        tables: `models`, `maps`, `controls`, `transfer` as in the CSV files, `geometry` as
            `tables.geometry.similarities` reads it; those that the study asks for.
        families: of each architecture, the kind of network that it is of.
    """
    rows = tested(tables, families, resampling)
    specifications = specifications_table(tables, families, {name: rows[name][0] for name in rows})
    counts = agreement(specifications)
    for finding, (decided, *others) in rows.items():
        rows[finding] = [decided._replace(**counts.get(finding, Counts())._asdict()), *others]
    return as_table([row for finding in FINDINGS for row in rows[finding]]), specifications


def tested(
    tables: Mapping[str, pd.DataFrame], families: Mapping[str, str], resampling: Resampling
) -> dict[str, list[Row]]:
    """The rows of every finding, the one that decides first; arguments as for `findings_tables`."""
    models = Models.of(tables["models"], families)
    asked = {section for section, table in TABLES.items() if table in tables}
    rows = {
        finding: [not_asked(finding, sorted({*rule.needs} - asked))]
        for finding, rule in RULES.items()
        if not asked.issuperset(rule.needs)
    }
    if "linear" not in rows:
        found = linear_rows(models, tables["maps"], tables["controls"])
        rows["linear"] = linear_verdict(found)
    if "retraining" not in rows:
        geometry = tables["geometry"]
        retraining, exception = geometry_rows(models, geometry, resampling)
        margins = {name: margin(models, x) for name, x in by_measure(models, geometry).items()}
        verdicts = geometry_verdicts(retraining, exception, margins)
        rows["retraining"], rows["exception"] = verdicts
    if "transfer" not in rows:
        geometry, transfer = tables["geometry"], tables["transfer"]
        attack, found = reference_attack(transfer), []
        if attack is not None and len(geometry):
            found = transfer_rows(models, geometry, transfer, attack, resampling)
        rows["transfer"] = transfer_verdict(found)
    return rows
