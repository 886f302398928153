"""A config is completed, put into one form, and read the same however it is written."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from unit.support.study_configs import BASE, PAIRS, config, merged

from repcompare.data.catalogue import DATA_SETS
from repcompare.data.loaders import load
from repcompare.study import schema
from repcompare.study.config import (
    blocks,
    feature_settings,
    layer_pairs,
    models,
    nonrobust_settings,
    seeds,
    training_settings,
    validate,
)

ROOT = Path(__file__).parents[3]
STUDIES = [ROOT / "config" / "config.yaml", *sorted((ROOT / "config" / "studies").glob("*.yaml"))]
SCHEMA = schema.study_schema()


def sections(part, path="config"):
    """Every object of the schema, with where it is."""
    if isinstance(part, dict):
        if "properties" in part or part.get("type") == "object":
            yield path, part
        for key, inner in part.items():
            yield from sections(inner, f"{path}/{key}")


def test_defaults_fill_every_section_and_an_override_stays_partial():
    filled = validate(config())
    assert filled["seeds"] == [0, 1, 2]
    assert filled["training"]["momentum"] == 0.9
    assert filled["architectures"]["resnext"] == {
        "factory": "resnext",
        "kwargs": {},
        "seeds": [0, 5],
        "training": {"learning_rate": 0.05},
    }


def test_what_snakemake_takes_from_the_command_line_as_text_is_read_as_numbers():
    as_text = {
        "seeds": ["0", "1"],
        "data": {"train_samples": "null"},
        "training": {"epochs": "5", "weight_decay": "5e-4", "horizontal_flip": "True"},
        "architectures": {"vgg": {"kwargs": {"width": "8"}, "training": {"epochs": "6"}}},
        "attack": {"epsilons": {"l2": ["0.5"]}},
        "report": {"title": "5"},
    }
    filled = validate(merged(config(), as_text))
    assert filled["seeds"] == [0, 1]
    assert filled["data"]["train_samples"] is None
    settings = training_settings(filled, "vgg")
    assert (settings["epochs"], settings["kwargs"]) == (6, {"width": 8})
    assert (settings["weight_decay"], settings["horizontal_flip"]) == (0.0005, True)
    assert filled["report"]["title"] == "5"


def test_a_norm_that_is_not_named_is_not_attacked():
    assert validate(config("attack: {epsilons: {l2: [1]}}"))["attack"]["epsilons"] == {"l2": ["1"]}


def test_null_as_text_is_null_where_there_may_be_none():
    given = {"data": {"root": "null"}, "report": {"title": "null"}, "maps": "null"}
    filled = validate(merged(config(), given))
    assert filled["data"]["root"] is filled["report"]["title"] is filled["maps"] is None
    assert validate(config("study: 'null'"))["study"] == "null"


def test_paths_are_read_as_a_shell_reads_them(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KIND", "kind")
    (tmp_path / "kind.py").write_text("def build(): ...", encoding="utf-8")
    (tmp_path / "kind0.npy").touch()
    changes = """
    data: {name: cifar10, root: $HOME/cifar}
    architectures:
      ours: {factory: "~/${KIND}.py:build", weights: random, classes: "~/$KIND.py", seeds: [0]}
      known: {activations: "~/${KIND}{seed}.npy", seeds: [0]}
    """
    filled = validate(config(changes))
    assert filled["data"]["root"] == f"{tmp_path}/cifar"
    ours, known = (filled["architectures"][name] for name in ("ours", "known"))
    assert (ours["factory"], ours["classes"]) == (
        f"{tmp_path}/kind.py:build",
        f"{tmp_path}/kind.py",
    )
    assert known["activations"] == f"{tmp_path}/kind{{seed}}.npy"
    assert validate(filled) == filled


def test_the_order_and_spelling_of_a_config_are_irrelevant():
    one = config(
        "{seeds: [2, 0], maps: {families: [ridge, least_squares]},"
        " activations: {layers: [stem, stage2, stage1]}, geometry: {measures: [cca, cka]},"
        " training: {momentum: 0}, attack: {epsilons: {l2: [1, 0.5], linf: [16/255, 8/255]}}}"
    )
    other = config(
        "{seeds: [0, 2], maps: {families: [least_squares, ridge]},"
        " activations: {layers: [stage1, stem, stage2]}, geometry: {measures: [cka, cca]},"
        " training: {momentum: 0.0}, attack: {epsilons: {linf: ['8 / 255', 16.0/255],"
        " l2: ['0.5', 1.0]}}}"
    )
    other = {key: other[key] for key in reversed(other)}
    other["architectures"] = dict(reversed(other["architectures"].items()))
    assert json.dumps(validate(one)) == json.dumps(validate(other))


def test_validating_changes_neither_its_input_nor_a_validated_config():
    raw = config("attack: {epsilons: {linf: [0.1, 8/255]}}")
    before = copy.deepcopy(raw)
    filled = validate(raw)
    assert raw == before
    assert validate(filled) == filled
    filled["seeds"].append(9)
    filled["training"]["epochs"] = 0
    assert validate(raw)["seeds"] == [0, 1, 2]


def test_models_and_blocks_are_sorted_and_a_single_seed_has_no_block_of_its_own():
    filled = validate(config("{seeds: [3], architectures: {a: {factory: vgg, seeds: [1, 0]}}}"))
    filled["architectures"] = dict(reversed(filled["architectures"].items()))
    assert seeds(filled, "vgg") == [3]
    assert models(filled) == [
        ("a", 0), ("a", 1), ("resnext", 0), ("resnext", 5), ("vgg", 3)
    ]  # fmt: skip
    assert blocks(filled) == [
        ("a", "a"), ("a", "resnext"), ("a", "vgg"), ("resnext", "resnext"), ("resnext", "vgg")
    ]  # fmt: skip


def test_a_block_has_the_pairs_of_layers_of_its_own_models_in_one_order():
    pairs = "[vgg/seed1, resnext/seed5], [vgg/seed2, vgg/seed0], [resnext/seed5, vgg/seed1]"
    filled = validate(config(f"{PAIRS}[{pairs}]}}}}"))
    crossed, own = ["resnext/seed5", "vgg/seed1"], ["vgg/seed0", "vgg/seed2"]
    assert filled["geometry"]["layer_pairs"] == [crossed, own]
    assert layer_pairs(filled, "resnext", "vgg") == [crossed]
    assert layer_pairs(filled, "vgg", "vgg") == [own]
    assert layer_pairs(filled, "resnext", "resnext") == []


def test_an_architecture_is_trained_with_the_settings_of_the_study_but_for_its_own():
    filled = validate(config("training: {epochs: 7}"))
    vgg, resnext = (training_settings(filled, name) for name in ("vgg", "resnext"))
    assert vgg == {**filled["training"], "factory": "vgg", "kwargs": {"width": 16}}
    assert resnext["epochs"] == 7
    assert (vgg["learning_rate"], resnext["learning_rate"]) == (0.1, 0.05)


def test_adversarial_training_needs_no_more_than_its_epsilon():
    robust = "architectures: {vgg: {training: {adversarial: {epsilon: 16.0/255}}}}"
    filled = validate(config(robust))
    found = training_settings(filled, "vgg")["adversarial"]
    assert found == {"norm": "linf", "epsilon": "16/255", "steps": 7, "step_size": 2.5}
    assert training_settings(filled, "resnext")["adversarial"] is None
    again = validate(config(robust.replace("16.0/255", "16 / 255, norm: linf, steps: 7")))
    assert training_settings(again, "vgg") == training_settings(filled, "vgg")


def test_non_robust_features_are_attacked_with_the_defaults_of_adversarial_training():
    filled = validate(config("features: {nonrobust: {epsilon: 0.50, norm: l2}}"))
    whole = {"norm": "l2", "epsilon": "0.5", "steps": 7, "step_size": 2.5}
    assert nonrobust_settings(filled)["nonrobust"] == whole
    assert nonrobust_settings(validate(config()))["nonrobust"] is None
    assert feature_settings(filled) == feature_settings(validate(config()))


def test_a_variant_of_an_attack_says_only_what_it_changes():
    filled = validate(config("attack: {variants: {fgsm: {steps: 1, epsilons: {l2: [2, 0.50]}}}}"))
    assert filled["attack"]["variants"] == {"fgsm": {"steps": 1, "epsilons": {"l2": ["0.5", "2"]}}}


def test_another_architecture_leaves_the_settings_of_the_first_alone():
    fewer, more = validate(config()), validate(config("architectures: {a: {factory: vgg}}"))
    del more["architectures"]["a"]
    assert fewer == more


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_is_valid_and_repeats_no_default(path):
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    filled = validate(raw)
    assert len(models(filled)) >= 15
    for section, part in SCHEMA["properties"].items():
        for key, entry in part.get("properties", {}).items():
            given = raw.get(section, {})
            assert key not in given or given[key] != entry.get("default"), f"{section}.{key}"
        assert section not in raw or raw[section] != part.get("default"), section


def test_every_key_of_the_schema_is_described_and_no_section_takes_unknown_keys():
    Draft202012Validator.check_schema(SCHEMA)
    for path, section in sections(SCHEMA):
        if not path.endswith("/kwargs"):
            named = path.endswith(("/architectures", "/variants", "/layers"))
            assert section["additionalProperties"] is False or named, path
        for key, part in section.get("properties", {}).items():
            described = "description" in schema._resolved(part)
            assert described or path.endswith("/epsilons"), (path, key)


def test_every_number_of_the_schema_has_a_largest():
    for path, part in numbered(SCHEMA):
        assert {"maximum", "exclusiveMaximum"} & part.keys(), path


def numbered(part, path=""):
    """Every part of the schema that may be a number."""
    if isinstance(part, dict):
        types = part.get("type", ())
        if {"integer", "number"} & set([types] if isinstance(types, str) else types):
            yield path, part
        for key, entry in part.items():
            yield from numbered(entry, f"{path}/{key}")


def test_every_default_of_the_schema_is_valid():
    raw = yaml.safe_load(BASE)
    assert not list(Draft202012Validator(SCHEMA).iter_errors(schema.with_defaults(SCHEMA, raw)))


def test_the_readme_describes_every_key():
    readme = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    for section, part in SCHEMA["properties"].items():
        for key in part.get("properties", {}):
            assert f"`{section}.{key}`" in readme
        assert f"`{section}" in readme


def test_the_digits_are_as_large_as_the_config_believes():
    raw, facts = load("digits", None), DATA_SETS["digits"]
    assert raw.train.shape == raw.test.shape == (facts.channels, facts.size, facts.size)
    assert (len(raw.train), len(raw.test)) == (facts.train, facts.test)


def test_reading_a_config_imports_neither_torch_nor_numpy_nor_pandas():
    code = (
        "import sys, yaml; from repcompare.study.config import validate;"
        "validate(yaml.safe_load(sys.stdin));"
        "print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    command, folder = [sys.executable, "-c", code], ROOT / "workflow_scripts"
    found = subprocess.check_output(command, input=BASE, cwd=folder, encoding="utf-8")
    assert found.strip() == "[]"
