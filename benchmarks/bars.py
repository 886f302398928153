"""The last table of `make bench`: every bar, the worst figure that was measured, met or not."""

import json
import os
from pathlib import Path

from timing import BARS, print_table


def main() -> None:
    """Print the bars that the benchmarks before kept."""
    lines = Path(os.environ[BARS]).read_text(encoding="utf-8").splitlines()
    rows = [
        [
            row["what"],
            row["bar"],
            f"{row['figure']:.3g}",
            row["worst"],
            "yes" if row["met"] else "no",
        ]
        for row in map(json.loads, lines)
    ]
    header = ["what", "bar", "worst figure", "of", "met"]
    print_table(f"{sum(row[-1] == 'yes' for row in rows)} of {len(rows)} bars met", header, rows)


if __name__ == "__main__":
    main()
