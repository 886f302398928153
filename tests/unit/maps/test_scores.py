"""Scores of maps are those of their explicit predictions, and so are their intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import r2_score
from unit.support.synthetic_maps import fitted, related

from repcompare.maps.families import FAMILIES, AffineMap
from repcompare.maps.scores import (
    MapScores,
    PairMoments,
    class_floor,
    r_squared,
    score_columns,
    score_map,
    stitched_predictions,
)
from repcompare.representations.activations_file import TargetClassifier
from repcompare.representations.moments import (
    cross_covariance,
    factorise,
    moments,
    weighted_class_means,
)
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.statistics.jackknife import GROUPS

ALL = list(FAMILIES)
every_family = pytest.mark.parametrize("family", ALL)


def pair_moments(x, y) -> PairMoments:
    a, b = moments(x), moments(y)
    return PairMoments(a, b, cross_covariance(x, a, y, b))


def classifier_of(y: np.ndarray, classes: int = 3, seed: int = 4) -> TargetClassifier:
    """A classifier whose labels are its own predictions but for some."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((classes, y.shape[1]))
    bias = rng.standard_normal(classes)
    logits = (y @ weight.T + bias).astype(np.float32)
    labels = logits.argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % classes
    return TargetClassifier(weight.astype(np.float32), bias, logits, labels)


def score(mapping, x, y, x_test, y_test, classifier) -> MapScores:
    labels = classifier.labels
    test = Pair.of(*(Representation.of(rows, labels, labels) for rows in (x_test, y_test)))
    return score_map(mapping, pair_moments(x, y), test, classifier)


def scored(x, y, x_test, y_test, family, classifier=None) -> MapScores:
    classifier = classifier or classifier_of(y_test)
    return score(fitted(x, y)[family], x, y, x_test, y_test, classifier)


def r2_of_predictions(mapping, x, y, training_mean, kept=slice(None)) -> float:
    error = ((y - mapping.predict(x))[kept] ** 2).sum()
    return 1 - error / ((y - training_mean)[kept] ** 2).sum()


def without_groups(n: int) -> list[np.ndarray]:
    return [np.arange(n) % GROUPS != group for group in range(GROUPS)]


def jackknife_interval(value, replicates) -> tuple[float, float]:
    spread = (GROUPS - 1) / GROUPS * np.sum((replicates - np.mean(replicates)) ** 2)
    half = stats.t.ppf(0.975, GROUPS - 1) * np.sqrt(spread)
    return value - half, value + half


@every_family
@pytest.mark.parametrize(("n", "width_a", "offset"), [(90, 6, 0.0), (90, 6, 1e4), (20, 40, 0.0)])
def test_r_squared_from_moments_is_r_squared_of_predictions(family, n, width_a, offset):
    x, y = related(n, width_a)
    x_test, y_test = related(60, width_a, seed=1)
    x, y, x_test, y_test = x + offset, y + offset, x_test + offset, y_test + offset
    mapping = fitted(x, y)[family]
    on_fit = r_squared(mapping, pair_moments(x, y), y.mean(axis=0))
    expected = r2_score(y, mapping.predict(x), multioutput="variance_weighted")
    assert on_fit == pytest.approx(expected, abs=1e-9)
    on_test = r_squared(mapping, pair_moments(x_test, y_test), y.mean(axis=0))
    expected = r2_of_predictions(mapping, x_test, y_test, y.mean(axis=0))
    assert on_test == pytest.approx(expected, abs=1e-9)


def test_r_squared_is_about_the_training_mean():
    _, y = related()
    x_test, y_test = related(60, seed=1)
    training_mean = y.mean(axis=0)
    knows_nothing = AffineMap("none", np.zeros((6, 4)), training_mean, 0, 0.0, "")
    moved = pair_moments(x_test, y_test + 5)
    assert r_squared(knows_nothing, moved, training_mean) == pytest.approx(0, abs=1e-12)


def test_r_squared_survives_a_nearly_singular_source():
    rng = np.random.default_rng(0)
    x = (
        rng.standard_normal((300, 8))
        * np.geomspace(1, 3e-5, 8)
        @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
    )
    y = rng.standard_normal((300, 4))
    mapping = fitted(x[:150], y[:150])["least_squares"]
    found = r_squared(mapping, pair_moments(x[150:], y[150:]), y[:150].mean(axis=0))
    expected = r2_of_predictions(mapping, x[150:], y[150:], y[:150].mean(axis=0))
    assert found == pytest.approx(expected, abs=1e-6)


