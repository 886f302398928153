"""What one model's representation is before any pair, and what maps to it without learning give.

Maps from the raw pixels and from the network before its training are controls: "linearly related"
must mean more than that both representations hold the labels, or the image.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from repcompare.maps.families import fit_maps
from repcompare.maps.pixels import Pixels
from repcompare.maps.scores import PairMoments, score_columns, score_map
from repcompare.representations.activations_file import ModelActivations
from repcompare.representations.moments import Rows, cross_covariance, diagonalise, factorise
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.storage.files import MismatchError, require_equal, write_csv


def describe_model(
    activations: str | Path,
    dataset: str | Path,
    layers_path: str | Path,
    controls_path: str | Path,
    families: Sequence[str],
) -> None:
    """Write one row a layer, and one row a control and family of maps to the representation.

    Raises:
        MismatchError: the activations are not of the images of this data file.
    """
    with h5py.File(activations) as file, h5py.File(dataset) as data:
        require_equal(
            "digest of the data",
            [(activations, file.attrs["data_digest"]), (dataset, data.attrs["digest"])],
        )
        member = ModelActivations(file)
        write_csv(layers_path, list(layer_rows(member)))
        write_csv(controls_path, list(control_rows(member, data, families)))


def layer_rows(member: ModelActivations) -> Iterator[dict]:
    """Rows of layers.csv: sizes, ranks and dead units on the test split."""
    for name in member.layers:
        found = diagonalise(member.layer(name).moments)
        yield {
            "model": member.name,
            "architecture": member.architecture,
            "layer": name,
            "n": found.n,
            "d": found.width,
            "n_over_d": found.n / found.width,
            "rank": found.rank,
            "effective_rank": found.effective_rank,
            "dead_units": found.dead_units,
            "precision": member.file.attrs["precision"],
            "digest": member.digest,
        }


def control_rows(
    member: ModelActivations, data: h5py.File, families: Sequence[str]
) -> Iterator[dict]:
    """Rows of controls.csv."""
    for control, fit_rows, test_rows in controls(member, data):
        source = factorise(fit_rows)
        cross = cross_covariance(fit_rows, source.mean, member.fit_rows, member.fit.mean)
        maps = fit_maps(source, member.fit, cross, families, fit_rows, member.fit_rows)
        fit = PairMoments(source, member.fit, cross)
        labels = member.classifier.labels
        test = Pair.of(Representation.of(test_rows, labels, labels), member.test)
        for mapping in maps.values():
            yield {
                "control": control,
                "model": member.name,
                "architecture": member.architecture,
                "digest": member.digest,
                **score_columns(mapping, score_map(mapping, fit, test, member.classifier)),
            }


def controls(member: ModelActivations, data: h5py.File) -> Iterator[tuple[str, Rows, Rows]]:
    """Each control's name and its rows of the fit and the test split."""
    file = member.file
    yield "untrained", file["untrained/fit"], file["untrained/test"]
    pixels = {}
    for split, images in (("fit", data[file.attrs["fit_images"]]), ("test", data["test"])):
        ids = file[f"{split}/ids"][:]
        if not np.array_equal(ids, images["ids"][: len(ids)]):
            raise MismatchError(
                f"{file.filename} and {data.filename} hold different {split} images"
            )
        pixels[split] = Pixels(images["images"], len(ids))
    yield "pixels", pixels["fit"], pixels["test"]
