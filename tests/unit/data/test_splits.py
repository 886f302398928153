"""Images of one's own are known by their names: one more moves hardly any other."""

import numpy as np
import pytest

from repcompare.data.example_streams import NOISE, START, example_streams
from repcompare.data.ids import ids_of
from repcompare.data.splits import Images, held_out


def images(names, labels) -> Images:
    return Images.own((1, 1, 1), np.array(labels), names, lambda places: iter(()))


def test_an_id_is_the_beginning_of_the_sha_256_of_the_name():
    # printf train/cat/1.jpg | sha256sum | cut -c -16, halved
    (found,) = ids_of(["train/cat/1.jpg"])
    assert found == 0x3415BA23BAA9D67C >> 1


def test_a_name_has_one_id_in_either_of_unicodes_forms():
    one, other = ids_of(["cafe\u0301.jpg", "caf\u00e9.jpg"])
    assert one == other


def test_ids_and_order_of_images_are_those_they_have_alone():
    names = [f"{i}.jpg" for i in range(100)]
    few, many = images(names[:50], [0] * 50), images(names, [0] * 100)
    assert few.ids.tolist() == [i for i in many.ids if i in few.ids]
    assert [few.name(place) for place in range(50)] == [
        name for name in map(many.name, range(100)) if name in names[:50]
    ]


def test_the_first_images_are_of_all_classes_however_they_are_sorted():
    labels = np.arange(1000) // 100
    found = images([f"{i}.jpg" for i in range(1000)], labels)
    assert np.bincount(found.labels[:200], minlength=10).min() >= 8


@pytest.mark.parametrize("label", range(3))
def test_a_new_image_moves_one_or_two_others_at_most(label):
    labels = [0] * 50 + [1] * 30 + [2] * 7
    names = [f"{i}.jpg" for i in range(len(labels))]
    before = set(held_out(images(names, labels), 20)[1].ids)
    for place in range(20):
        more = images([*names, f"new{place}.jpg"], [*labels, label])
        after = set(held_out(more, 20)[1].ids)
        assert len(after) == 20
        assert len(before - after) <= 2


def test_every_class_has_its_share_and_a_single_class_can_be_split():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    rest, out = held_out(images([str(i) for i in range(100)], labels), 20)
    assert np.bincount(out.labels).tolist() == [12, 6, 2]
    assert sorted([*rest.ids, *out.ids]) == sorted(ids_of([str(i) for i in range(100)]))
    rest, out = held_out(images(["a", "b", "c"], [0, 0, 0]), 1)
    assert (len(rest), len(out)) == (2, 1)


def test_streams_of_ids_that_differ_in_one_of_63_bits_are_different():
    ids = np.array([0, 1, 2**52, 2**53, 2**53 + 1, 2**62, 2**63 - 2, 2**63 - 1])
    drawn = {
        (purpose, seed): [g.integers(2**63) for g in example_streams(ids, seed, purpose)]
        for purpose in (START, NOISE)
        for seed in (0, 2**32 - 1)
    }
    every = [value for values in drawn.values() for value in values]
    assert len(set(every)) == len(every)
    again = [g.integers(2**63) for g in example_streams(ids[::-1], 0, START)]
    assert again[::-1] == drawn[START, 0]