def test_independent_representations_score_the_floor_on_the_fit_split():
    rng = np.random.default_rng(0)
    n, width = 400, 100
    x, y = rng.standard_normal((n, width)), rng.standard_normal((n, width))
    scores = scored(x, y, x, y, "least_squares")
    assert scores.r2_floor == pytest.approx(100 / 399)
    assert scores.r2_fit == pytest.approx(scores.r2_floor, abs=0.01)


@pytest.mark.parametrize(("n_fit", "floor"), [(41, 20 / 40), (12, 1.0)])
def test_the_floor_depends_on_the_source_and_the_fit_split_and_is_at_most_one(n_fit, floor):
    x, y = related(n_fit, width_a=20)
    scores = scored(x, y, *related(60, width_a=20, seed=1), "ridge")
    assert scores.r2_floor == floor
    assert (scores.n_fit, scores.n_test) == (n_fit, 60)


@every_family
def test_stitched_scores_are_those_of_explicit_predictions(family):
    x, y = related()
    x_test, y_test = related(60, seed=1)
    classifier = classifier_of(y_test)
    scores = scored(x, y, x_test, y_test, family)
    logits = fitted(x, y)[family].predict(x_test) @ classifier.weight.T + classifier.bias
    stitched, own = logits.argmax(axis=1), classifier.logits.argmax(axis=1)
    assert scores.stitched_accuracy == np.mean(stitched == classifier.labels)
    assert scores.agreement == np.mean(stitched == own)
    assert scores.target_accuracy == pytest.approx(0.9)
    chance = np.bincount(classifier.labels).max() / 60
    expected = (scores.stitched_accuracy - chance) / (0.9 - chance)
    assert scores.recovered_accuracy == pytest.approx(expected)
    mapping, training_mean = fitted(x, y)[family], y.mean(axis=0)
    for found, rows in ((scores.r2_fit, (x, y)), (scores.r2_test, (x_test, y_test))):
        expected = r2_of_predictions(mapping, *rows, training_mean)
        assert found == pytest.approx(expected, abs=1e-12)
    assert 0 < scores.agreement < 1


@every_family
@pytest.mark.parametrize("n_test", [33, 200])
@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_the_interval_of_r_squared_is_that_of_predictions_without_each_group(family, n_test, scale):
    x, y = related()
    x_test, y_test = related(n_test, seed=1)
    x, y, x_test, y_test = x * scale, y / scale, x_test * scale + scale, y_test / scale
    mapping, training_mean = fitted(x, y)[family], y.mean(axis=0)
    scores = scored(x, y, x_test, y_test, family)
    replicates = [
        r2_of_predictions(mapping, x_test, y_test, training_mean, kept)
        for kept in without_groups(n_test)
    ]
    low, high = jackknife_interval(scores.r2_test, replicates)
    assert high - low > 0.01
    assert (scores.r2_test_low, scores.r2_test_high) == pytest.approx((low, high), abs=1e-4)


@every_family
def test_the_interval_of_recovered_accuracy_is_that_of_answers_without_each_group(family):
    x, y = related(noise=0.5)
    x_test, y_test = related(200, seed=1, noise=0.5)
    classifier = classifier_of(y_test)
    scores = scored(x, y, x_test, y_test, family)
    mapped = fitted(x, y)[family].predict(x_test)
    stitched = (mapped @ classifier.weight.T + classifier.bias).argmax(axis=1)
    own, labels = classifier.logits.argmax(axis=1), classifier.labels
    chance = np.bincount(labels).max() / 200
    replicates = [
        (np.mean((stitched == labels)[kept]) - chance) / (np.mean((own == labels)[kept]) - chance)
        for kept in without_groups(200)
    ]
    expected = jackknife_interval(scores.recovered_accuracy, replicates)
    found = scores.recovered_accuracy_low, scores.recovered_accuracy_high
    assert found == pytest.approx(expected)
    assert found[1] - found[0] > 0.01
    assert scores.note == ""


