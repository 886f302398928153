"""The figures that the study's tables give, in the order of the page.

To add one, write a function of its name that takes tables and returns a matplotlib figure, give it a
row here and a caption in `report/captions`. Read while the workflow is parsed: the modules that draw
are named, not imported.
"""

from typing import NamedTuple


class Drawn(NamedTuple):
    """The section of the report that a figure stands in, the module that draws it, and its tables.

    `tables` are in the order of the function's arguments; `similarities` is geometry.csv as
    `tables.geometry.similarities` reads it, and `strength` that at which transfer is read, None in
    a study without attacks.
    """

    section: str
    module: str
    tables: tuple[str, ...]

    @property
    def needs(self) -> set[str]:
        """The tables without which a study does not draw it."""
        return {DERIVED.get(name, name) for name in self.tables} - {""}


# What is not a table of its own, and the table that it needs.
DERIVED = {"similarities": "geometry", "strength": ""}


FIGURES = {
    "specifications": Drawn("Findings", "specifications", ("specifications",)),
    "accuracies": Drawn("Models", "accuracies", ("models",)),
    "stitched_accuracy": Drawn("Linear maps", "heatmaps", ("maps",)),
    "held_out_r2": Drawn("Linear maps", "heatmaps", ("maps",)),
    "maps_by_family": Drawn("Linear maps", "maps", ("maps", "controls")),
    "similarity": Drawn("Geometry", "heatmaps", ("similarities",)),
    "model_map": Drawn("Geometry", "model_map", ("similarities",)),
    "measures_and_nulls": Drawn("Geometry", "geometry", ("similarities",)),
    "same_and_cross_architecture": Drawn("Geometry", "geometry", ("similarities",)),
    "convergence": Drawn("Geometry", "geometry", ("convergence",)),
    "similarity_by_layer": Drawn("Geometry", "geometry", ("geometry",)),
    "layer_similarity": Drawn("Geometry", "heatmaps", ("geometry",)),
    "adversarial_transfer": Drawn("Adversarial transfer", "heatmaps", ("transfer",)),
    "epsilon_curves": Drawn("Adversarial transfer", "attacks", ("transfer", "attacks")),
    "attack_checks": Drawn("Adversarial transfer", "attacks", ("attack_steps", "attack_growth")),
    "geometry_against_transfer": Drawn(
        "Adversarial transfer", "geometry_against_transfer", ("similarities", "transfer")
    ),
    "feature_similarity": Drawn("Input features", "heatmaps", ("features", "strength")),
    "features_by_kind": Drawn("Input features", "features", ("features", "strength")),
    "features_against_geometry": Drawn(
        "Input features", "features", ("features", "similarities", "strength")
    ),
}
