"""A study's config: defaults, checks before any job starts, and the models and blocks it names.

Read while the workflow is parsed, on the head node and again by every cluster job: it imports
neither torch nor numpy nor pandas.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from repcompare.architectures import available
from repcompare.study.consistency import DLR_CLASSES, study_problems
from repcompare.study.epsilon import parse_epsilon
from repcompare.study.networks import (
    activations_file,
    answers,
    by_activations,
    imported,
    weights_file,
)
from repcompare.study.networks import import_settings as settings_of
from repcompare.study.paths import expand_paths
from repcompare.study.plain import plain_problems
from repcompare.study.schema import (
    ConfigError,
    Problem,
    canonical,
    read_text,
    schema_problems,
    study_schema,
    with_defaults,
)

# Nobody mends more at once: what is told of an error, and looked for.
MOST_LINES, MOST_PROBLEMS = 30, 300


def validate(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of schema.json, expand paths, and check that the study can be run.

    Args:
        raw: the config as read from YAML; it is left as it is.

    Returns:
        The whole config in canonical form, plain dicts and lists: configs that differ only in the
        order of keys, seeds, measures or epsilons, or in how a number is written, come out equal.
        Epsilons are labels (see `parse_epsilon`), in ascending order. Validating it again changes
        nothing.

    Raises:
        ConfigError: every problem found, one line each, up to 30 lines.
    """
    _refuse(list(plain_problems(raw)))
    schema = study_schema()
    config = read_text(schema, with_defaults(schema, raw))
    found = itertools.islice(schema_problems(schema, config), MOST_PROBLEMS)
    problems = list(dict.fromkeys([*expand_paths(config), *found]))
    if len(problems) >= MOST_PROBLEMS:
        _refuse(problems)
    # What the schema refuses is not looked at twice; a key that should not be there harms nothing.
    unsound = [problem.path for problem in problems if problem.rank > 0]
    _refuse([*problems, *study_problems(config, unsound)])
    config = canonical(schema, config)
    attack = config["attack"] or {"variants": {}}
    for each in (attack, *attack["variants"].values()):
        for norm, epsilons in each.get("epsilons", {}).items():
            ascending = sorted(map(parse_epsilon, epsilons), key=lambda pair: pair[1])
            each["epsilons"][norm] = [label for label, _ in ascending]
    if config["geometry"]:
        pairs = {tuple(sorted(pair)) for pair in config["geometry"]["layer_pairs"]}
        config["geometry"]["layer_pairs"] = [list(pair) for pair in sorted(pairs)]
    return config


def _refuse(problems: Sequence[Problem]) -> None:
    """Raise ConfigError, those that explain others first, if there are problems."""
    lines = [str(problem) for problem in sorted(problems, key=lambda problem: problem.rank)]
    if len(lines) > MOST_LINES:
        least = "at least " if len(lines) >= MOST_PROBLEMS else ""
        lines[MOST_LINES:] = [f"and {least}{len(lines) - MOST_LINES:,} more"]
    if lines:
        raise ConfigError("\n".join(lines))


def asked(config: Mapping[str, Any], section: str) -> bool:
    """Whether a section of a validated config is asked for: `maps`, `geometry`, `attack` or `features`.

    Or `nonrobust`, a part of `features`. One that is null is not done.
    """
    if section == "nonrobust":
        return bool(config["features"] and config["features"]["nonrobust"])
    return config[section] is not None


def seeds(config: Mapping[str, Any], architecture: str) -> list[int]:
    """The seeds of one architecture of a validated config, ascending."""
    return list(config["architectures"][architecture].get("seeds", config["seeds"]))


def models(config: Mapping[str, Any], *sections: str) -> list[tuple[str, int]]:
    """Every (architecture, seed) of a validated config, in alphabetical order.

    With `sections`, those that take part in one of them: see `takes_part`.
    """
    return [
        (name, seed)
        for name in sorted(config["architectures"])
        if takes_part(config, name, sections)
        for seed in seeds(config, name)
    ]


def takes_part(config: Mapping[str, Any], architecture: str, sections: Sequence[str]) -> bool:
    """Whether an architecture takes part in one of the sections that are asked for; in none given, yes.

    What is attacked, fooled or inverted tells the study's classes apart.
    """
    found = [section for section in sections if asked(config, section)]
    if not answers(config["architectures"][architecture]):
        found = [section for section in found if section in ("maps", "geometry")]
    return bool(found) or not sections


def imported_architectures(config: Mapping[str, Any]) -> list[str]:
    """The architectures whose networks exist already, in alphabetical order."""
    entries = config["architectures"]
    return [name for name in sorted(entries) if imported(entries[name])]


