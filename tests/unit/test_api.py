"""The public face: what it returns is the library's, and what it cannot use it refuses by name."""

import ast
import doctest
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import r2_score
from torch.nn.functional import cross_entropy
from unit.support.synthetic_representations import ALL, answers_to, labels_of, pair_of, related

import repcompare
from repcompare import api
from repcompare.attacks.pgd import OBJECTIVES
from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.maps.families import FAMILIES
from repcompare.representations.representation import Representation
from repcompare.vocabulary import GEOMETRY_MEASURES

PACKAGE = Path(repcompare.__file__).parent
# What no stage imports.
FACE = ("api.py", "arguments.py", "attacks/modules.py")
X, Y = related()
N = len(X)
LABELS = labels_of(N)
PREDICTIONS = answers_to(LABELS)
NUMBERS = ["value", "low", "high", "null"]
IMAGES = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(1))


class Linear(torch.nn.Module):
    """Logits of three classes, of an image that goes through a dropout and a normalisation."""

    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout()
        self.norm = torch.nn.BatchNorm2d(1)
        self.last = torch.nn.Linear(16, 3)
        weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
        self.last.weight.data, self.last.bias.data = weight, torch.zeros(3)

    def forward(self, images):
        return self.last(self.norm(self.dropout(images)).flatten(1))


@pytest.fixture
def module():
    return Linear().eval()


def answers(module, images):
    with torch.no_grad():
        return module(images).argmax(1)


def distances(images, norm):
    order = {"linf": torch.inf, "l2": 2}[norm]
    return torch.linalg.vector_norm(images - IMAGES, order, dim=(1, 2, 3))


# Import


def test_importing_the_package_imports_neither_numpy_nor_torch_until_a_function_is_asked_for():
    code = (
        "import sys, repcompare\n"
        "print(*{'numpy', 'torch', 'pandas'} & set(sys.modules), sep=',')\n"
        "from repcompare import study\n"
        "print(*{'numpy', 'torch', 'pandas'} & set(sys.modules), sep=',')\n"
        "repcompare.compare\n"
        "print(*sorted({'numpy', 'torch', 'pandas'} & set(sys.modules)), sep=',')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    output = subprocess.check_output(
        [sys.executable, "-c", code], env=environment, encoding="utf-8"
    )
    assert output.split("\n")[:3] == ["", "", "numpy,pandas"]


def test_the_package_has_the_functions_of_the_face_and_no_others():
    for name in api.__all__:
        assert getattr(repcompare, name) is getattr(api, name)
        assert name in dir(repcompare)
    with pytest.raises(AttributeError, match="has no attribute 'Representation'"):
        _ = repcompare.Representation


def test_the_stub_names_the_functions_of_the_face():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    named = [alias.asname for node in imports for alias in node.names]
    assert named == api.__all__ == ast.literal_eval(stub.body[-1].value)


def test_a_change_of_the_face_is_no_change_of_any_stage(tmp_path):
    scripts = Path(shutil.copytree(PACKAGE.parent, tmp_path / "workflow_scripts"))
    code = (
        "from pathlib import Path; from repcompare.study.code_digest import code_digest\n"
        f"for script in sorted(Path({str(scripts)!r}).glob('*.py')):\n"
        "    print(script, code_digest(script, 'repcompare.attacks.adversarial_training'))"
    )

    def digests():
        command, environment = [sys.executable, "-c", code], {"PYTHONPATH": str(scripts)}
        return subprocess.check_output(command, env=environment, encoding="utf-8")

    before = digests()
    for name in FACE:
        with (scripts / "repcompare" / name).open("a", encoding="utf-8") as file:
            file.write("\nCHANGED = True\n")
    assert digests() == before
    with (scripts / "repcompare" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\nCHANGED = True\n")
    assert not set(digests().splitlines()) & set(before.splitlines())


def test_the_examples_in_its_docstrings_are_true():
    found = doctest.testmod(api)
    assert found.attempted > 0
    assert found.failed == 0


def test_the_page_on_the_library_runs_from_top_to_bottom(capsys):
    page = Path(__file__).parents[2] / "docs" / "library.md"
    names = {}
    with torch.random.fork_rng():
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            exec(compile(block, page.name, "exec"), names)
    assert "CKA (debiased)" in capsys.readouterr().out
    assert names["pairs"]["value"].between(0.5, 1).all()
    assert names["predicted"].shape == (300, 48)
    assert names["fooled"].float().mean() > 0.5


# Comparing two


def test_its_rows_are_those_of_the_library():
    table = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    rows = compare_geometry(pair_of(X, Y, LABELS, PREDICTIONS), ALL)
    assert table["measure"].tolist() == [row.measure for row in rows]
    for column in (*NUMBERS, "n", "flag", "note"):
        expected = pd.Series([getattr(row, column) for row in rows], name=column)
        pd.testing.assert_series_equal(table[column], expected, check_dtype=False, check_exact=True)


def test_its_columns():
    table = repcompare.compare(X, Y, measures=["pwcca", "cka"])
    assert table.columns.tolist() == list(api.COLUMNS)
    assert table["measure"].tolist() == ["pwcca", "pwcca", "cka"]
    assert table["label"].tolist() == ["PWCCA", "PWCCA", "CKA"]
    assert table["direction"].tolist() == ["X to Y", "Y to X", ""]


def test_values_in_closed_form():
    table = repcompare.compare(
        X, Y, predictions=PREDICTIONS, measures=["cka", "procrustes", "disagreement"]
    )
    a, b = X - X.mean(axis=0), Y - Y.mean(axis=0)
    expected = [
        np.sum((a.T @ b) ** 2) / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b),
        np.linalg.norm(a.T @ b, "nuc") / np.linalg.norm(a) / np.linalg.norm(b),
        np.mean(PREDICTIONS[0] != PREDICTIONS[1]),
    ]
    assert table["value"].tolist() == pytest.approx(expected, rel=1e-10)


