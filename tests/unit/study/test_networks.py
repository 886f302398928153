"""What a config says of networks that exist already is refused before any job where it can be."""

import pytest
import yaml

from repcompare.study.config import (
    ConfigError,
    blocks,
    imported_architectures,
    models,
    source_file,
    validate,
)

OTHERS = "resnet: {factory: resnet, seeds: [0, 1]}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with two checkpoints, a file of functions and a list of classes."""
    monkeypatch.chdir(tmp_path)
    for name in ("runs/0.pt", "runs/1.pt", "one.safetensors", "classes.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    code = "from torch import nn\n\n\ndef encoder(width): ...\n\n\nclass Decoder(nn.Module): ...\n"
    code += "wide = partial(encoder, width=9)\n"
    (tmp_path / "others.py").write_text("from networks import *\n", encoding="utf-8")
    (tmp_path / "networks.py").write_text(code, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def encoder(:\n", encoding="utf-8")
    return tmp_path


def study(entry, seeds="[0]"):
    text = f"{{study: s, data: {{name: digits}}, seeds: {seeds}, architectures: "
    return yaml.safe_load(f"{text}{{ours: {entry}, {OTHERS}}}}}")


ACCEPTED = {
    "{factory: resnet, weights: one.safetensors}": "one.safetensors",
    "{factory: resnet, weights: random}": None,
    "{factory: timm, kwargs: {name: resnet18}, weights: a1_in1k}": None,
    "{factory: torchvision, kwargs: {name: resnet18}, weights: IMAGENET1K_V1, classes: imagenet}": None,
    "{factory: torchvision, kwargs: {name: resnet18}, weights: runs/0.pt}": "runs/0.pt",
    "{factory: torchvision, kwargs: {name: resnet18}, weights: one.safetensors}": "one.safetensors",
    "{factory: 'networks.py:encoder', weights: one.safetensors, layers: {stage1: a}}": (
        "one.safetensors"
    ),
    "{factory: 'networks.py:Decoder', weights: 'runs/{seed}.pt', classifier: null}": "runs/0.pt",
    "{factory: 'networks.py:nn', weights: random, classes: classes.txt, classifier: null}": None,
    "{factory: 'networks.py:wide', weights: random}": None,
    "{factory: 'others.py:whatever', weights: random}": None,
}


@pytest.mark.parametrize("entry", ACCEPTED)
def test_a_network_that_exists_is_imported_from_its_file_or_by_its_name(entry):
    config = validate(study(entry))
    assert imported_architectures(config) == ["ours"]
    assert source_file(config, "ours", 0) == ACCEPTED[entry]
    assert source_file(config, "resnet", 0) is None


ENCODER = "{factory: 'networks.py:encoder', weights: random, classes: null, seeds: [0]}"


def test_a_network_without_classes_has_no_answers():
    config = validate(study(ENCODER))
    for section in ("attack", "features"):
        assert models(config, section) == [("resnet", 0), ("resnet", 1)]
        assert blocks(config, section) == [("resnet", "resnet")]


def test_two_networks_at_least_must_have_answers():
    alone = study(ENCODER) | {"architectures": {"a": yaml.safe_load(ENCODER) | {"seeds": [0, 1]}}}
    alone["architectures"]["a"]["weights"] = "runs/{seed}.pt"
    for section in ("attack", "features"):
        with pytest.raises(
            ConfigError, match=f"{section}: needs two networks that tell the classes"
        ):
            validate(alone)
        alone[section] = None
    assert blocks(validate(alone)) == [("a", "a")]


REFUSED = {
    "{factory: resnet, weights: runs/2.pt}": "weights: runs/2.pt: no such file",
    "{factory: 'networks.py:encode', weights: random}": (
        "factory: networks.py has no function encode, did you mean encoder?"
    ),
    "{factory: 'networks.py:decoder', weights: random}": (
        "factory: networks.py has no function decoder, did you mean Decoder?"
    ),
    "{factory: 'nets.py:encoder', weights: random}": "factory: nets.py: no such file",
    "{factory: 'broken.py:encoder', weights: random}": (
        "factory: broken.py: line 1 is not Python: invalid syntax"
    ),
    "{factory: 'networks.py:encoder'}": (
        "weights: missing, only families of repcompare are trained here, allowed: a file, random"
    ),
    "{factory: timm, kwargs: {name: resnet18}}": (
        "weights: missing, only families of repcompare are trained here, allowed: a file, random, "
        "or a name of timm's"
    ),
    "{factory: timm, weights: random}": (
        "kwargs.name: missing, allowed: the name of one of timm's networks"
    ),
    "{factory: timm, kwargs: {name: resnet18, pretrained: true}, weights: random}": (
        "kwargs.pretrained: leave it out, weights beside kwargs says which of timm's are meant"
    ),
    "{factory: torchvision, kwargs: {name: resnet18, weights: DEFAULT}, weights: random}": (
        "kwargs.weights: leave it out, weights beside kwargs says which of torchvision's are meant"
    ),
    "{factory: resnet, weights: random, training: {epochs: 3}}": (
        "training.epochs: beside weights, the network is not trained here, leave it out"
    ),
    "{factory: resnet, classes: imagenet}": (
        "classes: without weights, the network is trained here, leave it out"
    ),
    "{factory: resnet, weights: random, layers: {stage1: a}}": (
        "layers: a resnet of repcompare knows its own, leave it out"
    ),
    "{factory: resnet, weights: random, input: {size: 8}}": (
        "input.size: a resnet of repcompare takes images of any size, leave it out"
    ),
    "{factory: resnet, weights: random, classes: null}": (
        "classes: a resnet of repcompare has a classifier, allowed: names"
    ),
    "{factory: 'networks.py:encoder', weights: random, classes: names.txt}": (
        "classes: names.txt: no such file, allowed: imagenet, or a list"
    ),
    "{factory: 'networks.py:encoder', weights: random, input: {mean: [0.5], std: [1, 1]}}": (
        "input.std: 2 values, but 1 in mean"
    ),
    "{factory: 'networks.py:encoder', weights: random, layers: {first: a}}": (
        "layers.first: not a name, allowed: stem, penultimate, or a stage such as stage1"
    ),
}


@pytest.mark.parametrize("entry", REFUSED)
def test_a_mistake_is_refused_in_one_line(entry):
    with pytest.raises(ConfigError) as error:
        validate(study(entry))
    assert str(error.value) == f"architectures.ours.{REFUSED[entry]}"


def test_several_seeds_need_a_file_each():
    with pytest.raises(ConfigError) as error:
        validate(study("{factory: resnet, weights: one.safetensors}", "[0, 1, 2]"))
    assert str(error.value) == (
        "architectures.ours.weights: the same for seeds 0, 1 and 2, write {seed} in it, or one seed"
    )
    with pytest.raises(ConfigError, match=r"ours\.weights: runs/2\.pt: no such file"):
        validate(study("{factory: resnet, weights: 'runs/{seed}.pt'}", "[0, 1, 2]"))
    assert validate(study("{factory: resnet, weights: 'runs/{seed}.pt'}", "[0, 1]"))
