"""The rule `write_report`: tables, figures, config and provenance in one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from repcompare.data.dataset_file import Dataset
from repcompare.report.costs import read_costs
from repcompare.report.page import PAGE, read_figures, render_report
from repcompare.storage.files import replacing
from repcompare.storage.seals import made_by
from repcompare.tables.files import read_tables
from repcompare.tables.geometry import similarities


def write_report(
    page: str | Path,
    *,
    tables: Mapping[str, str | Path],
    figures: Sequence[str | Path],
    dataset: str | Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the study's report page.

    Args:
        page: the HTML file to write.
        tables: the study's tables by name, those that it asks for.
        figures: the SVG files of the study's figures.
        dataset: the study's data file.
        settings: `config`, that of the study, and `benchmarks`, the folder with the jobs' costs; and
            `inputs`, as in `stages.train.train`.
    """
    read = read_tables(tables)
    if "geometry" in read:
        read["layers_geometry"] = read["geometry"]
        read["geometry"] = similarities(read["geometry"])
    read["costs"] = read_costs(sorted(Path(settings["benchmarks"]).rglob("*.tsv")))
    drawn = read_figures(figures, (PAGE / "captions").glob("*.rst"))
    with Dataset(dataset) as data:
        data.require_settings(made_by(settings, "dataset"))
        images = {
            "class_names": data.class_names,
            "image_shape": data.image_shape if data.has_images else None,
            "samples": data.sizes,
        }
        versions, digests = data.versions, {"data": data.digest}
    study = settings["config"]
    text = render_report(
        PAGE / "template.html.j2",
        read,
        drawn,
        {"config": study, "dataset": images},
        {
            "config_yaml": yaml.safe_dump(study, sort_keys=False),
            "command": "snakemake --cores all --configfile <the config below>",
            "versions": versions,
            "digests": digests,
        },
    )
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
