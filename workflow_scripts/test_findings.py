"""Test the study's findings: every test, its effect, interval and p, and the verdicts."""

import json

from repcompare.findings.rows import Resampling
from repcompare.findings.table import findings_table
from repcompare.storage.logs import logging_to
from repcompare.storage.tables import read_table, write_table
from repcompare.tables.geometry import similarities
from repcompare.transfer.outcomes import read_outcomes

TABLES = ("models", "controls", "maps", "geometry", "transfer")


def main(snakemake) -> None:
    """Read the tables, test, and write findings.csv."""
    settings = json.loads(snakemake.params.settings)
    tables = {name: read_table(snakemake.input[name]) for name in TABLES}
    tables["geometry"] = similarities(tables["geometry"])
    found = findings_table(
        tables,
        lambda attack, names: read_outcomes(snakemake.input.outcomes, names, attack),
        Resampling(**settings["statistics"]),
    )
    write_table(snakemake.output.findings, found)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