def test_a_rotated_and_scaled_copy_is_the_same_to_every_measure_that_does_not_see_rotations():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((X.shape[1],) * 2))[0]
    names = [
        name
        for name, m in MEASURES.items()
        if "orthogonal" in m.invariances and GEOMETRY_MEASURES[name].similarity
    ]
    table = repcompare.compare(X, 3 * X @ rotation + 1, LABELS, measures=names)
    assert table["value"].tolist() == pytest.approx([1.0] * len(names), abs=1e-6)


@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("predictions", [None, PREDICTIONS])
def test_by_default_it_takes_every_measure_that_what_is_given_allows(labels, predictions):
    missing = {"classes"} if labels is None else set()
    missing |= {"predictions"} if predictions is None else set()
    allowed = [name for name, measure in MEASURES.items() if measure.needs not in missing]
    table = repcompare.compare(X, Y, labels, predictions)
    assert list(dict.fromkeys(table["measure"])) == allowed


def test_a_measure_is_asked_for_by_name_once_or_twice():
    one = repcompare.compare(X, Y, measures="cka")
    pd.testing.assert_frame_equal(repcompare.compare(X, Y, measures=["cka", "cka"]), one)
    pd.testing.assert_frame_equal(repcompare.compare(X, Y, measures=iter(["cka"])), one)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.tolist(),
        pd.DataFrame,
        torch.from_numpy,
        lambda x: torch.from_numpy(x).requires_grad_(),
        np.asfortranarray,
    ],
    ids=["lists", "data frame", "tensor", "tensor with gradient", "Fortran order"],
)
def test_array_likes_are_the_same_as_arrays(make):
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(make(X), make(Y), LABELS, PREDICTIONS)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "make", [list, pd.Series, torch.from_numpy, np.float32], ids=lambda make: make.__name__
)
def test_classes_may_be_array_likes_too(make):
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(X, Y, make(LABELS), [make(each) for each in PREDICTIONS])
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float16", bool])
def test_numbers_of_any_type_are_those_of_float64(dtype):
    x, y = (np.abs(4 * each).astype(dtype) for each in (X, Y))
    expected = repcompare.compare(x.astype(float), y.astype(float), LABELS)
    pd.testing.assert_frame_equal(repcompare.compare(x, y, LABELS), expected, rtol=1e-9)


def test_a_tensor_of_bfloat16_is_read():
    x = torch.from_numpy(X).bfloat16()
    expected = repcompare.compare(x.double(), Y, measures="cka")
    pd.testing.assert_frame_equal(repcompare.compare(x, Y, measures="cka"), expected)


def test_classes_may_have_names():
    names = np.array(list("abcdefgh"))
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(X, Y, names[LABELS], [names[each] for each in PREDICTIONS])
    pd.testing.assert_frame_equal(found, expected)


def test_two_samples_are_enough_for_a_table_and_say_that_there_is_no_interval():
    table = repcompare.compare(X[:2], Y[:2], LABELS[:2], [each[:2] for each in PREDICTIONS])
    assert set(table["measure"]) == set(MEASURES)
    assert table["low"].isna().all()


