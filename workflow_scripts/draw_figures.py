"""Draw the figures that the study's tables give."""

from pathlib import Path

from repcompare.figures import attacks as attack_figures
from repcompare.figures import features as feature_figures
from repcompare.figures import geometry as geometry_figures
from repcompare.figures import geometry_against_transfer as figures
from repcompare.figures import heatmaps, model_map
from repcompare.figures import maps as map_figures
from repcompare.figures.accuracies import accuracies
from repcompare.figures.style import save
from repcompare.storage.logs import logging_to
from repcompare.storage.tables import read_table
from repcompare.tables.geometry import similarities

# What draws each figure, and from which tables.
DRAWN = {
    "accuracies": (accuracies, ["models"]),
    "stitched_accuracy": (heatmaps.stitched_accuracy, ["maps"]),
    "held_out_r2": (heatmaps.held_out_r2, ["maps"]),
    "maps_by_family": (map_figures.maps_by_family, ["maps", "controls"]),
    "similarity": (heatmaps.similarity, ["similarities"]),
    "model_map": (model_map.model_map, ["similarities"]),
    "measures_and_nulls": (geometry_figures.measures_and_nulls, ["similarities"]),
    "same_and_cross_architecture": (
        geometry_figures.same_and_cross_architecture,
        ["similarities"],
    ),
    "convergence": (geometry_figures.convergence, ["convergence"]),
    "similarity_by_layer": (geometry_figures.similarity_by_layer, ["geometry"]),
    "layer_similarity": (heatmaps.layer_similarity, ["geometry"]),
    "adversarial_transfer": (heatmaps.adversarial_transfer, ["transfer"]),
    "epsilon_curves": (attack_figures.epsilon_curves, ["transfer", "attacks"]),
    "attack_checks": (attack_figures.attack_checks, ["attack_steps", "attack_growth"]),
    "feature_similarity": (heatmaps.feature_similarity, ["features", "transfer"]),
    "features_by_kind": (feature_figures.features_by_kind, ["features", "transfer"]),
    "features_against_geometry": (
        feature_figures.features_against_geometry,
        ["features", "similarities", "transfer"],
    ),
    "geometry_against_transfer": (
        figures.geometry_against_transfer,
        ["similarities", "transfer"],
    ),
}


def main(snakemake) -> None:
    """Draw each figure as SVG and PNG."""
    tables = {name: read_table(path) for name, path in snakemake.input.items()}
    tables["similarities"] = similarities(tables["geometry"])
    for svg, png in zip(snakemake.output.svg, snakemake.output.png, strict=True):
        draw, names = DRAWN[Path(svg).stem]
        save(draw(*(tables[name] for name in names)), svg, png)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
