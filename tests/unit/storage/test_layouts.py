"""What is said of the HDF5 files is what a study's files hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from unit.support.own_images import image_folder, prepared

from repcompare.data.dataset_file import Dataset
from repcompare.stages.make_nonrobust import write_nonrobust
from repcompare.storage.layouts import LAYOUTS, Item, is_named


class Found(NamedTuple):
    """A data set or an attribute of a file, and the name of its group, if it is an attribute."""

    group: str | None
    name: str
    dtype: str
    dimensions: int


@pytest.fixture(scope="module")
def paths(study, files, dataset_path, tmp_path_factory) -> dict[str, list]:
    """The files of the small study, by kind."""
    nonrobust = tmp_path_factory.mktemp("nonrobust") / "resnet.h5"
    own = tmp_path_factory.mktemp("own") / "dataset.h5"
    prepared(own, image_folder(own.with_name("photos"), {"train/cat": 3, "val/cat": 2}))
    section = {"norm": "l2", "epsilon": "1.5", "steps": 1, "step_size": 1.0}
    with Dataset(dataset_path) as data:
        write_nonrobust(nonrobust, study["resnet/seed0"].model, data, section, "float32", 0)
    return {
        "dataset": [dataset_path, own],
        "activations": files["activations"],
        "adversarial": files["adversarial"],
        "features": [model.features for model in study.values()],
        "maps": [path.with_name("maps.h5") for path in files["scores"]],
        "evaluation": files["evaluations"],
        "nonrobust": [nonrobust],
    }


def contents(path) -> Iterator[Found]:
    """All that is in a file."""
    found = []

    def see(name, item):
        if isinstance(item, h5py.Dataset):
            dtype = "text" if item.dtype.kind == "S" else item.dtype.name
            found.append(Found(None, name, dtype, item.ndim))
        for key, value in item.attrs.items():
            value = np.asarray(value)
            dtype = "text" if value.dtype.kind in "OU" else value.dtype.name
            found.append(Found(name, key, dtype, value.ndim))

    with h5py.File(path) as file:
        see("", file)
        file.visititems(see)
    return found


def said_of(found: Found, layout) -> list[Item]:
    """What a layout says of something found, the most particular first."""
    if found.group is None:
        return [item for item in layout.datasets if is_named(item.name, found.name)]
    return [
        item
        for item in layout.attributes
        if item.name == found.name and is_named(item.group, found.group)
    ]


def test_every_file_that_the_rules_write_is_described():
    rules = Path(__file__).parents[3] / "rules"
    text = "".join(path.read_text(encoding="utf-8") for path in rules.glob("*.smk")).replace(
        "{{source}}", "nonrobust"
    )
    assert set(re.findall(r"/(\w+)\.h5", text)) | {"dataset"} == set(LAYOUTS)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_all_that_is_in_a_file_is_described_as_it_is(paths, kind):
    for path in paths[kind]:
        for found in contents(path):
            items = said_of(found, LAYOUTS[kind])
            assert items, found
            assert found.dtype in items[0].dtype.split("/"), found
            assert len(items[0].shape) == found.dimensions, found


@pytest.mark.parametrize("kind", LAYOUTS)
def test_all_that_is_described_is_there_where_it_is_not_optional(paths, kind):
    layout = LAYOUTS[kind]
    for path in paths[kind]:
        there = {items[0] for found in contents(path) if (items := said_of(found, layout))}
        needed = {item for item in (*layout.datasets, *layout.attributes) if not item.optional}
        assert needed <= there, needed - there


def test_every_group_of_a_pattern_holds_all_of_it(paths):
    """Each attack, pair and start, not only the first."""
    for kind, layout in LAYOUTS.items():
        for path in paths[kind]:
            found = list(contents(path))
            names = {each.name for each in found if each.group is None}
            for group in {name.rpartition("/")[0] for name in names}:
                beside = [
                    item
                    for item in layout.datasets
                    if not item.optional
                    and "{" not in item.name.rpartition("/")[2]
                    and is_named(item.name.rpartition("/")[0], group)
                ]
                for item in beside:
                    assert f"{group}/{item.name.rpartition('/')[2]}".lstrip("/") in names


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_everything_says_what_it_means(layout):
    for item in (*layout.datasets, *layout.attributes):
        assert item.meaning[0].isupper()
        assert item.meaning.endswith(".")
