"""The rule `compare`: linear maps and geometry of every pair of a block, from activations files."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import GeometryRow, compare_geometry
from repcompare.geometry.similarity import convergence as converged
from repcompare.maps.families import AffineMap, fit_maps_both_ways
from repcompare.maps.scores import MapScores, PairMoments, class_floor, score_columns, score_map
from repcompare.names import REPRESENTATION
from repcompare.representations.activations_file import ModelActivations, check_same_images
from repcompare.representations.moments import cross_covariance
from repcompare.representations.pair import Pair
from repcompare.storage.hdf5 import COMPRESSED, as_attribute, new_hdf5
from repcompare.storage.seals import block_origin, made_by
from repcompare.study.blocks import unordered_pairs
from repcompare.tables.files import write_table
from repcompare.vocabulary import LAYER_MEASURE


def compare(
    *,
    maps: str | Path | None = None,
    scores: str | Path | None = None,
    class_accuracies: str | Path | None = None,
    geometry: str | Path | None = None,
    convergence: str | Path | None = None,
    activations: Sequence[str | Path],
    records: Sequence[str | Path] | None = None,
    settings: Mapping[str, Any],
) -> None:
    """Compare every pair of models of a block.

    Maps are of the representation, fit on the fit split and scored on the test split, in both
    directions; geometry is of the test split, of each layer that both models store, and of every
    layer with every other for the `layer_pairs` of models. Convergence is that of the block's
    first pair. Maps are fitted and written if there are families, geometry if there are measures.

    Args:
        maps: the HDF5 file of maps to write: `{source}/{target}/{family}` with float32 `weight`
            (d_source, d_target) and `bias`, and λ as the attribute `lambda`.
        scores: the table of the maps' scores to write.
        class_accuracies: that of their accuracies by class.
        geometry: that of the geometry.
        convergence: that of the geometry on fewer samples.
        activations: of the block's models.
        records: of the models, in the same order, whose weights the activations must be of; None: of
            any.
        settings: `families` of maps, `measures` and `layer_pairs`; and `inputs`, as in
            `stages.train.train`.

    Raises:
        MismatchError: the files are not of these models, the same data or the same images.
    """
    families, measures = settings["families"], settings["measures"]
    with contextlib.ExitStack() as stack:
        models = opened_models(stack, activations, records, settings)
        attributes = {
            "models": [model.name for model in models],
            "activation_digests": [model.digest for model in models],
            "data_digest": models[0].data_digest,
            "settings": as_attribute(settings),
        }
        origin = block_origin({model.name: model.digest for model in models})
        pairs = [
            (models[first], models[second])
            for first, second in unordered_pairs([model.architecture for model in models])
        ]
        scored, classes, similar = [], [], []
        converging: list[dict] = []
        out = stack.enter_context(new_hdf5(maps, attributes)) if maps else None
        for a, b in pairs:
            pair = Pair.of(a.test, b.test)
            if measures:
                rows = compare_geometry(pair, measures)
                similar += geometry_rows(a, b, REPRESENTATION, REPRESENTATION, rows)
                converging = converging or convergence_rows(a, b, converged(pair, measures))
            if out is not None:
                for source, target, mapping, found in scored_maps(a, b, pair, families):
                    group = out.create_group(f"{source.name}/{target.name}/{mapping.family}")
                    store(group, mapping)
                    scored.append(score_row(source, target, mapping, found))
                    classes += class_rows(source, target, mapping, found)
        if measures:
            asked = {frozenset(names) for names in settings["layer_pairs"]}
            similar += same_layer_rows(pairs, measures)
            similar += crossed_layer_rows([p for p in pairs if {p[0].name, p[1].name} in asked])
    for path, name, table in (
        (scores, "maps", scored),
        (class_accuracies, "class_accuracies", classes),
        (geometry, "geometry", similar),
        (convergence, "convergence", converging),
    ):
        if path is not None:
            write_table(path, f"blocks/{name}", table, origin)


def opened_models(
    stack: contextlib.ExitStack,
    activations: Sequence[str | Path],
    records: Sequence[str | Path] | None,
    settings: Mapping[str, Any],
) -> list[ModelActivations]:
    """The activations of a block's models, open until the stack is closed; see `compare` for what it refuses."""
    models = [stack.enter_context(ModelActivations(path)) for path in activations]
    for model in models:
        model.require_settings(made_by(settings, "activations"))
    if records is not None:
        networks = made_by(settings, "networks") or [{}] * len(models)
        for model, record, network in zip(models, records, networks, strict=True):
            model.require_record(record, network)
    check_same_images(models)
    return models


