"""Every row of findings.csv is of what its version says."""

import numpy as np
import pytest
from scipy.stats import t as student
from unit.support.synthetic_tables import findings, tables

from repcompare.findings.descriptive import transfer_numbers
from repcompare.findings.linear import linear_rows
from repcompare.findings.model_matrices import Models, by_measure, pair_logits
from repcompare.findings.rows import Resampling, Row
from repcompare.findings.transfer import transfer_rows
from repcompare.findings.verdicts import transfer_verdict
from repcompare.statistics.mrqap import mrqap
from repcompare.statistics.permutations import of_architectures, of_seeds
from repcompare.transfer.reference import reference_attack
from repcompare.vocabulary import CONTROLS

FEW = Resampling(permutations=199, seed=0)


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
    return Models.of(study["models"], {})


@pytest.fixture(scope="module")
def linear(study, models):
    rows = linear_rows(models, study["maps"], study["controls"])
    return {(row.measure, row.version): row for row in rows}


@pytest.fixture(scope="module")
def transfer(study, models):
    return {(row.measure, row.version): row for row in rows_of(study, models)}


def rows_of(study, models):
    attack = reference_attack(study["transfer"])
    return transfer_rows(models, study["geometry"], study["transfer"], attack, FEW)


@pytest.mark.parametrize("control", CONTROLS)
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


def test_a_network_without_batch_norm_is_its_own_control_with_batch_norm_set(study, models):
    controls = study["controls"]
    settled = controls["control"] == "untrained_batch_norm"
    lacking = settled & (controls["architecture"] != models.architectures[0])
    found = linear_rows(models, study["maps"], controls[~lacking])
    row = next(row for row in found if row.version == "r2_above_untrained_batch_norm")
    other = next(row for row in found if row.version == "r2_above_untrained")
    assert (row.measure, row.n_pairs) == (other.measure, other.n_pairs)
    assert other.effect < row.effect < other.effect + 0.05
    versions = {row.version for row in linear_rows(models, study["maps"], controls[~settled])}
    assert "r2_above_untrained" in versions
    assert "r2_above_untrained_batch_norm" not in versions


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
    same = models.same.astype(int)
    for version, fit, resamples in (
        ("architectures", mrqap(x, y, whole, groups=same), 119),
        ("seeds", mrqap(x, y, seeds, groups=models.blocks), 199),
        ("different_architectures", mrqap(x, y, whole, within=~models.same), 119),
    ):
        row = transfer["cka", version]
        assert (row.effect, row.p, row.n_pairs) == (fit.slope, fit.p, fit.n_pairs)
        assert (row.low, row.high) == pytest.approx((fit.low, fit.high), rel=1e-12)
        assert row.resamples == resamples


def test_what_a_version_adjusts_for_is_a_term_of_its_regression(study, models, transfer):
    attack = reference_attack(study["transfer"])
    x = by_measure(models, study["geometry"])["cka_debiased"]
    y, whole = pair_logits(models, study["transfer"], attack), np.arange(15)[None]
    width = models.differences(np.log(models.width))
    for version, terms in (
        ("plain", None),
        ("accuracy_adjusted", models.differences(models.accuracy)[None]),
        ("width_adjusted", width[None]),
    ):
        row = transfer["cka_debiased", version]
        fit = mrqap(x, y, whole, groups=models.same.astype(int), terms=terms)
        reliability = float(row.note.removeprefix("reliability of the similarity "))
        assert reliability * row.effect == pytest.approx(fit.slope, rel=0.01)


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


def test_a_slope_is_told_per_unit_and_per_standard_deviation_of_the_pairs(study, models, transfer):
    x = by_measure(models, study["geometry"])["cca"]
    deviation = x[np.triu_indices(15, 1)].std()
    row = transfer["cca", "over_architectures"]
    assert row.per_sd == pytest.approx(row.effect * deviation)
    assert row.per_sd_error == pytest.approx(row.error * deviation)
    assert (row.n_pairs, row.n_models, row.resamples) == (210, 15, 5)
    assert row.p == pytest.approx(2 * student.sf(row.effect / row.error, 4))


def test_a_slope_is_divided_by_the_reliability_that_its_note_tells(transfer):
    for measure in ("cka", "cka_debiased"):
        row, plain = (transfer[measure, name] for name in ("over_architectures", "uncorrected"))
        reliability = plain.effect / row.effect
        assert 0 < reliability < 1
        assert row.note == plain.note == f"reliability of the similarity {reliability:.2f}"
        assert row.p == pytest.approx(plain.p)


def test_a_family_is_a_term_where_two_architectures_are_of_one(study):
    rows = {}
    for families in ({}, {"vgg": "old", "resnet20": "residual", "resnext29": "residual"}):
        models = Models.of(study["models"], families)
        found = rows_of(study, models)
        rows[len(families)] = {row.version: row for row in found if row.measure == "cka_debiased"}
    assert "family_adjusted" not in rows[0]
    models = Models.of(study["models"], {"resnet20": "residual", "resnext29": "residual"})
    assert models.related.sum() == 2 * 3 * 3
    assert "family_adjusted" in rows[3]
    assert rows[3]["plain"].effect == rows[0]["plain"].effect
    assert rows[3]["over_architectures"].effect != rows[0]["over_architectures"].effect


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.0, 3.0, "supported"),
        (-3.0, -1.0, "contradicted"),
        (-1.0, 5.0, "inconclusive"),
        (np.nan, np.nan, "inconclusive"),
    ],
)
def test_transfer_is_judged_by_the_interval_of_the_deciding_measure(low, high, verdict):
    effect = np.nanmean([low, high, 2.0])
    lacks = "" if np.isfinite(low) else "interval"
    given = {"effect": effect, "low": low, "high": high, "lacks": lacks}
    rows = [
        Row("transfer", "architectures", "cka_debiased", effect=effect, p=0.2, resamples=119),
        Row("transfer", "over_architectures", "cka", effect=effect, low=-low, high=-high),
        Row("transfer", "over_architectures", "cka_debiased", **given),
    ]
    decided = transfer_verdict(rows)[0]
    assert decided.verdict == verdict
    assert (decided.version, decided.measure) == ("over_architectures", "cka_debiased")


def test_measures_that_are_not_the_deciding_one_have_no_verdict():
    table = findings(tables(4, 3))
    assert set(table.loc[table["verdict"] != "", "measure"]) == {"least_squares", "cka_debiased"}


def transfer_effects(study, models, **columns) -> list[float]:
    """The deciding β of every measure, with other columns of geometry.csv."""
    changed = study | {"geometry": study["geometry"].assign(**columns)}
    return [row.effect for row in rows_of(changed, models) if row.version == "over_architectures"]


def test_reliability_is_of_the_error_whether_or_not_there_is_an_interval(study, models, transfer):
    expected = [row.effect for row in transfer.values() if row.version == "over_architectures"]
    assert transfer_effects(study, models, low=np.nan, high=np.nan) == expected
    plain = [row.effect for row in transfer.values() if row.version == "uncorrected"]
    assert transfer_effects(study, models, error=np.nan) == plain
    assert np.all(np.abs(expected) > np.abs(plain))


def test_an_error_that_is_not_known_is_taken_to_be_that_of_the_other_pairs(study, models):
    error = study["geometry"]["error"].copy()
    known = transfer_effects(study, models, error=error)
    error[::3] = np.nan
    assert transfer_effects(study, models, error=error) == pytest.approx(known)