@pytest.mark.parametrize("scale", [1e-58, 1e-30, 1e30, 1e58])
def test_the_scale_of_a_representation_is_of_no_matter(scale):
    expected = repcompare.compare(X, Y, LABELS)
    found = repcompare.compare(X * scale, Y, LABELS)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)


def test_a_representation_that_does_not_vary_has_no_value_and_says_why():
    table = repcompare.compare(np.ones_like(X), Y, measures=["cka", "rsa"])
    assert table["value"].isna().all()
    assert set(table["note"]) == {"constant representation"}


# Comparing all


MODELS = {"first": X, "second": Y, "third": np.tanh(X[:, :3])}
ANSWERS = {"first": PREDICTIONS[0], "second": PREDICTIONS[1], "third": LABELS}


def test_all_pairs_are_those_of_two_in_the_order_of_the_names():
    table = repcompare.compare_all(MODELS, LABELS, ANSWERS)
    assert table.columns.tolist() == ["model_a", "model_b", *api.COLUMNS]
    pairs = table[["model_a", "model_b"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["first", "second"], ["first", "third"], ["second", "third"]]
    for a, b in itertools.combinations(MODELS, 2):
        both = table["model_a"].eq(a) & table["model_b"].eq(b)
        found = table[both].drop(columns=["model_a", "model_b", "direction"]).reset_index(drop=True)
        expected = repcompare.compare(MODELS[a], MODELS[b], LABELS, (ANSWERS[a], ANSWERS[b]))
        pd.testing.assert_frame_equal(found, expected.drop(columns="direction"), rtol=1e-9)
        directions = table.loc[both & table["measure"].eq("pwcca"), "direction"]
        assert directions.tolist() == ["a to b", "b to a"]


def test_the_order_of_the_predictions_is_of_no_matter():
    found = repcompare.compare_all(MODELS, LABELS, dict(reversed(ANSWERS.items())))
    pd.testing.assert_frame_equal(found, repcompare.compare_all(MODELS, LABELS, ANSWERS))


def test_each_representation_is_summed_up_once(monkeypatch):
    seen, original = [], Representation.of
    monkeypatch.setattr(
        Representation, "of", lambda rows, *rest: seen.append(rows) or original(rows, *rest)
    )
    repcompare.compare_all(MODELS, measures=["cka", "cca"])
    assert [id(rows) for rows in seen] == [id(rows) for rows in MODELS.values()]


# What cannot be used


RAGGED = [[1.0, 2.0], [3.0]]
NAN = np.where(np.arange(N)[:, None] == 7, np.nan, X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[:, 0]}, r"X: the shape is \(160,\), not \(samples, units\)"),
        ({"Y": Y[:, :, None]}, r"Y: the shape is .* flatten"),
        ({"X": X[:1]}, r"X: at least 2 samples and 1 unit are needed, not \(1, 6\)"),
        ({"X": X[:, :0]}, r"X: at least 2 samples and 1 unit"),
        ({"Y": Y[:9]}, "same samples in the same order are needed: X has 160, Y has 9"),
        ({"X": NAN}, "X: 1 of 160 samples .* not finite; the first is number 7"),
        ({"Y": np.full_like(Y, np.inf)}, "Y: 160 of 160 samples"),
        ({"X": X * 1e100}, "X: values up to .* leave the range of float64"),
        ({"Y": Y * 1e-100}, "Y: values up to .* leave the range of float64"),
        ({"X": RAGGED}, "X: cannot be made an array"),
        ({"X": X.astype(str)}, "X: real numbers are needed, not <U"),
        ({"X": X + 1j}, "X: real numbers are needed, not complex128"),
        ({"X": [["a", None], ["b", None]]}, "X: real numbers are needed"),
        ({"labels": LABELS[:9]}, r"labels: the shape is \(9,\), not one class for each of 160"),
        ({"labels": np.eye(8)[LABELS]}, r"labels: .*argmax"),
        ({"labels": LABELS + 0.5}, "labels: classes are needed, not numbers between"),
        ({"labels": np.where(LABELS == 0, np.nan, LABELS)}, "labels: classes are needed"),
        ({"predictions": LABELS}, "predictions: two are needed, of X and of Y, not 160"),
        ({"predictions": (LABELS, LABELS[:9])}, r"predictions of Y: the shape is \(9,\)"),
        ({"measures": "CKA"}, "measures: 'CKA' is not one of cka, cka_debiased"),
        ({"measures": []}, "measures: none is asked for; allowed: cka, "),
        ({"measures": "cka_centroids"}, "cka_centroids needs labels"),
        (
            {"measures": ["cka", "disagreement", "cka_within_class"]},
            "disagreement needs predictions; cka_within_class needs labels",
        ),
    ],
)
def test_what_two_cannot_be_compared_by_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        repcompare.compare(**{"X": X, "Y": Y, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"representations": {"a": X}}, "representations: at least two are needed, not 1"),
        ({"representations": {"a": X, "b": NAN}}, r"representations\['b'\]: 1 of 160"),
        ({"representations": {"a": X, "b": Y[:9]}}, "a has 160, b has 9"),
        ({"predictions": {"first": LABELS}}, r"predictions: of \['first'\], but"),
        ({"measures": ["disagreement"]}, "disagreement needs predictions"),
    ],
)
def test_what_all_cannot_be_compared_by_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        repcompare.compare_all(**{"representations": MODELS, **arguments})


