"""The rule `judge_findings`: every test of every finding, its effect, interval and p, and the verdicts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repcompare.findings.rows import Resampling
from repcompare.findings.table import findings_table
from repcompare.tables.files import read_table, write_table
from repcompare.tables.geometry import similarities
from repcompare.transfer.outcomes import read_outcomes


def judge_findings(
    findings: str | Path,
    *,
    tables: Mapping[str, str | Path],
    transfer: Sequence[str | Path],
    settings: Mapping[str, Any],
) -> None:
    """Test the findings and write them as a table.

    Args:
        findings: the table to write.
        tables: `models`, and `controls`, `maps`, `geometry` and `transfer` as far as the study has them.
        transfer: what `stages.evaluate` wrote of each block.
        settings: `statistics`, the keys of `findings.rows.Resampling`.
    """
    read = {name: read_table(path) for name, path in tables.items()}
    if "geometry" in read:
        read["geometry"] = similarities(read["geometry"])
    found = findings_table(
        read,
        lambda attack, names: read_outcomes(transfer, names, attack),
        Resampling(**settings["statistics"]),
    )
    write_table(findings, "findings", found)
