"""Galleries show images that every model classifies correctly, the same ones of all, and what fools it."""

import numpy as np
import pytest
from unit.support.drawn import texts
from unit.support.resealed import resealed

from repcompare.data.dataset_file import Dataset
from repcompare.figures import feature_gallery
from repcompare.figures.adversarial_examples import Examples, adversarial_examples
from repcompare.figures.style import save
from repcompare.stages.draw_adversarial_examples import read_examples
from repcompare.stages.draw_feature_gallery import read_features
from repcompare.storage.files import MismatchError
from repcompare.transfer.reference import Strength


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gallery_marks_what_fools_the_model(channels, tmp_path):
    clean = np.full((2, channels, 8, 8), 100, np.uint8)
    examples = {"vgg/seed0": Examples(clean + np.uint8(8), np.array([1, 1]))}
    figure = adversarial_examples(
        clean, np.array([0, 1]), ["cat", "dog"], examples, Strength("linf", 8 / 255, "8/255")
    )
    save(figure, tmp_path / "gallery.svg", tmp_path / "gallery.png")
    weights = [axes.title.get_fontweight() for axes in figure.axes if axes.get_title() == "dog"]
    assert sorted(weights) == ["bold", "normal", "normal"]
    assert "±8 of 255" in figure.get_suptitle()


def test_a_class_may_be_called_anything(tmp_path):
    clean, names = np.full((3, 1, 8, 8), 100, np.uint8), ["$\\frac{a}$", "x" * 300, "\u202e\n"]
    examples = {"vgg/seed0": Examples(clean, np.array([0, 1, 2]))}
    strength = Strength("linf", 8 / 255, "8/255")
    figure = adversarial_examples(clean, np.arange(3), names, examples, strength)
    save(figure, tmp_path / "gallery.svg", tmp_path / "gallery.png")
    drawn = {axes.get_title() for axes in figure.axes} - {""}
    assert drawn == {r"\$\frac{a}\$", f"{'x' * 17}...", r"\u202e\n"}


@pytest.fixture
def data(tmp_path):
    """Three test images, each of one grey level: 0, 1, 2."""
    with resealed(tmp_path / "data.h5") as file:
        file.attrs["digest"] = "data"
        levels = np.arange(3, dtype=np.uint8)[:, None, None, None]
        file["test/images"] = levels * np.ones((1, 1, 8, 8), np.uint8)
        file["test/ids"], file["test/labels"] = [5, 6, 7], [0, 1, 1]
    with Dataset(tmp_path / "data.h5") as opened:
        yield opened


def adversarial_file(path, model, ids, predictions):
    with resealed(path) as file:
        file.attrs["model"], file.attrs["data_digest"] = model, "data"
        file["ids"], file["labels"] = ids, [0, 1, 1]
        file["clean_prediction"] = predictions
        for place, (kind, epsilon) in enumerate([("noise", 0.1), ("pgd", 0.1), ("pgd", 0.2)]):
            group = file.create_group(f"attacks/{place}")
            group.attrs.update({"attack": kind, "norm": "linf", "epsilon": epsilon})
            group.attrs["epsilon_label"] = str(epsilon)
            group["images"] = np.full((3, 1, 8, 8), place, np.uint8)
            group["prediction"] = [place] * 3
    return path


def test_examples_are_the_first_images_that_every_model_classifies_correctly(data, tmp_path):
    files = [
        adversarial_file(tmp_path / "a.h5", "a/seed0", [5, 6, 7], [0, 1, 1]),
        adversarial_file(tmp_path / "b.h5", "b/seed0", [5, 6, 7], [1, 1, 1]),
    ]
    clean, labels, examples = read_examples(files, data, Strength("linf", 0.2, "0.2"), 8)
    assert clean[:, 0, 0, 0].tolist() == [1, 2]
    assert labels.tolist() == [1, 1]
    assert list(examples) == ["a/seed0", "b/seed0"]
    assert (examples["b/seed0"].images == 2).all()
    assert examples["b/seed0"].predictions.tolist() == [2, 2]
    clean, labels, examples = read_examples(files, data, None, 8)
    shown = adversarial_examples(clean, labels, ["cat", "dog"], examples, None)
    assert "no adversarial examples" in texts(shown)[0]