def scored_maps(
    a: ModelActivations, b: ModelActivations, test: Pair, families: Sequence[str]
) -> Iterator[tuple[ModelActivations, ModelActivations, AffineMap, MapScores]]:
    """Every family's map from a to b and from b to a, with its scores."""
    cross = cross_covariance(a.fit_rows, a.fit, b.fit_rows, b.fit)
    fit = PairMoments(a.fit, b.fit, cross)
    there, back = fit_maps_both_ways(a.fit, b.fit, cross, families, a.fit_rows, b.fit_rows)
    for one, other, maps, split, pair in (
        (a, b, there, fit, test),
        (b, a, back, fit.reversed, test.reversed),
    ):
        floor = class_floor(one.fit, other.fit, (one.fit_classes, other.fit_classes), pair)
        for mapping in maps.values():
            yield one, other, mapping, score_map(mapping, split, pair, other.classifier, floor)


def same_layer_rows(
    pairs: Sequence[tuple[ModelActivations, ModelActivations]], measures: Sequence[str]
) -> list[dict]:
    """Geometry of the layers before the representation, one layer in memory at a time.

    Of measures that read a layer: what a model answers is the same whichever it is.
    """
    measures = [name for name in measures if MEASURES[name].needs != "predictions"]
    models = {model.name: model for pair in pairs for model in pair}
    rows = []
    for layer in dict.fromkeys(name for model in models.values() for name in model.layers):
        if layer == REPRESENTATION:
            continue
        read = {
            model.name: model.layer(layer) for model in models.values() if layer in model.layers
        }
        for a, b in pairs:
            if a.name in read and b.name in read:
                pair = Pair.of(read[a.name], read[b.name])
                rows += geometry_rows(a, b, layer, layer, compare_geometry(pair, measures))
    return rows


def crossed_layer_rows(pairs: Sequence[tuple[ModelActivations, ModelActivations]]) -> list[dict]:
    """Every layer of one model with every other layer of the other."""
    rows = []
    for a, b in pairs:
        layers_a, layers_b = ({name: m.layer(name) for name in m.layers} for m in (a, b))
        for name_a, layer_a in layers_a.items():
            for name_b, layer_b in layers_b.items():
                if name_a != name_b:
                    found = compare_geometry(Pair.of(layer_a, layer_b), [LAYER_MEASURE])
                    rows += geometry_rows(a, b, name_a, name_b, found)
    return rows


def geometry_rows(
    a: ModelActivations,
    b: ModelActivations,
    layer_a: str,
    layer_b: str,
    rows: Sequence[GeometryRow],
) -> list[dict]:
    """Rows of geometry.csv."""
    table = []
    for row in rows:
        values = asdict(row)
        first, second = (b, a) if values.pop("backward") else (a, b)
        note = values.pop("note")
        table.append(
            {
                "model_a": first.name,
                "model_b": second.name,
                "architecture_a": first.architecture,
                "architecture_b": second.architecture,
                "layer_a": layer_b if first is b else layer_a,
                "layer_b": layer_a if first is b else layer_b,
                **values,
                "digest_a": first.digest,
                "digest_b": second.digest,
                "note": note,
            }
        )
    return table


def convergence_rows(
    a: ModelActivations, b: ModelActivations, rows: Sequence[GeometryRow]
) -> list[dict]:
    """Rows of convergence.csv: what a measure gives to fewer samples; one that says why if none."""
    names = {"model_a": a.name, "model_b": b.name}
    if not rows:
        missing = {"measure": "", "n": a.test.moments.n, "value": np.nan, "flag": ""}
        return [{**names, **missing, "note": "too few samples, or a constant representation"}]
    keys = ("measure", "n", "value", "flag", "note")
    return [{**names, **{key: getattr(row, key) for key in keys}} for row in rows]


def score_row(
    source: ModelActivations, target: ModelActivations, mapping: AffineMap, scores: MapScores
) -> dict:
    """A row of maps.csv."""
    columns = score_columns(mapping, scores)
    note = columns.pop("note")
    return {
        "source": source.name,
        "target": target.name,
        "source_architecture": source.architecture,
        "target_architecture": target.architecture,
        **columns,
        "source_digest": source.digest,
        "target_digest": target.digest,
        "note": note,
    }


def class_rows(
    source: ModelActivations, target: ModelActivations, mapping: AffineMap, scores: MapScores
) -> list[dict]:
    """Rows of class_accuracies.csv: the classes present in the test split."""
    both = zip(scores.class_accuracies, scores.target_class_accuracies, strict=True)
    return [
        {
            "source": source.name,
            "target": target.name,
            "source_architecture": source.architecture,
            "target_architecture": target.architecture,
            "family": mapping.family,
            "label": label,
            "stitched_accuracy": stitched,
            "target_accuracy": own,
        }
        for label, (stitched, own) in enumerate(both)
        if not np.isnan(own)
    ]


def store(group: h5py.Group, mapping: AffineMap) -> None:
    """Write a map; a permutation is nearly all zeros."""
    sparse = np.count_nonzero(mapping.weight) < mapping.weight.size / 4
    storage = COMPRESSED if sparse else {}
    group.create_dataset("weight", data=mapping.weight.astype(np.float32), **storage)
    group["bias"] = mapping.bias.astype(np.float32)
    group.attrs["lambda"] = mapping.penalty
