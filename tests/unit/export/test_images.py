"""Images are exported as they are stored, under names that say what they are."""

import numpy as np
import pytest
from PIL import Image

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.export.images import (
    FORMATS,
    Group,
    adversarial_groups,
    clean_group,
    export_images,
    inversion_groups,
)
from repcompare.features.features_file import InputFeatures
from repcompare.storage.files import MismatchError
from repcompare.tables.files import read_table

MODEL = "resnet/seed1"


@pytest.fixture
def attacked(study):
    with AdversarialImages(study[MODEL].adversarial) as file:
        yield file


@pytest.fixture
def features(study):
    with InputFeatures(study[MODEL].features) as file:
        yield file


def image(folder, row) -> np.ndarray:
    """The image (C, H, W) of a row of an index."""
    path = folder / row["file"]
    if path.suffix == ".npy":
        return np.load(path)[row["row"]]
    pixels = np.asarray(Image.open(path))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def exported(folder, kind, groups, form):
    """The index, with the images in it."""
    export_images(folder, kind, groups, FORMATS[form])
    index = read_table(folder / f"{kind}.csv")
    return index, np.stack([image(folder, row) for _, row in index.iterrows()])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back_from_every_format(tmp_path, form, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, channels, 3, 4), np.uint8)
    columns = {"id": np.arange(5), "name": list("abcde"), "label": 0, "class_name": "a"}
    _, images = exported(tmp_path, "clean", [Group("clean", "clean", pixels, columns)], form)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, pixels)


@pytest.mark.parametrize("form", FORMATS)
def test_the_index_says_what_each_adversarial_image_is(tmp_path, attacked, form):
    index, images = exported(tmp_path, "adversarial", adversarial_groups([attacked]), form)
    assert set(index["model"]) == {MODEL}
    for name, stored in attacked.attacks.items():
        found = stored.condition
        rows = index[
            (index["attack"] == found.attack)
            & (index["norm"] == found.norm)
            & (index["epsilon_label"] == found.epsilon_label)
        ]
        assert rows["id"].tolist() == attacked.ids.tolist()
        np.testing.assert_array_equal(images[rows.index], stored.images[:])
        np.testing.assert_array_equal(rows["label"], attacked.labels)
        np.testing.assert_array_equal(rows["clean_prediction"], attacked.clean_prediction)
        np.testing.assert_array_equal(rows["prediction"], stored.prediction)
        np.testing.assert_array_equal(rows["successful"], stored.success)
        np.testing.assert_array_equal(rows["linf"], stored.linf)
        stem = f"adversarial/resnet-seed1/resnet-seed1_{name}"
        files = [f"{stem}_{number}.png" for number in attacked.ids]
        assert rows["file"].tolist() == (files if form == "png" else [f"{stem}.npy"] * len(rows))
    assert len(index) == len(attacked.attacks) * len(attacked.ids)


def test_the_index_of_inversions_says_how_near_they_are(tmp_path, features):
    index, images = exported(tmp_path, "inversions", inversion_groups([features]), "png")
    for start in ("noise", "image"):
        rows, stored = index[index["start"] == start], features.inversions(start)
        np.testing.assert_array_equal(images[rows.index], stored.images[:])
        np.testing.assert_allclose(rows["residual"], stored.residual)
        np.testing.assert_array_equal(rows["found"], stored.residual <= features.tolerance)
        assert rows["file"].iloc[0] == (
            f"inversions/resnet-seed1/resnet-seed1_{start}_{features.ids[0]}.png"
        )


def test_clean_images_are_those_of_the_file_that_has_most(tmp_path, attacked, features, dataset):
    assert len(attacked.ids) > len(features.ids)
    index, images = exported(tmp_path, "clean", [clean_group([features, attacked], dataset)], "png")
    assert index["id"].tolist() == attacked.ids.tolist()
    assert index["class_name"].tolist() == [str(label) for label in attacked.labels]
    np.testing.assert_array_equal(images, dataset.split("test").images[: len(attacked.ids)])


def test_images_of_another_data_file_are_refused(attacked):
    class Other:
        data_digest, path = "other", "other.h5"

    with pytest.raises(MismatchError, match="digest of the data"):
        clean_group([attacked], Other())
