"""Test the study's findings: every test, its effect, interval and p, and the verdicts."""

import json

from repcompare.stages.judge_findings import judge_findings
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    judge_findings(
        snakemake.output.findings,
        snakemake.output.specifications,
        tables=dict(snakemake.input.items()),
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