def test_representations_without_names_are_refused():
    with pytest.raises(TypeError, match="a dict of arrays by name is needed, not list"):
        repcompare.compare_all([X, Y])


# Maps


def test_a_map_that_exists_is_found():
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((6, 3)), rng.standard_normal(3)
    mapping = repcompare.fit_map(X, X @ weight + bias)
    np.testing.assert_allclose(mapping.weight, weight, atol=1e-9)
    np.testing.assert_allclose(mapping.bias, bias, atol=1e-9)
    np.testing.assert_allclose(mapping.predict(X[:5]), X[:5] @ weight + bias, atol=1e-9)
    assert mapping.rank == 3


def test_rotations_and_permutations_are_found():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    found = repcompare.fit_map(X, 2 * X @ rotation, "orthogonal").weight
    np.testing.assert_allclose(found, 2 * rotation, atol=1e-9)
    order = np.array([3, 0, 2, 5, 1, 4])
    found = repcompare.fit_map(X, 2 * X[:, order], "permutation").weight
    np.testing.assert_allclose(found, 2 * np.eye(6)[:, order], atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_its_score_is_that_of_scikit_learn_on_samples_that_it_was_not_fitted_on(family):
    mapping = repcompare.fit_map(X[:100].tolist(), torch.from_numpy(Y[:100]), family)
    assert mapping.family == family
    expected = r2_score(Y[100:], mapping.predict(X[100:]), multioutput="variance_weighted")
    assert repcompare.r2_score(mapping, X[100:], Y[100:]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: api.fit_map(X, Y, "lasso"), "family: 'lasso' is not one of .*ridge"),
        (lambda: api.fit_map(X, Y[:9]), "X has 160, Y has 9"),
        (lambda: api.fit_map(X[0], Y), "X: the shape"),
        (lambda: api.r2_score(api.fit_map(X, Y), Y, Y), "X: has 4 units, and the map is of 6"),
        (lambda: api.r2_score(api.fit_map(X, Y), X, X), "Y: has 6 units, and the map is of 4"),
    ],
)
def test_what_a_map_cannot_be_fitted_on_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Attacks


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 8 / 255), ("l2", 0.5)])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("random_start", [False, True])
def test_images_stay_in_the_ball_and_raise_the_loss(module, norm, epsilon, objective, random_start):
    labels = answers(module, IMAGES)
    found = repcompare.attack(
        module, IMAGES, labels, norm=norm, epsilon=epsilon, objective=objective,
        random_start=random_start,
    )  # fmt: skip
    assert found.dtype == torch.float32
    assert found.shape == IMAGES.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert (distances(found, norm) <= epsilon * (1 + 1e-5)).all()
    before, after = (
        cross_entropy(module(each), labels, reduction="none") for each in (IMAGES, found)
    )
    assert (after > before).all()


def test_of_two_classes_it_is_the_worst_in_the_ball():
    weight = torch.randn(2, 16, generator=torch.Generator().manual_seed(3))
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    module[1].weight.data = weight
    labels = torch.arange(12) % 2
    found = repcompare.attack(module, IMAGES, labels, epsilon=0.1, steps=40)
    ascent = (weight[1 - labels] - weight[labels]).sign().reshape(IMAGES.shape)
    worst = (IMAGES + 0.1 * ascent).clamp(0, 1)
    torch.testing.assert_close(found, worst)


def test_targets_are_driven_to(module):
    labels = answers(module, IMAGES)
    targets = (labels + 1) % 3
    found = repcompare.attack(module, IMAGES, labels, epsilon=0.9, targets=targets)
    assert (answers(module, found) == targets).all()


