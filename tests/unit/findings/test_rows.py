"""Every row of findings.csv is of what its version says."""

import numpy as np
import pytest
from unit.support.synthetic_tables import findings, outcomes, tables

from repcompare.findings.descriptive import transfer_numbers
from repcompare.findings.linear import linear_rows
from repcompare.findings.model_matrices import Models, by_measure, pair_logits
from repcompare.findings.rows import Resampling, Row
from repcompare.findings.transfer import block_terms, bootstrap_row, transfer_rows
from repcompare.findings.verdicts import transfer_verdict
from repcompare.statistics.mrqap import mrqap
from repcompare.statistics.permutations import of_architectures, of_seeds
from repcompare.transfer.reference import reference_attack

FEW = Resampling(permutations=199, bootstraps=200, seed=0)


@pytest.fixture(scope="module")
def study():
    made = tables(5, 3)
    # Controls that differ by model, in another order than the models.
    controls = made["controls"]
    controls["r2_test"] += controls["model"].rank(method="dense") / 100
    made["controls"] = controls.sample(frac=1, random_state=0)
    return made


@pytest.fixture(scope="module")
def models(study):
    return Models.of(study["models"])


@pytest.fixture(scope="module")
def linear(study, models):
    rows = linear_rows(models, study["maps"], study["controls"])
    return {(row.measure, row.version): row for row in rows}


@pytest.fixture(scope="module")
def transfer(study, models):
    attack = reference_attack(study["transfer"])
    found = outcomes(study, attack, models.names)
    rows = transfer_rows(models, study["geometry"], study["transfer"], attack, found, FEW)
    return {(row.measure, row.version): row for row in rows}


@pytest.mark.parametrize("control", ["pixels", "untrained"])
def test_a_map_is_held_against_that_of_the_control_to_the_same_target(study, linear, control):
    maps = study["maps"].query("family == 'ridge' and source_architecture != target_architecture")
    own = study["controls"].query("family == 'ridge' and control == @control")
    reached = maps["target"].map(own.set_index("model")["r2_test"])
    row = linear["ridge", f"r2_above_{control}"]
    assert row.effect == pytest.approx((maps["r2_test"] - reached).mean())
    assert (row.n_pairs, row.n_models, row.resamples) == (180, 15, 5)
    assert linear["ridge", "r2"].effect == pytest.approx(maps["r2_test"].mean())
    assert linear["ridge", "r2_above_floor"].effect == pytest.approx(
        (maps["r2_test"] - maps["r2_floor"]).mean()
    )


def test_maps_without_a_score_are_left_out_counted_and_told(study, models):
    maps = study["maps"].copy()
    maps.loc[maps["target"] == "vgg/seed1", "r2_test"] = np.nan
    rows = linear_rows(models, maps, study["controls"])
    row = next(row for row in rows if (row.measure, row.version) == ("ridge", "r2_above_pixels"))
    maps = maps.query("family == 'ridge' and source_architecture != target_architecture")
    own = study["controls"].query("family == 'ridge' and control == 'pixels'")
    differences = maps["r2_test"] - maps["target"].map(own.set_index("model")["r2_test"])
    assert row.effect == pytest.approx(differences.mean())
    assert row.n_pairs == 168
    assert row.note == "12 ordered pairs have no value"


def test_the_error_over_the_images_widens_the_interval_of_a_map(study, models, linear):
    vague = study["maps"].assign(
        r2_test_low=study["maps"]["r2_test"] - 0.3, r2_test_high=study["maps"]["r2_test"] + 0.3
    )
    rows = linear_rows(models, vague, study["controls"])
    wide = next(row for row in rows if row.measure == "ridge" and row.version == "r2")
    narrow = linear["ridge", "r2"]
    assert wide.effect == narrow.effect
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    # An R² is not above 1, however vague.
    assert wide.high < 1


def test_each_null_permutes_what_it_is_named_after(study, models, transfer):
    attack = reference_attack(study["transfer"])
    x, y = (
        by_measure(models, study["geometry"])["cka"],
        pair_logits(models, study["transfer"], attack),
    )
    whole, _ = of_architectures(models.architecture, 199, FEW.generator(3))
    seeds, _ = of_seeds(models.architecture, 199, FEW.generator(4))
    term = models.same[None].astype(float)
    for version, fit, resamples in (
        ("architectures", mrqap(x, y, whole, terms=term), 119),
        ("seeds", mrqap(x, y, seeds, terms=block_terms(models)), 199),
        ("different_architectures", mrqap(x, y, whole, within=~models.same), 119),
    ):
        row = transfer["cka", version]
        assert (row.effect, row.p, row.n_pairs) == (fit.slope, fit.p, fit.n_pairs)
        assert (row.low, row.high, row.resamples) == (fit.low, fit.high, resamples)
    row = transfer["cka_debiased", "accuracy_adjusted"]
    terms = np.stack([term[0], models.differences(models.accuracy)])
    assert row.effect == pytest.approx(mrqap(x, y, whole, terms=terms).slope)


