"""The rule `describe`: the layers of one model, and maps to it from what has learnt nothing.

Maps from the raw pixels and from the network before its training are controls: "linearly related"
must mean more than that both representations hold the labels, or the image.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.data.dataset_file import Dataset
from repcompare.maps.families import fit_maps
from repcompare.maps.pixels import Pixels
from repcompare.maps.scores import PairMoments, class_floor, score_columns, score_map
from repcompare.names import UNTRAINED
from repcompare.representations.activations_file import ModelActivations
from repcompare.representations.moments import (
    Rows,
    cross_covariance,
    diagonalise,
    factorise,
    weighted_class_means,
)
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.storage.files import MismatchError
from repcompare.storage.hdf5 import require_same_data
from repcompare.storage.seals import made_by
from repcompare.tables.files import write_table


def describe(
    layers: str | Path,
    controls: str | Path | None = None,
    *,
    activations: str | Path,
    dataset: str | Path,
    record: str | Path | None = None,
    settings: Mapping[str, Any],
) -> None:
    """Write one row a layer, and one row a control and family of maps to the representation.

    Args:
        layers: the table of layers to write.
        controls: the table of controls to write; None where no maps are asked for.
        activations: of the model.
        dataset: the study's data file.
        record: of the model, whose weights the activations must be of; None: of any.
        settings: `families` of maps; and `inputs`, as in `stages.train.train`.

    Raises:
        MismatchError: the activations are not of this model, or not of the images of this data file.
    """
    with ModelActivations(activations) as model, Dataset(dataset) as data:
        model.require_settings(made_by(settings, "activations"))
        if record is not None:
            model.require_record(record, made_by(settings, "network"))
        require_same_data([model, data])
        write_table(layers, "models/layers", list(layer_rows(model)))
        if controls is not None:
            rows = control_rows(model, data, settings["families"])
            write_table(controls, "models/controls", list(rows))


def layer_rows(model: ModelActivations) -> Iterator[dict]:
    """Rows of layers.csv: sizes, ranks and dead units on the test split."""
    for name in model.layers:
        layer = model.layer(name)
        found, dead_units = diagonalise(layer.moments), model.dead_units(name)
        width = layer.flattened or found.width
        yield {
            "model": model.name,
            "architecture": model.architecture,
            "layer": name,
            "n": found.n,
            "d": width,
            "n_over_d": found.n / width,
            "rank": found.rank,
            "effective_rank": found.effective_rank,
            "dead_units": found.dead_units if dead_units is None else dead_units,
            "precision": model.precision,
            "digest": model.digest,
        }


def control_rows(model: ModelActivations, data: Dataset, families: Sequence[str]) -> Iterator[dict]:
    """Rows of controls.csv, one control in memory at a time."""
    for control, fit_rows, test_rows in controls(model, data):
        for columns in mapped(model, fit_rows, test_rows, families):
            yield {
                "control": control,
                "model": model.name,
                "architecture": model.architecture,
                "digest": model.digest,
                **columns,
            }


def mapped(
    model: ModelActivations, fit_rows: Rows, test_rows: Rows, families: Sequence[str]
) -> Iterator[dict]:
    """What a table says of each family's map from rows of both splits to the representation."""
    source = factorise(fit_rows)
    cross = cross_covariance(fit_rows, source, model.fit_rows, model.fit)
    maps = fit_maps(source, model.fit, cross, families, fit_rows, model.fit_rows)
    fit = PairMoments(source, model.fit, cross)
    test = Pair.of(Representation.of(test_rows, model.test_labels, None), model.test)
    classes = None
    if model.fit_labels is not None:
        classes = weighted_class_means(fit_rows, source, model.fit_labels)
    floor = class_floor(source, model.fit, (classes, model.fit_classes), test)
    for mapping in maps.values():
        yield score_columns(mapping, score_map(mapping, fit, test, model.classifier, floor))


def controls(model: ModelActivations, data: Dataset) -> Iterator[tuple[str, Rows, Rows]]:
    """Each control's name and its rows of the fit and the test split."""
    for name in UNTRAINED:
        fit_rows, test_rows = model.untrained(name, "fit"), model.untrained(name, "test")
        if fit_rows is not None and test_rows is not None:
            yield name, fit_rows, test_rows
    if not data.has_images:
        return
    pixels = {}
    for split, name in (("fit", model.fit_split), ("test", "test")):
        ids = model.ids_of(split)
        images = data.split(name, len(ids))
        if not np.array_equal(ids, images.ids):
            raise MismatchError(f"{model.path} and {data.path} hold different {split} images")
        pixels[split] = Pixels(images.images, len(ids))
    yield "pixels", pixels["fit"], pixels["test"]
