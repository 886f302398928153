"""A name that a table does not have is refused, and the refusal says which names there are."""

import dataclasses
from collections.abc import Callable, Collection

import numpy as np
import pytest
import torch
from unit.support.small_study import CPU, SEARCH, TRAINING

from repcompare.architectures.resnet import SHORTCUTS, resnet
from repcompare.attacks.balls import BALLS, parse_ball
from repcompare.attacks.craft import TARGETS, targets
from repcompare.attacks.pgd import OBJECTIVES, attack_objective
from repcompare.data.catalogue import NAMES
from repcompare.data.loaders import LOADERS, load
from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry, convergence
from repcompare.maps.families import FAMILIES, fit_maps
from repcompare.networks.devices import (
    AUTOCAST,
    DEVICES,
    PRECISIONS,
    autocast,
    resolve_device,
    resolve_precision,
)
from repcompare.networks.training import SCHEDULES, train
from repcompare.planning import disk, memory, resources
from repcompare.planning import estimate as plan
from repcompare.planning.jobs import Job
from repcompare.report.columns import FORMS, Column
from repcompare.study.schema import study_schema
from repcompare.transfer.rates import COUNTED, rates

SCHEMA = study_schema()
NETWORK = torch.nn.Linear(1, 2)


def scheduled(name: str) -> None:
    settings = dataclasses.replace(TRAINING, schedule=name)
    images, labels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    train(NETWORK, images, labels, settings, "float32", 0)


def ascended(name: str) -> None:
    search = dataclasses.replace(SEARCH, objective=name)
    attack_objective(NETWORK, torch.zeros(1, 1), torch.zeros(1), search, "float32")


def timed(name: str) -> None:
    plan.estimate(Job(name, ("vgg",)), None, {}, {}, plan.Timed({}, {}, 0.0, 0.0))


# By the words of the refusal: a table, and what looks a name up in it.
TABLES: dict[str, tuple[Collection[str], Callable[[str], object]]] = {
    "norm": (BALLS, lambda name: parse_ball(name, 1)),
    "training.schedule": (SCHEDULES, scheduled),
    "attack.objective": (OBJECTIVES, ascended),
    "attack.target": (
        TARGETS,
        lambda name: targets(name, np.zeros(1), torch.zeros(1), torch.zeros(1, 2), 0),
    ),
    "device": (DEVICES, resolve_device),
    "precision": (PRECISIONS, lambda name: resolve_precision(name, CPU)),
    "data.name": (LOADERS, lambda name: load(name, None)),
    "maps.families": (
        FAMILIES,
        lambda name: fit_maps(None, None, None, [name], None, None),
    ),
    "geometry.measures": (
        MEASURES,
        lambda name: compare_geometry(None, [name]),
    ),
    "geometry.measures, convergence": (
        MEASURES,
        lambda name: convergence(None, [name]),
    ),
    "stage, its time": (plan.SECONDS, timed),
    "stage, its files": (disk.BYTES, lambda name: disk.needed(Job(name), None, {})),
    "stage, its memory": (memory.BYTES, lambda name: memory.needed(Job(name), None, {})),
    "stage, what it asks for": (resources.LEAST, lambda name: resources.asked(Job(name), None, {})),
    "form": (FORMS, lambda name: Column("", "", name).show(1)),
    "shortcut": (SHORTCUTS, lambda name: resnet(1, 2, shortcut=name)),
    "denominator": (COUNTED, lambda name: rates(None, name)),
    "precision, resolved": (AUTOCAST, lambda name: autocast(CPU, name)),
}


@pytest.mark.parametrize("key", TABLES)
def test_an_unknown_name_is_refused_with_the_names_there_are(key):
    table, look_up = TABLES[key]
    for unknown in ("", next(iter(table)).capitalize(), f"{next(iter(table))} "):
        with pytest.raises(ValueError) as refusal:  # noqa: PT011
            look_up(unknown)
        assert str(refusal.value) == (
            f"{key.split(',')[0]}: {unknown!r} is not one of {', '.join(table)}"
        )


def options(*path: str) -> list[str]:
    """What the config's schema allows."""
    part = SCHEMA
    for step in path:
        part = part[step]
    return part["enum"]


def test_the_schema_allows_the_names_of_the_tables():
    sections = {name: part.get("properties") for name, part in SCHEMA["properties"].items()}
    norms = options("$defs", "adversarial", "properties", "norm")
    assert norms == list(BALLS) == list(sections["attack"]["epsilons"]["properties"])
    assert options("properties", "device") == list(DEVICES)
    assert sections["training"]["schedule"]["enum"] == list(SCHEDULES)
    assert sections["attack"]["objective"]["enum"] == list(OBJECTIVES)
    assert sections["attack"]["target"]["enum"] == list(TARGETS)
    for section in ("training", "attack", "features"):
        assert sections[section]["precision"]["enum"] == list(PRECISIONS)
    assert sections["geometry"]["measures"]["items"]["enum"] == list(MEASURES)
    assert sections["maps"]["families"]["items"]["enum"] == list(FAMILIES)
    assert sections["data"]["name"]["enum"] == list(LOADERS) == list(NAMES)