def test_accuracies_by_class_are_means_over_the_samples_of_each_class():
    x, y = related()
    x_test, y_test = related(60, seed=1)
    classifier = classifier_of(y_test, classes=5)
    labels = np.where(classifier.labels == 3, 0, classifier.labels)
    classifier = dataclasses.replace(classifier, labels=labels)
    scores = scored(x, y, x_test, y_test, "ridge", classifier)
    mapped = fitted(x, y)["ridge"].predict(x_test)
    stitched = (mapped @ classifier.weight.T + classifier.bias).argmax(axis=1)
    for found, answers in (
        (scores.class_accuracies, stitched),
        (scores.target_class_accuracies, classifier.logits.argmax(axis=1)),
    ):
        assert found.shape == (5,)
        assert np.isnan(found[3])
        for label in (0, 1, 2, 4):
            assert found[label] == np.mean(answers[labels == label] == label)


@pytest.mark.parametrize("n_test", [31, 32])
def test_an_interval_needs_two_samples_in_every_group(n_test):
    scores = scored(*related(), *related(n_test, seed=1), "ridge")
    bounds = (
        scores.r2_test_low,
        scores.r2_test_high,
        scores.recovered_accuracy_low,
        scores.recovered_accuracy_high,
    )
    assert np.isfinite([scores.r2_test, scores.recovered_accuracy]).all()
    if n_test == 32:
        assert np.isfinite(bounds).all()
        assert scores.note == ""
    else:
        assert np.isnan(bounds).all()
        assert scores.note == "no interval below 32 samples"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("source", ["as good", "better"])
def test_a_target_that_one_group_lifts_above_chance_has_no_interval_and_says_so(source):
    labels = np.arange(32) // 16
    own = labels.copy()
    own[1:16] = 1  # right on 17 of 32, and on 15 of the 30 that are not in group 0
    y = (2.0 * own - 1)[:, None]
    x = y if source == "as good" else (2.0 * labels - 1)[:, None]
    logits = np.hstack([-y, y])
    classifier = TargetClassifier(np.array([[-1.0], [1.0]]), np.zeros(2), logits, labels)
    mapping = AffineMap("none", np.eye(1), np.zeros(1), 1, 0.0, "")
    scores = score(mapping, x, y, x, y, classifier)
    assert scores.target_accuracy == 17 / 32
    assert scores.recovered_accuracy == (1 if source == "as good" else 16)
    assert np.isnan([scores.recovered_accuracy_low, scores.recovered_accuracy_high]).all()
    assert np.isfinite([scores.r2_test_low, scores.r2_test_high]).all()
    assert scores.note == "no interval of recovered accuracy: undefined without some group"


def test_stitching_streams():
    x, y = related()
    classifier, mapping = classifier_of(y), fitted(x, y)["ridge"]
    whole, streamed = (
        stitched_predictions(mapping, x, classifier.weight, classifier.bias, chunk=chunk)
        for chunk in (1000, 7)
    )
    np.testing.assert_array_equal(whole, streamed)


@every_family
def test_a_model_maps_to_itself_perfectly(family):
    x, _ = related()
    x_test, _ = related(60, seed=1)
    scores = scored(x, x, x_test, x_test, family)
    assert scores.r2_fit == pytest.approx(1, abs=1e-5)
    assert scores.r2_test == pytest.approx(1, abs=1e-5)
    assert scores.recovered_accuracy == 1
    assert scores.agreement == 1


@pytest.mark.parametrize("accuracy", ["below chance", "at chance"])
def test_recovered_accuracy_is_undefined_for_a_target_no_better_than_chance(accuracy):
    x, y = related()
    classifier = dataclasses.replace(classifier_of(y), labels=np.zeros(90, dtype=np.int64))
    if accuracy == "at chance":
        classifier = dataclasses.replace(classifier, logits=np.tile([1.0, 0.0, 0.0], (90, 1)))
    scores = scored(x, y, x, y, "least_squares", classifier)
    assert np.isnan(scores.recovered_accuracy)
    assert np.isnan([scores.recovered_accuracy_low, scores.recovered_accuracy_high]).all()
    assert scores.note == "target accuracy is not above chance"
    assert np.isfinite([scores.stitched_accuracy, scores.r2_test_low]).all()


def test_the_note_of_a_map_is_kept_beside_those_of_its_scores():
    x, _ = related()
    classifier = dataclasses.replace(classifier_of(x), labels=np.zeros(90, dtype=np.int64))
    scores = scored(x, x, x, x, "ridge", classifier)
    assert scores.note == (
        "lambda at the lower edge of its grid; target accuracy is not above chance"
    )


@every_family
def test_a_constant_source_explains_nothing(family):
    _, y = related()
    x = np.full((90, 3), 0.1)
    scores = scored(x, y, x, y, family)
    assert scores.r2_fit == pytest.approx(0, abs=1e-12)
    assert scores.note.startswith("constant source representation")
    assert np.isfinite([scores.r2_test_low, scores.r2_test_high]).all()


