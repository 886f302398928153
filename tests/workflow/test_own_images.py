"""Images of one's own: what comes or goes in their folders reruns the study, and nothing else does."""

import numpy as np
import pytest
from PIL import Image
from workflow.study import ALL_RULES, jobs

NOTHING = set()


def write_image(path, seed) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(256, size=(9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def own(new_study):
    """The tiny study of a folder of photographs, of which nothing is computed yet."""
    for split, number in (("train", 12), ("val", 10)):
        for place in range(2 * number):
            name = ("cat", "dog")[place % 2]
            write_image(new_study.folder / "photos" / split / name / f"{place}.jpg", place)
    new_study.set(data={"name": "folder", "root": "photos", "size": 8})
    return new_study


@pytest.fixture
def touched(own):
    """The same with an empty file in the place of every result."""
    planned = own.call("--dry-run")
    assert planned.jobs == jobs(*ALL_RULES)
    for output in (file for record in planned.records for file in record["output"]):
        (own.folder / output).parent.mkdir(parents=True, exist_ok=True)
        (own.folder / output).touch()
    own.run("--touch", "--forceall")
    return own


def test_what_comes_or_goes_in_a_folder_reruns_everything_and_nothing_else_does(touched):
    photos = touched.folder / "photos"
    assert touched.due() == NOTHING
    write_image(photos / "train" / "cat" / "0.jpg", seed=99)
    (photos / "README.txt").touch()
    assert touched.due() == NOTHING

    write_image(photos / "train" / "cat" / "new.jpg", seed=100)
    assert touched.due() == jobs(*ALL_RULES)
    touched.run("--touch", "--forceall")
    assert touched.due() == NOTHING

    (photos / "val" / "dog" / "1.jpg").unlink()
    assert touched.due() == jobs(*ALL_RULES)
    touched.run("--touch", "--forceall")
    write_image(photos / "train" / "emu" / "0.jpg", seed=101)
    assert touched.due() == jobs(*ALL_RULES)


@pytest.mark.parametrize(("key", "value"), [("size", 9), ("crop", 0.9)])
def test_how_photographs_are_cut_reruns_everything(touched, key, value):
    touched.set(**{f"data__{key}": value})
    assert touched.due() == jobs(*ALL_RULES)


def test_a_study_stands_without_its_photographs_and_says_so(touched):
    (touched.folder / "photos").rename(touched.folder / "elsewhere")
    outcome = touched.call("--dry-run")
    assert outcome.returncode == 0
    assert outcome.jobs == NOTHING
    assert (
        "data.root: photos: no such folder: results/tiny/data/dataset.h5 is taken" in outcome.text
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"root": "fotos"}, "data.root: fotos: no such folder"),
        ({"root": "photos/train"}, "data.test_samples: missing, for photos/train has no test"),
        ({"test_samples": 30}, "data.test_samples: got 30, but photos has test images already"),
        ({"name": "arrays", "size": None}, "data.root: photos: not a file of arrays"),
    ],
)
def test_images_that_do_not_lie_as_they_must_are_named_before_any_job(own, changes, said):
    own.set(**{f"data__{key}": value for key, value in changes.items()})
    outcome = own.call("--dry-run")
    assert outcome.returncode != 0
    assert outcome.jobs == NOTHING
    assert said in outcome.text


def test_a_file_of_arrays_reruns_everything_if_it_is_another(own):
    def write(seed):
        images = np.random.default_rng(seed).integers(256, size=(60, 8, 8), dtype=np.uint8)
        labels = np.arange(60) % 2
        np.savez(own.folder / "cells.npz", train_images=images, train_labels=labels)

    write(0)
    own.set(data={"name": "arrays", "root": "cells.npz", "test_samples": 20})
    target = "results/tiny/data/dataset.h5"
    assert own.run(target).jobs == {"prepare_data"}
    assert own.due(target) == NOTHING
    write(1)
    assert own.due(target) == {"prepare_data"}
    own.set(attack__samples=21)
    outcome = own.call("--dry-run")
    assert "attack.samples: got 21, but cells.npz has 20 test images" in outcome.text


def test_the_first_job_names_a_broken_photograph_and_a_key_that_asks_for_too_many(own):
    target = "results/tiny/data/dataset.h5"
    own.set(features__samples=21)
    log = own.result("logs/prepare_data.log")
    assert own.call(target).failed == {"prepare_data"}
    text = log.read_text(encoding="utf-8")
    assert "features.samples: got 21, but there are 20 test images" in text

    own.set(features__samples=20)
    path = own.folder / "photos" / "train" / "cat" / "4.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    assert own.call(target).failed == {"prepare_data"}
    text = log.read_text(encoding="utf-8")
    assert "data.root: cannot read photos/train/cat/4.jpg (truncated)" in text