def test_examples_of_different_images_do_not_stand_side_by_side(data, tmp_path):
    files = [
        adversarial_file(tmp_path / "a.h5", "a/seed0", [5, 6, 7], [0, 1, 1]),
        adversarial_file(tmp_path / "b.h5", "b/seed0", [5, 6, 8], [0, 1, 1]),
    ]
    with pytest.raises(MismatchError, match=r"b\.h5 and .*a\.h5 hold different images"):
        read_examples(files, data, Strength("linf", 0.2, "0.2"), 8)
    with pytest.raises(MismatchError, match=r"b\.h5 and .*data\.h5 hold different test images"):
        read_examples(files[1:], data, Strength("linf", 0.2, "0.2"), 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_of_photographs_no_more_pixels_are_embedded_than_a_tile_shows(channels, tmp_path):
    rng = np.random.default_rng(0)
    clean = rng.integers(100, 120, size=(1, channels, 224, 300), dtype=np.uint8)
    moved = clean + rng.choice([-8, 8], size=clean.shape).astype(np.int8)
    examples = {"vgg/seed0": Examples(moved.astype(np.uint8), np.array([1]))}
    strength = Strength("linf", 8 / 255, "8/255")
    figure = adversarial_examples(clean, np.array([0]), ["cat", "dog"], examples, strength)
    shown, _, change = (axes.images[0].get_array() for axes in figure.axes)
    assert shown.shape[:2] == change.shape[:2] == (96, 96)
    assert shown.mean() == pytest.approx(clean.mean(), abs=0.1)
    # A change is not lost between its neighbours.
    assert np.unique(np.asarray(change)).tolist() == ([-8, 8] if channels == 1 else [0, 1])


def test_a_gallery_of_other_images_than_the_clean_ones_is_refused():
    clean = np.zeros((2, 1, 8, 8), np.uint8)
    examples = {"vgg/seed0": Examples(clean[:1], np.zeros(1, int))}
    with pytest.raises(ValueError, match=r"vgg/seed0 has images \(1, 1, 8, 8\)"):
        adversarial_examples(
            clean, np.zeros(2, int), ["cat"], examples, Strength("linf", 0.1, "0.1")
        )


def features_file(path, model, ids, predictions):
    with resealed(path) as file:
        file.attrs["model"], file.attrs["data_digest"] = model, "data"
        file["ids"], file["labels"], file["prediction"] = ids, [0, 1, 1], predictions
        file["gradient"] = np.ones((3, 1, 8, 8))
        file["inversion/noise/images"] = np.full((3, 1, 8, 8), 128, np.uint8)
        file["inversion/noise/residual"] = [0.25, 0.125, 0.0625]
    return path


def test_the_gallery_of_features_shows_what_every_model_classifies_correctly(data, tmp_path):
    files = [
        features_file(tmp_path / "a.h5", "a/seed0", [5, 6, 7], [0, 1, 1]),
        features_file(tmp_path / "b.h5", "b/seed0", [5, 6, 7], [0, 0, 1]),
    ]
    clean, labels, features = read_features(files, data, 8)
    assert clean[:, 0, 0, 0].tolist() == [0, 2]
    assert labels.tolist() == [0, 1]
    figure = feature_gallery.feature_gallery(clean, labels, ["cat", "dog"], features)
    save(figure, tmp_path / "gallery.svg", tmp_path / "gallery.png")
    shown = texts(figure)
    assert {"a/seed0", "b/seed0", "cat", "dog", "25.0 %", "6.2 %"} <= set(shown)
    nothing = read_features(files, data, 0)
    assert "no images" in texts(feature_gallery.feature_gallery(*nothing[:2], [], nothing[2]))[0]
    features_file(tmp_path / "c.h5", "c/seed0", [5, 6, 8], [0, 1, 1])
    with pytest.raises(MismatchError, match="hold different images"):
        read_features([files[0], tmp_path / "c.h5"], data, 8)


def test_images_that_are_not_rounded_are_shown_in_grey_levels(data, tmp_path):
    path = adversarial_file(tmp_path / "a.h5", "a/seed0", [5, 6, 7], [0, 1, 1])
    with resealed(path) as file:
        for group in file["attacks"].values():
            del group["images"]
            group["images"] = np.full((3, 1, 8, 8), 2.4 / 255, np.float32)
    strength = Strength("linf", 0.2, "0.2")
    clean, labels, examples = read_examples([path], data, strength, 8)
    np.testing.assert_allclose(examples["a/seed0"].images, 2.4, rtol=1e-6)
    figure = adversarial_examples(clean, labels, ["cat", "dog", "cow"], examples, strength)
    assert "±2.4 of 255" in figure.get_suptitle()