@pytest.mark.filterwarnings("error")
@every_family
def test_a_constant_target_has_no_r_squared(family):
    x, _ = related()
    y = np.full((90, 3), 0.1)
    scores = scored(x, y, x, y, family, classifier_of(related(width_b=3)[1]))
    assert np.isnan([scores.r2_fit, scores.r2_test, scores.r2_test_low]).all()
    assert (
        "target is constant on the fit split; target is constant on the test split" in scores.note
    )


def test_moments_of_a_pair_reverse():
    x, y = related()
    there, back = pair_moments(x, y), pair_moments(y, x).reversed
    np.testing.assert_array_equal(there.source.mean, back.source.mean)
    np.testing.assert_array_equal(there.target.mean, back.target.mean)
    np.testing.assert_allclose(there.cross, back.cross, atol=1e-10)


def test_a_row_of_a_table_says_what_the_map_is_and_ends_in_the_note():
    x, y = related()
    mapping, scores = fitted(x, y)["reduced_rank"], scored(x, y, x, y, "reduced_rank")
    columns = score_columns(mapping, scores)
    expected = {"family": "reduced_rank", "d_source": 6, "d_target": 4, "rank": mapping.rank}
    assert columns.items() >= (expected | {"lambda": 0.0, "r2_test": scores.r2_test}).items()
    assert list(columns)[-1] == "note"
    assert not any(np.ndim(value) for value in columns.values())


def test_samples_that_do_not_match_are_refused():
    x, y = related()
    classifier = classifier_of(y)
    short = dataclasses.replace(classifier, logits=classifier.logits[:50])
    with pytest.raises(ValueError, match="number of samples"):
        scored(x, y, x, y, "ridge", short)


def labelled(n, seed, within=1.0):
    """Labels, and a source and a target that share classes and what is within them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=n)
    shared = within * rng.normal(size=(n, 3))
    source = rng.normal(size=(4, 6))[labels] + shared @ rng.normal(size=(3, 6))
    target = rng.normal(size=(4, 5))[labels] + shared @ rng.normal(size=(3, 5))
    noise = within * 0.3
    return labels, *(x + noise * rng.normal(size=x.shape) for x in (source, target))


def floor_of(labels, x, y, split):
    """`class_floor` of the first rows, on the others."""
    fit_x, fit_y = (factorise(each[:split]) for each in (x, y))
    classes = [
        weighted_class_means(each[:split], found, labels[:split])
        for each, found in ((x, fit_x), (y, fit_y))
    ]
    rest = labels[split:]
    test = Pair.of(*(Representation.of(each[split:], rest, None) for each in (x, y)))
    return class_floor(fit_x, fit_y, tuple(classes), test)


def test_the_class_floor_is_what_shuffling_within_classes_leaves():
    labels, x, y = labelled(6000, 0)
    found = floor_of(labels, x, y, 4000)
    rng, shuffled = np.random.default_rng(1), []
    for _ in range(20):
        order = np.empty(6000, int)
        for part in (slice(0, 4000), slice(4000, 6000)):
            for label in range(4):
                places = np.flatnonzero(labels[part] == label) + part.start
                order[places] = rng.permutation(places)
        mixed = y[order]
        mapping = fitted(x[:4000], mixed[:4000])["least_squares"]
        mean = mixed[:4000].mean(axis=0)
        shuffled.append(r2_of_predictions(mapping, x[4000:], mixed[4000:], mean))
    assert np.mean(shuffled) <= found
    assert found == pytest.approx(np.mean(shuffled), abs=0.005)
    whole = fitted(x[:4000], y[:4000])["least_squares"]
    assert r2_of_predictions(whole, x[4000:], y[4000:], y[:4000].mean(axis=0)) > found + 0.3


def test_where_nothing_differs_within_classes_they_tell_all():
    labels, x, y = labelled(400, 2, within=0.0)
    assert floor_of(labels, x, y, 200) == pytest.approx(1.0)


def test_without_classes_there_is_no_class_floor():
    labels, x, y = labelled(400, 3)
    found = factorise(x[:200]), factorise(y[:200])
    test = Pair.of(*(Representation.of(each[200:], labels[200:], None) for each in (x, y)))
    assert np.isnan(class_floor(*found, (None, None), test))
