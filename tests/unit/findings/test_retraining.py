"""What an architecture's similarity to itself is adjusted for and compared with."""

import numpy as np
import pytest
from unit.support.synthetic_tables import MANY, decided, findings, tables

from repcompare.findings.model_matrices import Models, alone, by_measure
from repcompare.findings.retraining import (
    accuracy_adjusted,
    matched_widths,
)


def models_of(accuracy, width):
    names = [f"a{place}/seed0" for place in range(len(accuracy))]
    architectures = [name.split("/")[0] for name in names]
    places = np.arange(len(names))
    return Models(names, architectures, places, places, np.array(accuracy), np.array(width))


def test_adjusting_for_accuracy_removes_what_accuracies_explain():
    models = models_of([0.9, 0.92, 0.95, 0.97, 0.91], [64] * 5)
    accuracy = models.accuracy
    x = 3 * (accuracy[:, None] + accuracy) - 2 * models.differences(accuracy)
    adjusted = accuracy_adjusted(models, x)
    off = ~np.eye(5, dtype=bool)
    assert adjusted[off] == pytest.approx(np.full(20, x[off].mean()))


def test_widths_match_up_to_a_factor_of_one_and_a_half():
    matched = matched_widths(models_of([0.9] * 4, [64, 96, 97, 512]))
    assert matched.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, False, True],
    ]


def test_an_architecture_without_a_match_in_width_says_so_and_is_not_asked_for_it():
    study = tables(5, 3, exception=0.1)
    wide = study["models"]["architecture"] == "resnext29"
    study["models"].loc[wide, "representation_width"] = 512
    table = findings(study, **MANY)
    row = table.query(
        "version == 'width_matched' and architecture == 'resnext29' and measure == 'cka_debiased'"
    )
    assert row["note"].item() == "no other architecture within a factor 1.5 of its width"
    assert decided(table).loc["exception", "verdict"] == "supported"


def test_matrices_follow_the_models_and_not_the_table():
    study = tables(3, 2)
    models = Models.of(study["models"].sample(frac=1, random_state=0), {})
    assert models.names == sorted(models.names)
    x = by_measure(models, study["geometry"])["cka"]
    row = study["geometry"].iloc[0]
    a, b = models.names.index(row["model_a"]), models.names.index(row["model_b"])
    assert x[a, b] == x[b, a] == row["value"]
    assert np.isnan(np.diag(x)).all()
    x[0, :] = x[:, 0] = np.nan
    assert alone([x]).tolist() == [True] + [False] * 5
    kept = models.without(alone([x]))
    assert kept.names == models.names[1:]
    assert kept.seeds.tolist() == [1, 2, 2]
