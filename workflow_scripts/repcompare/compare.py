"""The compare stage: linear maps and geometry of every pair of a block, from activations files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from repcompare.blocks import unordered_pairs
from repcompare.factorisation import Factorisation, Rows, cross_covariance, factorise
from repcompare.geometry import compare_geometry
from repcompare.maps import (
    AffineMap,
    PairMoments,
    TargetClassifier,
    fit_maps_both_ways,
    score_map,
)
from repcompare.storage import MismatchError, new_hdf5, require_equal, write_csv


@dataclass(frozen=True)
class FirstRows:
    """The first `n` rows of a data set, read only as they are sliced."""

    rows: Rows
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """(n, width)."""
        return self.n, self.rows.shape[1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The rows of a slice, cut off at `n`."""
        start, stop, step = rows.indices(self.n)
        return self.rows[start:stop:step]


@dataclass(frozen=True, eq=False)
class Member:
    """One model of a block: its rows on both splits, their factorisations, and its classifier."""

    name: str
    architecture: str
    digest: str
    fit_x: Rows
    test_x: Rows
    fit: Factorisation
    test: Factorisation
    classifier: TargetClassifier

    @classmethod
    def read(cls, file: h5py.File, fit_samples: int | None) -> "Member":
        """Factorise what an activations file holds; `fit_samples` caps the rows of the fit split."""
        fit, test = file[file.attrs["fit_split"]], file["test"]
        n = len(fit["ids"]) if fit_samples is None else min(fit_samples, len(fit["ids"]))
        fit_x = FirstRows(fit["representation"], n)
        return cls(
            file.attrs["model"],
            file.attrs["architecture"],
            file.attrs["digest"],
            fit_x,
            test["representation"],
            factorise(fit_x),
            factorise(test["representation"]),
            TargetClassifier(
                file["classifier/weight"][:],
                file["classifier/bias"][:],
                test["logits"][:],
                test["labels"][:],
            ),
        )


def compare_block(
    activations: Sequence[str | Path],
    maps_path: str | Path,
    scores_path: str | Path,
    geometry_path: str | Path,
    families: Sequence[str],
    measures: Sequence[str],
    fit_samples: int | None,
) -> None:
    """Compare every pair of models of a block.

    Maps are fit on the fit split (its first `fit_samples` images) and scored on the test split, in
    both directions; geometry is of the test split. Writes the maps (`{source}/{target}/{family}`
    with float32 `weight` (d_source, d_target) and `bias`, and λ as the attribute `lambda`), their
    scores and the geometry.

    Raises:
        MismatchError: the files are not of the same data or the same images.
    """
    files = [h5py.File(name) for name in activations]
    try:
        _check(files)
        members = [Member.read(file, fit_samples) for file in files]
        attributes = {
            "models": [member.name for member in members],
            "activation_digests": [member.digest for member in members],
            "data_digest": files[0].attrs["data_digest"],
        }
        scores, geometry = [], []
        with new_hdf5(maps_path, attributes) as out:
            for first, second in unordered_pairs([member.architecture for member in members]):
                a, b = members[first], members[second]
                cross = cross_covariance(a.test_x, a.test.mean, b.test_x, b.test.mean)
                test = PairMoments(a.test, b.test, cross)
                geometry += _geometry_rows(a, b, cross, measures)
                scores += _map_rows(out, a, b, test, families)
        write_csv(scores_path, scores)
        write_csv(geometry_path, geometry)
    finally:
        for file in files:
            file.close()


def _geometry_rows(a: Member, b: Member, cross: np.ndarray, measures: Sequence[str]) -> list[dict]:
    return [
        {
            "model_a": a.name,
            "model_b": b.name,
            "architecture_a": a.architecture,
            "architecture_b": b.architecture,
            "measure": row.measure,
            "value": row.value,
            "n": a.test.n,
            "d_a": a.test.width,
            "d_b": b.test.width,
            "n_over_d": a.test.n / max(a.test.width, b.test.width),
            "rank_a": a.test.rank,
            "rank_b": b.test.rank,
            "effective_rank_a": a.test.effective_rank,
            "effective_rank_b": b.test.effective_rank,
            "dead_units_a": a.test.dead_units,
            "dead_units_b": b.test.dead_units,
            "digest_a": a.digest,
            "digest_b": b.digest,
            "note": row.note,
        }
        for row in compare_geometry(a.test, b.test, cross, measures)
    ]


def _map_rows(
    out: h5py.File, a: Member, b: Member, test: PairMoments, families: Sequence[str]
) -> list[dict]:
    cross = cross_covariance(a.fit_x, a.fit.mean, b.fit_x, b.fit.mean)
    fit = PairMoments(a.fit, b.fit, cross)
    there, back = fit_maps_both_ways(a.fit, b.fit, cross, families, a.fit_x, b.fit_x)
    rows = []
    for source, target, maps, fit_pair, test_pair in (
        (a, b, there, fit, test),
        (b, a, back, fit.reversed(), test.reversed()),
    ):
        for family, mapping in maps.items():
            _store(out.create_group(f"{source.name}/{target.name}/{family}"), mapping)
            scores = score_map(mapping, fit_pair, test_pair, source.test_x, target.classifier)
            rows.append(
                {
                    "source": source.name,
                    "target": target.name,
                    "source_architecture": source.architecture,
                    "target_architecture": target.architecture,
                    "family": family,
                    "n_fit": source.fit.n,
                    "n_test": source.test.n,
                    "d_source": source.fit.width,
                    "d_target": target.fit.width,
                    "lambda": mapping.penalty,
                    "r2_fit": scores.r2_fit,
                    "r2_test": scores.r2_test,
                    "r2_floor": scores.r2_floor,
                    "stitched_accuracy": scores.stitched_accuracy,
                    "target_accuracy": scores.target_accuracy,
                    "recovered_accuracy": scores.recovered_accuracy,
                    "agreement": scores.agreement,
                    "source_digest": source.digest,
                    "target_digest": target.digest,
                    "note": scores.note,
                }
            )
    return rows


def _store(group: h5py.Group, mapping: AffineMap) -> None:
    group["weight"] = mapping.weight.astype(np.float32)
    group["bias"] = mapping.bias.astype(np.float32)
    group.attrs["lambda"] = mapping.penalty


def _check(files: Sequence[h5py.File]) -> None:
    require_equal("digest of the data", [(f.filename, f.attrs["data_digest"]) for f in files])
    for file in files[1:]:
        for split in (file.attrs["fit_split"], "test"):
            if not np.array_equal(file[split]["ids"], files[0][split]["ids"]):
                raise MismatchError(
                    f"{file.filename} and {files[0].filename} hold different {split} images"
                )
