"""A list of ids stands for images that are not there: split, labelled or not, and refused if unsound."""

import numpy as np
import pytest

from repcompare.data.catalogue import DataError
from repcompare.data.dataset_file import Dataset
from repcompare.stages.prepare_data import prepare_data

SETTINGS = {"name": "ids", "fit_samples": 0, "train_samples": None, "test_samples": None}
WHOLE = "id,label,split\na.jpg,cat,train\nb.jpg,dog,train\nc.jpg,cat,test\nd.jpg,dog,test\n"


def made(folder, text, *, maps=True, **settings) -> Dataset:
    (folder / "images.csv").write_text(text, encoding="utf-8")
    path = folder / "dataset.h5"
    prepare_data(path, settings=SETTINGS | settings, root=str(folder / "images.csv"), maps=maps)
    return Dataset(path)


def test_its_splits_and_labels_are_those_of_the_file(tmp_path):
    with made(tmp_path, WHOLE) as data:
        assert (data.class_names, data.has_images) == (["cat", "dog"], False)
        train, test = data.listed("train"), data.listed("test")
        assert dict(zip(train.names, train.labels, strict=True)) == {"a.jpg": 0, "b.jpg": 1}
        assert dict(zip(test.names, test.labels, strict=True)) == {"c.jpg": 0, "d.jpg": 1}


def test_the_order_of_its_lines_is_nothing(tmp_path):
    header, *lines = WHOLE.splitlines(keepends=True)
    with made(tmp_path, WHOLE) as data:
        digest = data.digest
    with made(tmp_path, header + "".join(reversed(lines))) as data:
        assert data.digest == digest


def test_without_labels_there_are_no_classes_and_without_splits_some_are_held_out(tmp_path):
    with made(tmp_path, "id\n" + "".join(f"{i}\n" for i in range(10)), test_samples=4) as data:
        assert data.class_names == []
        assert data.sizes == {"train": 6, "test": 4}
        assert data.listed("test").labels is None
        names = data.listed("train").names + data.listed("test").names
        assert sorted(names) == list(map(str, range(10)))


def test_numbers_that_are_classes_are_in_their_order(tmp_path):
    text = "id,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate([10, 9, 2, 10]))
    with made(tmp_path, text, test_samples=1) as data:
        assert data.class_names == ["2", "9", "10"]


def test_all_may_be_test_images_where_no_maps_are_fitted(tmp_path):
    text = WHOLE.replace("train", "test")
    with made(tmp_path, text, maps=False) as data:
        assert data.sizes == {"train": 0, "test": 4}
    with pytest.raises(DataError, match=r"^maps: .* has test images alone, .* allowed: null"):
        made(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns none, allowed: id, and label and split"),
        ("name,label\na,b\n", "columns name, label, allowed: id, and label and split"),
        ("id,class\na,b\n", "columns id, class, allowed: id, and label and split"),
        ("id\n", "holds no ids"),
        ("id,label\na,b\nc\n", "line 3: 1 values, allowed: 2"),
        ("id,label\na,\n", "line 2: 1 values, allowed: 2"),
        ("id,split\na,train\nb,fit\n", "split 'fit', allowed: train, test, val, validation"),
        ("id\na\nb\na\nc\nb\n", r"2 ids are there more than once \(a, b\)"),
        (WHOLE.replace("test", "train"), "data.test_samples: missing"),
        (b"id\n\xff\xfe\n", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_no_list_of_ids_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "images.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=said):
        prepare_data(tmp_path / "dataset.h5", settings=SETTINGS, root=str(path))
    assert np.array([*tmp_path.glob("*.h5")]).size == 0
