"""The rule `judge_findings`: every test of every finding, its effect, interval and p, and the verdicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repcompare.findings.rows import Resampling
from repcompare.findings.table import findings_tables
from repcompare.storage.seals import origin_of
from repcompare.tables.files import read_tables, write_table
from repcompare.tables.geometry import similarities
from repcompare.transfer.reference import READ


def judge_findings(
    findings: str | Path,
    specifications: str | Path,
    *,
    tables: Mapping[str, str | Path],
    settings: Mapping[str, Any],
) -> None:
    """Test the findings and write them as a table, and another of the verdicts by other choices.

    Args:
        findings, specifications: the tables to write.
        tables: `models`, and `controls`, `maps`, `geometry` and `transfer` as far as the study has them.
        settings: `statistics`, the keys of `findings.rows.Resampling`, and `network_families`, the
            family of each architecture.
    """
    read, origin = read_tables(tables, READ), origin_of(tables["models"])
    if "geometry" in read:
        read["geometry"] = similarities(read["geometry"])
    found, others = findings_tables(
        read, settings["network_families"], Resampling(**settings["statistics"])
    )
    write_table(findings, "findings", found, origin)
    write_table(specifications, "specifications", others, origin)
