"""What a call of the workflow ends with: where the page is, what was found, how long it took."""

import csv
from pathlib import Path


def conclusion(page: Path, findings: Path, seconds: float) -> str:
    """One line; of a study whose page or table of findings is not here, the time alone."""
    minutes, rest = divmod(round(seconds), 60)
    time = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    if not (page.is_file() and findings.is_file()):
        return f"Done in {time}."
    with findings.open(encoding="utf-8", newline="") as file:
        verdicts = [
            f"{row['finding']} {row['verdict']}" for row in csv.DictReader(file) if row["verdict"]
        ]
    return f"{page}: {', '.join(verdicts)}. {time[0].upper()}{time[1:]}."
