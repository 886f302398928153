"""Classes are found among a network's outputs by name, never by order."""

import pytest

from repcompare.data.class_names import output_names, outputs_of


def test_imagenet_is_known_by_synset_and_by_name():
    names = output_names("imagenet")
    assert len(names) == 1000
    assert outputs_of(["n03028079", "tench", "French_horn"], names) == [497, 0, 566]
    assert [synset for synset, _ in names] == sorted(synset for synset, _ in names)


def test_names_are_those_of_a_list_or_of_the_lines_of_a_file(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\n\n great dane \n", encoding="utf-8")
    assert output_names(["cat"]) == [("cat",)]
    assert output_names(str(tmp_path / "classes.txt")) == [("cat",), ("great dane",)]


def test_the_order_of_the_classes_is_the_studys():
    assert outputs_of(["Dog", "cat"], [("cat",), ("dog",), ("bird",)]) == [1, 0]


def test_unknown_and_ambiguous_classes_are_refused_by_name():
    outputs = [("crane",), ("crane",), ("tench",)]
    with pytest.raises(ValueError, match=r"does not know trench, church \(did you mean tench\?\)"):
        outputs_of(["tench", "trench", "church"], outputs)
    with pytest.raises(ValueError, match="more than one output is named crane"):
        outputs_of(["crane"], outputs)
