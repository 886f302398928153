"""The numbers behind the findings: known structures are recovered, and node effects removed."""

import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import tables

from repcompare.findings import descriptive
from repcompare.statistics.node_effects import rank_correlation, without_node_effects
from repcompare.transfer.reference import Strength, reference_attack

EIGHT = Strength("linf", 8 / 255, "8/255")


@pytest.fixture(scope="module")
def study():
    return tables(5, 3, images=10**6)


def rates(means, norm="linf", **columns):
    rows = [
        {"source": "a/seed0", "target": "b/seed0", "attack": "pgd", "norm": norm}
        | {"epsilon": epsilon, "epsilon_label": str(epsilon), "denominator": "both_correct"}
        | {"n": 100, "fooled": fooled}
        | columns
        for epsilon, fooled in means.items()
    ]
    return pd.DataFrame(rows)


def test_transfer_is_read_where_its_mean_is_nearest_a_half():
    assert reference_attack(rates({0.1: 0.02, 0.2: 0.55, 0.3: 0.93})).epsilon == 0.2


def test_of_strengths_as_near_to_a_half_the_smaller_is_read():
    assert reference_attack(rates({0.3: 0.75, 0.1: 0.25})).epsilon == 0.1


@pytest.mark.parametrize(
    "other",
    [
        {"attack": "noise"},
        {"denominator": "source_fooled"},
        {"target": "a/seed0"},
    ],
)
def test_only_transfer_of_the_primary_rate_chooses_the_strength(other):
    table = pd.concat([rates({0.1: 0.4}), rates({0.2: 0.5}, **other)])
    assert reference_attack(table).epsilon == 0.1


def test_linf_is_read_before_another_norm():
    both = pd.concat([rates({1.0: 0.5}, norm="l2"), rates({0.1: 0.1})])
    assert reference_attack(both).norm == "linf"
    assert reference_attack(rates({1.0: 0.5}, norm="l2")).norm == "l2"


def test_there_is_no_strength_without_a_pair():
    assert reference_attack(tables(1, 1)["transfer"]) is None


def test_linear_numbers_are_medians_and_ranges_of_each_kind_of_pair(study):
    numbers = descriptive.linear_numbers(study["maps"])
    maps = study["maps"].query("family == 'ridge' and source_architecture != target_architecture")
    row = numbers.query("family == 'ridge' and not same_architecture").iloc[0]
    assert row["pairs"] == len(maps) == 180
    assert row["r2_test_median"] == np.median(maps["r2_test"])
    assert row["recovered_accuracy_min"] == maps["recovered_accuracy"].min()
    assert row["agreement_max"] == maps["agreement"].max()
    assert list(numbers["family"].unique()) == ["least_squares", "ridge", "orthogonal"]


def similarities(values):
    rows = [
        {"model_a": a, "model_b": b, "measure": "cka", "value": value}
        | {"architecture_a": a[0], "architecture_b": b[0]}
        for (a, b), value in values.items()
    ]
    return pd.DataFrame(rows)


def test_same_and_cross_are_means_over_an_architectures_own_and_other_pairs():
    table = similarities(
        {
            ("a/seed0", "a/seed1"): 0.9,
            ("b/seed0", "b/seed1"): 0.5,
            ("a/seed0", "b/seed0"): 0.6,
            ("a/seed1", "b/seed1"): 0.8,
        }
    )
    numbers = descriptive.same_and_cross(table).set_index("architecture")
    assert numbers.loc["a", "difference"] == pytest.approx(0.9 - 0.7)
    assert numbers.loc["b", "difference"] == pytest.approx(0.5 - 0.7)
    assert numbers.loc["a", "standardised"] == pytest.approx(0.2 / np.std([0.6, 0.8], ddof=1))
    overall = descriptive.retraining_numbers(table).iloc[0]
    assert overall["difference"] == pytest.approx(0.0)
    assert (overall["above"], overall["architectures"]) == (1, 2)
    assert (overall["pairs_same"], overall["pairs_cross"]) == (2, 2)


