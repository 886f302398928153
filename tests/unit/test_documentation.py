"""The documents and the docstrings say what the library has."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

from repcompare import api
from repcompare.geometry.catalogue import MEASURES
from repcompare.maps.families import FAMILIES
from repcompare.study.code_digest import PACKAGE
from repcompare.study.schema import study_schema
from repcompare.tables.dictionary import dictionary
from repcompare.vocabulary import GEOMETRY_MEASURES, MAP_FAMILIES, label_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENT = (DOCS / "measures.md").read_text(encoding="utf-8")
WORDS = {
    "translation": "translation",
    "permutation": "permutation of units",
    "orthogonal": "rotation and reflection",
    "isotropic_scaling": "isotropic scale",
    "invertible_linear": "invertible linear maps",
}

# What the names of files end in.
FILES = {"csv", "h5", "html", "json", "md", "nc", "py", "rst", "safetensors", "svg", "yaml"}


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


def names_in(body, prefix):
    """The dotted name of each function, class, constant and field that is defined in a body."""
    for node in body:
        if isinstance(node, ast.Assign):
            targets = [target for each in node.targets for target in ast.walk(each)]
        else:
            targets = [getattr(node, "target", None)]
        found = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        yield from (f"{prefix}.{name}" for name in found)
        if isinstance(node, ast.ClassDef):
            yield from names_in(node.body, f"{prefix}.{node.name}")


@pytest.fixture(scope="module")
def known_names():
    """What a dotted name may say: what the library defines, from any room on, or a config's key."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        names |= {module, *names_in(ast.parse(path.read_bytes()).body, module)}
    names |= {f"repcompare.{name}" for name in api.__all__}
    ends = {".".join(name.split(".")[place:]) for name in names for place in range(name.count("."))}
    sections = study_schema()["properties"].items()
    keys = {f"{name}.{key}" for name, part in sections for key in part.get("properties", ())}
    return ends | keys


def is_of_python(name):
    """Whether it is a name of the standard library, such as `ast.dump`."""
    module, _, attribute = name.partition(".")
    known = module in sys.stdlib_module_names
    return known and hasattr(importlib.import_module(module), attribute)


def stale(text, known):
    """The dotted names between backticks that stand for nothing."""
    names = re.findall(r"`((?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*)(?:\([^`]*\))?`", text)
    return [
        name
        for name in names
        if name not in known and name.rpartition(".")[2] not in FILES and not is_of_python(name)
    ]


TEXTS = [*sorted(PACKAGE.rglob("*.py")), *sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_name_between_backticks_is_one_that_there_is(path, known_names):
    assert stale(path.read_text(encoding="utf-8"), known_names) == []
