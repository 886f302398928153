"""The documents say what the library has."""

from pathlib import Path

import pytest

from repcompare.geometry.catalogue import MEASURES
from repcompare.maps.families import FAMILIES
from repcompare.tables.dictionary import dictionary
from repcompare.vocabulary import GEOMETRY_MEASURES, MAP_FAMILIES, label_of

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "measures.md").read_text(encoding="utf-8")
WORDS = {
    "translation": "translation",
    "permutation": "permutation of units",
    "orthogonal": "rotation and reflection",
    "isotropic_scaling": "isotropic scale",
    "invertible_linear": "invertible linear maps",
}


def in_words(invariances):
    return ", ".join(word for name, word in WORDS.items() if name in invariances)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.id)
def test_the_table_of_measures_is_that_of_the_library(measure):
    invariances = in_words(measure.invariances)
    if measure.target_invariances:
        invariances += f"; of the second: {in_words(measure.target_invariances)}"
    cells = [
        f"`{measure.id}`",
        label_of(measure.id),
        "{} to {}".format(*measure.range),
        invariances,
        "yes" if measure.directed else "no",
        measure.needs,
        f"{measure.samples_per_unit:g}",
        measure.reference,
    ]
    assert f"| {' | '.join(cells)} |\n" in DOCUMENT


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_maps_is_described(family):
    assert f"| `{family}` |" in DOCUMENT


def test_the_vocabulary_has_the_names_of_the_tables_in_their_order():
    assert list(GEOMETRY_MEASURES) == list(MEASURES)
    assert list(MAP_FAMILIES) == list(FAMILIES)


def test_the_data_dictionary_is_that_of_the_schema():
    assert (DOCS / "tables.md").read_text(encoding="utf-8") == dictionary(), (
        "call make docs/tables.md"
    )