def test_an_undefined_similarity_counts_as_no_pair():
    table = similarities({("a/seed0", "a/seed1"): np.nan, ("a/seed0", "b/seed0"): 0.6})
    assert descriptive.retraining_numbers(table).iloc[0]["pairs_same"] == 0
    assert descriptive.same_and_cross(table)["difference"].isna().all()


def test_the_architecture_that_resembles_itself_is_found_with_its_effect(study):
    numbers = descriptive.exception_numbers(study["geometry"])
    assert numbers.loc[0, "architecture"] == "resnext29"
    assert numbers.loc[0, "above"] == numbers.loc[0, "measures"] == 5
    assert numbers.loc[0, "standardised"] > 3 > 1.5 > numbers.loc[1, "standardised"]
    numbers = descriptive.exception_numbers(tables(5, 3, exception=0.2)["geometry"])
    assert list(numbers["separated"]) == [5, 0, 0, 0, 0]


def test_one_seed_leaves_nothing_to_set_against_other_architectures():
    numbers = descriptive.exception_numbers(tables(3, 1)["geometry"])
    assert (numbers["pairs_same"] == 0).all()
    assert numbers["standardised"].isna().all()


@pytest.mark.parametrize("beta", [20.0, -7.0])
def test_the_slope_of_transfer_on_similarity_is_recovered_through_node_effects(beta):
    study = tables(5, 3, beta=beta, node_effects=1.5, images=10**6)
    numbers = descriptive.transfer_numbers(study["geometry"], study["transfer"], EIGHT)
    for kind in ("all", "cross"):
        of_kind = numbers[numbers["pairs"] == kind]
        assert of_kind["slope"].to_numpy() == pytest.approx(beta, rel=1e-3)
        assert of_kind["partial"].to_numpy() == pytest.approx(np.sign(beta), abs=1e-3)
    assert (numbers["spearman"].abs() < 0.5).all()
    assert list(numbers["n"].unique()) == [210, 180, 30]


def test_without_an_effect_the_slope_is_nil():
    study = tables(5, 3, beta=0.0, node_effects=1.5, images=10**6)
    numbers = descriptive.transfer_numbers(study["geometry"], study["transfer"], EIGHT)
    assert numbers["slope"].dropna().abs().max() < 1e-3


def test_node_effects_leave_the_residuals_of_dummy_regression():
    random = np.random.default_rng(1)
    pairs = pd.DataFrame(
        [(a, b) for a in range(6) for b in range(6) if a != b], columns=["source", "target"]
    ).drop(index=[3, 17])
    pairs["value"], pairs["logit"] = random.normal(size=(2, len(pairs)))
    dummies = pd.get_dummies(pairs[["source", "target"]].astype(str), dtype=float).to_numpy()
    x, y, free = without_node_effects(pairs)
    for residual, name in ((x, "value"), (y, "logit")):
        fit = dummies @ np.linalg.lstsq(dummies, pairs[name], rcond=None)[0]
        assert residual == pytest.approx(pairs[name].to_numpy() - fit, abs=1e-10)
    assert free == 28 - 11


def test_too_few_models_or_a_constant_similarity_have_no_partial_correlation():
    for study in (tables(2, 1), tables(3, 1)):
        numbers = descriptive.transfer_numbers(study["geometry"], study["transfer"], EIGHT)
        assert numbers["partial"].isna().all()
    study = tables(5, 2)
    study["geometry"]["value"] = 0.9
    numbers = descriptive.transfer_numbers(study["geometry"], study["transfer"], EIGHT)
    assert numbers[["partial", "slope", "spearman"]].isna().all(axis=None)


def test_logits_are_finite_where_nothing_or_everything_transfers():
    geometry = similarities({("a/seed0", "b/seed0"): 0.9})
    for fooled in (0.0, 1.0):
        table = descriptive.joined(geometry, rates({0.1: fooled}), Strength("linf", 0.1, "0.1"))
        assert table["logit"].item() == pytest.approx((2 * fooled - 1) * np.log(100.5 / 0.5))


def test_spearman_gives_ties_their_mean_rank():
    x, y = pd.Series([1, 2, 2, 4]), pd.Series([10, 20, 30, 40])
    assert rank_correlation(x, y) == pytest.approx(0.9486833)