def networks(config: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The models that are networks, and not activations alone."""
    entries = config["architectures"]
    return [(name, seed) for name, seed in models(config) if not by_activations(entries[name])]


def activations_architectures(config: Mapping[str, Any]) -> list[str]:
    """The architectures that are known by their activations, in alphabetical order."""
    entries = config["architectures"]
    return [name for name in sorted(entries) if by_activations(entries[name])]


def source_file(config: Mapping[str, Any], architecture: str, seed: int) -> str | None:
    """The file that a network's weights, or its activations, are read from; None if there is none."""
    entry = config["architectures"][architecture]
    return activations_file(entry, seed) if by_activations(entry) else weights_file(entry, seed)


def import_settings(config: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """All that decides how an existing network is built and used, but for its file, data and device."""
    training = {**config["training"], **config["architectures"][architecture].get("training", {})}
    return settings_of(config["architectures"][architecture], training["minimum_accuracy"])


def activations_settings(config: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """What of an architecture's activations is stored: layers, images to fit on, names in the file."""
    section = {key: config["activations"][key] for key in ("layers", "pool", "fit_samples")}
    return section | {"names": config["architectures"][architecture].get("layers", {})}


def answering(config: Mapping[str, Any]) -> list[str]:
    """The architectures that tell the study's classes apart, in alphabetical order."""
    entries = config["architectures"]
    return [name for name in sorted(entries) if answers(entries[name])]


def blocks(config: Mapping[str, Any], *sections: str) -> list[tuple[str, str]]:
    """The unordered pairs of architectures that hold pairs of models, each in alphabetical order.

    An architecture is paired with itself only if it has two seeds or more. With `sections`, the
    pairs of which both take part in one of them: see `takes_part`.
    """
    names = [name for name in sorted(config["architectures"]) if takes_part(config, name, sections)]
    pairs = itertools.combinations_with_replacement(names, 2)
    return [(a, b) for a, b in pairs if a != b or len(seeds(config, a)) > 1]


def layer_pairs(config: Mapping[str, Any], a: str, b: str) -> list[list[str]]:
    """The pairs of models, of two architectures, whose layers a validated config compares."""
    return [
        list(pair)
        for pair in (config["geometry"] or {"layer_pairs": ()})["layer_pairs"]
        if sorted(name.split("/")[0] for name in pair) == sorted((a, b))
    ]


def training_settings(config: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """All that decides how one architecture is built and trained, but for data, seed and device.

    Returns:
        `factory`, `kwargs` and every key of the config's `training`, the architecture's own first.
    """
    entry = config["architectures"][architecture]
    network = {"factory": entry["factory"], "kwargs": entry["kwargs"]}
    settings = {**config["training"], **entry.get("training", {}), **network}
    if settings["adversarial"]:
        settings["adversarial"] = _whole(settings["adversarial"])
    return settings


def made_by(config: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """What the records of an architecture's networks say of how they were made."""
    if by_activations(config["architectures"][architecture]):
        return {"origin": "activations"}
    if imported(config["architectures"][architecture]):
        settings = import_settings(config, architecture)
        return {"origin": "imported", **{key: settings[key] for key in ("factory", "kwargs")}}
    training = training_settings(config, architecture)
    network = {key: training.pop(key) for key in ("factory", "kwargs")}
    return {"origin": "trained", **network, "training": training}


def families(config: Mapping[str, Any]) -> list[str]:
    """The families of maps of a validated config; none where no maps are asked for."""
    return list(config["maps"]["families"]) if config["maps"] else []


def network_families(config: Mapping[str, Any]) -> dict[str, str]:
    """The family of each architecture: what it is said to be of, else its factory's.

    One that is not built by repcompare, and of which none is said, is of its own.
    """
    entries, known = config["architectures"], available()
    return {
        name: entries[name].get("family", factory if factory in known else name)
        for name in sorted(entries)
        for factory in [entries[name].get("factory")]
    }


def measures(config: Mapping[str, Any]) -> list[str]:
    """The measures of geometry of a validated config; none where no geometry is asked for."""
    return list(config["geometry"]["measures"]) if config["geometry"] else []


def samples(config: Mapping[str, Any], section: str) -> int:
    """The test images of `attack` or `features`; 0 where that is not asked for."""
    return config[section]["samples"] if config[section] else 0


def least_classes(config: Mapping[str, Any]) -> int:
    """How many classes the objectives of the attacks need; 0 where it does not matter."""
    attack = config["attack"] or {"variants": {}}
    objectives = [each.get("objective") for each in (attack, *attack["variants"].values())]
    return DLR_CLASSES if "dlr" in objectives else 0


def feature_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The `features` of a validated config that gradients and inversions depend on."""
    section = config["features"] or {}
    return {key: value for key, value in section.items() if key != "nonrobust"}


def nonrobust_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the images of non-robust features depend on: `nonrobust`, `seed` and `precision`."""
    section = config["features"] or dict.fromkeys(("nonrobust", "seed", "precision"))
    nonrobust = section["nonrobust"] and _whole(section["nonrobust"])
    return {"nonrobust": nonrobust, "seed": section["seed"], "precision": section["precision"]}


def _whole(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section that says how images are attacked, with its defaults and its epsilon as a label."""
    whole = with_defaults(study_schema()["$defs"]["adversarial"], section)
    label, _ = parse_epsilon(whole["epsilon"])
    return {**whole, "epsilon": label}
