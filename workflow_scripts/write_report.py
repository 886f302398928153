"""Write the study's report page."""

import json
from pathlib import Path

import h5py
import yaml

from repcompare.report.costs import read_costs
from repcompare.report.page import PAGE, read_figures, render_report
from repcompare.storage.files import replacing
from repcompare.storage.logs import logging_to
from repcompare.storage.tables import read_table
from repcompare.tables.geometry import similarities

TABLES = (
    "models",
    "controls",
    "maps",
    "class_accuracies",
    "geometry",
    "transfer",
    "pairs",
    "features",
    "nonrobust",
    "attacks",
    "attack_steps",
    "attack_growth",
    "findings",
)


def main(snakemake) -> None:
    """Render tables, figures, config and provenance into one page."""
    settings = json.loads(snakemake.params.settings)
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name in TABLES}
    tables["layers_geometry"] = tables["geometry"]
    tables["geometry"] = similarities(tables["geometry"])
    tables["costs"] = read_costs(sorted(Path(settings["benchmarks"]).rglob("*.tsv")))
    figures = read_figures(snakemake.input.figures, (PAGE / "captions").glob("*.rst"))
    with h5py.File(snakemake.input.dataset) as file:
        dataset = {
            "class_names": list(file.attrs["class_names"]),
            "image_shape": file["train/images"].shape[1:],
            "samples": {split: len(group["ids"]) for split, group in file.items()},
        }
        versions = json.loads(file.attrs["versions"])
        digests = {"data": file.attrs["digest"]}
    study = settings["config"]
    page = render_report(
        PAGE / "template.html.j2",
        tables,
        figures,
        {"config": study, "dataset": dataset},
        {
            "config_yaml": yaml.safe_dump(study, sort_keys=False),
            "command": "snakemake --cores all --configfile <the config below>",
            "versions": versions,
            "digests": digests,
        },
    )
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
