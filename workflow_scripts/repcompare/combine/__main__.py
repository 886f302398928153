"""What several finished studies found, side by side and pooled: one HTML page and two tables.

Finished results are read, and nothing of the studies is computed. The folder then has `combined.html`,
`combined.csv` (the verdict of every study on every finding) and `pooled.csv` (the effects that are the
same quantity in every study, joined).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from repcompare.combine.joined import CombineError, combined, read_findings, shared_architectures
from repcompare.combine.page import render_page
from repcompare.storage.files import replacing
from repcompare.storage.seals import file_digest
from repcompare.tables.files import write_table
from repcompare.tables.schema import TABLES

RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> None:
    """Join studies."""
    parser = argparse.ArgumentParser("python -m repcompare.combine", description=__doc__)
    parser.add_argument(
        "studies",
        nargs="+",
        metavar="STUDY",
        help="the folder of a finished study, its findings.csv, or its name below results/",
    )
    parser.add_argument("--to", type=Path, default=RESULTS / "combined", help="a folder")
    options = parser.parse_args(arguments)
    try:
        if options.to.exists() and not options.to.is_dir():
            raise CombineError(f"{options.to} is no folder: name another")
        files = findings_files(options.studies)
        studies = {name: read_findings(path) for name, path in files.items()}
    except CombineError as error:
        sys.exit(str(error))
    rows, pooled = combined(studies)
    page = render_page(rows, pooled, shared_architectures(studies))
    write_table(options.to / "combined.csv", "combined/combined", rows)
    write_table(options.to / "pooled.csv", "combined/pooled", pooled)
    with replacing(options.to / "combined.html") as path:
        path.write_text(page, encoding="utf-8")
    print(options.to / "combined.html")


def findings_files(given: Sequence[str]) -> dict[str, Path]:
    """The findings.csv of each study, by the name of its folder, or as it was given if those are alike.

    Raises:
        CombineError: a file is missing, two are the same, or there is one study alone.
    """
    files = {text: findings_file(text) for text in given}
    by_digest: dict[str, str] = {}
    for text in given:
        other = by_digest.setdefault(file_digest(files[text]), text)
        if other != text:
            raise CombineError(f"{other} and {text} have the same findings: name each study once")
    if len(files) < 2:
        raise CombineError(f"one study alone, {given[0]}: name two or more")
    names = [study_name(path) for path in files.values()]
    return dict(zip(names if len({*names}) == len(names) else given, files.values(), strict=True))


def findings_file(text: str) -> Path:
    """The findings.csv of a study that is given as a file, as a folder or by its name."""
    if Path(text).is_file():
        return Path(text)
    tried = [folder / TABLES["findings"].path for folder in (Path(text), RESULTS / text)]
    for path in tried:
        if path.is_file():
            return path
    raise CombineError(
        f"{text}: there is neither {' nor '.join(map(str, tried))}; name the folder of a finished "
        "study, its tables/findings.csv, or its name below results/"
    )


def study_name(path: Path) -> str:
    """What a study is called: the folder that its `tables` lie in, or that of the file."""
    folder = path.resolve().parent
    return folder.parent.name if folder.name == "tables" else folder.name


if __name__ == "__main__":
    main()