def test_more_restarts_never_raise_the_margin(module):
    labels = answers(module, IMAGES)

    def margins(**settings):
        found = repcompare.attack(module, IMAGES, labels, epsilon=0.3, steps=1, **settings)
        logits = module(found)
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        return logits.gather(1, labels[:, None])[:, 0] - others

    one, four = margins(), margins(restarts=4)
    assert (four <= one).all()
    assert (four < one).any()


def test_the_same_call_gives_the_same_images_whatever_the_batches_and_the_state_of_torch(module):
    labels = answers(module, IMAGES)
    one = repcompare.attack(module, IMAGES, labels, restarts=2)
    state = torch.get_rng_state()
    other = repcompare.attack(module, IMAGES, labels, restarts=2, batch_size=5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-6)
    assert not torch.equal(repcompare.attack(module, IMAGES, labels, seed=1), one)


def test_lists_and_arrays_are_attacked_like_tensors(module):
    labels = answers(module, IMAGES)
    expected = repcompare.attack(module, IMAGES, labels)
    for images, classes in (
        (IMAGES.tolist(), labels.tolist()),
        (IMAGES.numpy().astype(np.float64), labels.numpy().astype(np.uint8)),
    ):
        assert torch.equal(repcompare.attack(module, images, classes), expected)


def test_the_module_the_images_and_their_gradients_are_left_as_they_were():
    module = Linear().train()
    module.norm.eval()
    module.last.bias.requires_grad_(False)
    module.last.weight.grad = torch.ones(3, 16)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    images = IMAGES.clone()
    repcompare.attack(module, images, torch.zeros(12, dtype=torch.int64))
    assert torch.equal(images, IMAGES)
    assert [part.training for part in module.modules()] == [True, True, False, True]
    wanted = {name: p.requires_grad for name, p in module.named_parameters()}
    assert wanted == {n: n != "last.bias" for n in wanted}
    assert torch.equal(module.last.weight.grad, torch.ones(3, 16))
    assert module.norm.weight.grad is None
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_module_that_fails_is_left_as_it_was():
    class Failing(Linear):
        def forward(self, images):
            if torch.is_grad_enabled():
                raise RuntimeError("no gradient")
            return super().forward(images)

    module = Failing().train()
    with pytest.raises(RuntimeError, match="no gradient"):
        repcompare.attack(module, IMAGES, [0] * 12)
    assert all(part.training for part in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_it_attacks_where_gradients_are_off(module):
    labels = answers(module, IMAGES)
    with torch.no_grad():
        found = repcompare.attack(module, IMAGES, labels)
    assert torch.equal(found, repcompare.attack(module, IMAGES, labels))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[0]}, r"images: the shape is \(1, 4, 4\), not \(images, channels"),
        ({"images": IMAGES[:0], "labels": []}, "images: the shape"),
        ({"images": 255 * IMAGES}, "images: values in .0, 1. are needed, .*; divide by 255"),
        ({"images": IMAGES - 1}, "images: values in .0, 1. are needed"),
        ({"images": IMAGES * torch.nan}, "images: values in .0, 1. are needed"),
        ({"labels": [0] * 11}, r"labels: the shape is \(11,\), not one class for each of 12"),
        ({"labels": [3] * 12}, "labels: classes from 0 to 2 are needed, .* not 3"),
        ({"labels": [-100] * 12}, "labels: classes from 0 to 2 are needed"),
        ({"labels": ["a"] * 12}, "labels: whole numbers are needed"),
        ({"targets": [3] * 12}, "targets: classes from 0 to 2 are needed"),
        ({"norm": "l1"}, "norm: 'l1' is not one of linf, l2"),
        ({"objective": "hinge"}, "objective: 'hinge' is not one of"),
        ({"precision": "float64"}, "precision: 'float64' is not one of"),
        ({"epsilon": 0}, "epsilon: a number above 0 is needed"),
        ({"epsilon": np.nan}, "epsilon: a number above 0 is needed"),
        ({"step_size": -1}, "step_size: a number above 0 is needed"),
        ({"steps": 2.5}, "steps: a whole number above 0 is needed"),
        ({"batch_size": 0}, "batch_size: a whole number above 0 is needed"),
        ({"seed": -1}, "seed: a whole number from 0 is needed"),
        ({"restarts": 2, "random_start": False}, "restarts: 2, but without a random start"),
        ({"module": torch.nn.Identity()}, "module: gives .* for one image, not the logits"),
    ],
)
def test_what_cannot_be_attacked_is_named(module, arguments, message):
    given = {"module": module, "images": IMAGES, "labels": [0] * 12, **arguments}
    with pytest.raises(ValueError, match=message):
        repcompare.attack(**given)
