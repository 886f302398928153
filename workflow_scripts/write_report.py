"""Write the study's report page."""

import json

from repcompare.stages.write_report import write_report
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    tables = dict(snakemake.input.items())
    figures, dataset = tables.pop("figures"), tables.pop("dataset")
    write_report(
        snakemake.output.page,
        tables=tables,
        figures=figures,
        dataset=dataset,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