def test_spearman_beside_it_is_that_of_all_pairs(study, transfer):
    attack = reference_attack(study["transfer"])
    numbers = transfer_numbers(study["geometry"], study["transfer"], attack)
    numbers = numbers[numbers["pairs"] == "all"].set_index("measure")
    for measure in numbers.index:
        assert transfer[measure, "spearman"].effect == pytest.approx(
            numbers.loc[measure, "spearman"]
        )
        assert transfer[measure, "architectures"].effect == pytest.approx(
            numbers.loc[measure, "slope"], rel=1e-2
        )


@pytest.mark.parametrize(
    ("kind", "version"), [("cross", "different_architectures"), ("same", "same_architecture")]
)
def test_the_slope_that_the_page_shows_of_one_kind_of_pairs_is_the_one_that_is_tested(
    study, transfer, kind, version
):
    attack = reference_attack(study["transfer"])
    numbers = transfer_numbers(study["geometry"], study["transfer"], attack)
    slopes = numbers[numbers["pairs"] == kind].set_index("measure")["slope"]
    assert len(slopes)
    for measure, slope in slopes.items():
        assert transfer[measure, version].effect == pytest.approx(slope, rel=1e-9, nan_ok=True)


def test_images_and_the_error_of_the_geometry_widen_the_interval_of_the_slope(study, models):
    attack = reference_attack(study["transfer"])
    x = by_measure(models, study["geometry"])["cka"]
    y = pair_logits(models, study["transfer"], attack)
    rng = np.random.default_rng(0)
    y = y + 0.05 * rng.normal(size=y.shape)
    still = np.repeat(y[None], FEW.bootstraps, axis=0)
    moving = still + 0.3 * rng.normal(size=still.shape)
    row, none = Row("transfer", "architectures", "cka", effect=20.0), np.zeros_like(x)

    def width(error, resampled):
        found = bootstrap_row(row, models, x, error, resampled, FEW)
        return found.high - found.low

    assert width(none, moving) > 1.5 * width(none, still)
    assert width(none + 0.005, still) > 1.5 * width(none, still)


def test_more_images_give_a_narrower_interval(study, models):
    attack = reference_attack(study["transfer"])
    few = tables(5, 3, images=40)
    widths = []
    for each in (few, study):
        found = outcomes(each, attack, models.names)
        rows = transfer_rows(models, study["geometry"], each["transfer"], attack, found, FEW)
        row = next(row for row in rows if row.version == "bootstrap" and row.measure == "cka")
        widths.append(row.high - row.low)
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize(
    ("p", "low", "high", "verdict"),
    [
        (0.01, 1.0, 3.0, "supported"),
        (0.05, 1.0, 3.0, "supported"),
        (0.01, -3.0, -1.0, "contradicted"),
        (0.2, 1.0, 3.0, "inconclusive"),
        (0.01, -1.0, 5.0, "inconclusive"),
        (0.01, np.nan, np.nan, "inconclusive"),
    ],
)
def test_transfer_needs_both_the_permutations_and_the_interval(p, low, high, verdict):
    effect = np.nanmean([low, high, 2.0])
    lacks = "" if np.isfinite(low) else "interval"
    rows = [
        Row("transfer", "architectures", "cka_debiased", effect=effect, p=p, resamples=119),
        Row("transfer", "bootstrap", "cka_debiased", "", "", effect, low, high, 0.5, lacks=lacks),
        Row("transfer", "bootstrap", "cka", effect=effect, low=-low, high=-high),
    ]
    decided = transfer_verdict(rows)[0]
    assert (decided.verdict, decided.p) == (verdict, p)
    assert (decided.version, decided.measure) == ("bootstrap", "cka_debiased")


def test_measures_that_are_not_the_deciding_one_have_no_verdict():
    table = findings(tables(4, 3))
    assert set(table.loc[table["verdict"] != "", "measure"]) == {"least_squares", "cka_debiased"}
