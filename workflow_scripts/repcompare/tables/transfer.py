"""transfer.csv, from what the blocks stored."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from repcompare.storage.files import MismatchError, require_equal
from repcompare.tables.attacks import condition
from repcompare.transfer.rates import PairAnswers, rates
from repcompare.vocabulary import DENOMINATORS


def transfer_tables(
    transfer: Iterable[str | Path], adversarial: Sequence[str | Path]
) -> Iterator[pd.DataFrame]:
    """One table a block, one row an ordered pair, condition and denominator; read when asked.

    Raises:
        MismatchError: a block was made from other weights or images than the models of the study.
    """
    sources = {}
    for path in adversarial:
        with h5py.File(path) as file:
            sources[file.attrs["model"]] = _source_answers(file, path)
    first = next(iter(sources.values()))
    for source in sources.values():
        if not np.array_equal(source["ids"], first["ids"]):
            raise MismatchError(f"{source['path']} and {first['path']} attack different images")
    labels = first["labels"]
    all_correct = np.all([s["clean"] == labels for s in sources.values()], axis=0)
    for path in transfer:
        rows = []
        with h5py.File(path) as file:
            for name, digest in zip(file.attrs["models"], file.attrs["model_digests"], strict=True):
                require_equal(
                    f"weights of {name}",
                    [(sources[name]["path"], sources[name]["digest"]), (path, digest)],
                )
            for source, target, group in _pairs(file):
                rows += _pair_rows(source, target, group, sources[source], labels, all_correct)
        yield pd.DataFrame(rows)


def _source_answers(file: h5py.File, path: str | Path) -> dict:
    return {
        "path": path,
        "digest": file.attrs["model_digest"],
        "ids": file["ids"][:],
        "labels": file["labels"][:],
        "clean": file["clean_prediction"][:],
        "conditions": {name: condition(group) for name, group in file["attacks"].items()},
        "perturbed": {name: group["prediction"][:] for name, group in file["attacks"].items()},
    }


def _pairs(file: h5py.File) -> list[tuple[str, str, h5py.Group]]:
    names = list(file.attrs["models"])
    return [
        (source, target, file[f"{source}/{target}"])
        for source in names
        for target in names
        if source in file and target in file[source]
    ]


def _pair_rows(
    source: str,
    target: str,
    group: h5py.Group,
    answers: dict,
    labels: np.ndarray,
    all_correct: np.ndarray,
) -> list[dict]:
    names = {
        "source": source,
        "target": target,
        "source_architecture": source.split("/")[0],
        "target_architecture": target.split("/")[0],
    }
    predictions, margins = group["prediction"][:], group["margin"][:]
    clean_prediction, clean_margin = group["clean_prediction"][:], group["clean_margin"][:]
    rows = []
    for row, name in enumerate(group.attrs["conditions"]):
        pair = PairAnswers(
            labels,
            all_correct,
            answers["clean"],
            answers["perturbed"][name],
            clean_prediction,
            predictions[row],
            clean_margin,
            margins[row],
        )
        rows += [
            {
                **names,
                **answers["conditions"][name],
                "denominator": denominator,
                **rates(pair, denominator),
            }
            for denominator in DENOMINATORS
        ]
    return rows
