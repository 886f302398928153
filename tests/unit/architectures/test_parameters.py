"""A config's architectures are checked from their signatures, in milliseconds."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repcompare import architectures


def test_package_checks_a_config_without_importing_torch() -> None:
    code = (
        "import sys\n"
        "from repcompare import architectures as a\n"
        "for name in a.available():\n"
        "    a.check(name, {key: p.default for key, p in a.parameters(name).items()})\n"
        "print('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(architectures.__file__).parents[2])}
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, env=environment, encoding="utf-8").strip() == "False"


def test_parameters_are_read_from_the_signature() -> None:
    parameters = architectures.parameters("resnet")
    assert list(parameters) == ["blocks", "width", "bottleneck", "shortcut"]
    assert parameters["width"] == architectures.Parameter("width", "int", 64)
    assert parameters["blocks"].default == (2, 2, 2, 2)
    assert architectures.parameters("wide_resnet")["dropout"].accepts(0)  # an integer is a float


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("resnt", {}, r"no architecture factory 'resnt'; did you mean 'resnet'\? allowed: densen"),
        ("classifier", {}, "no architecture factory 'classifier'; allowed: densenet, "),
        ("vgg", {"witdh": 8}, r"vgg has no parameter 'witdh'; did you mean 'width'\? allowed: de"),
        ("vgg", {"in_channels": 8}, "vgg has no parameter 'in_channels'; allowed: depth, width"),
        ("vgg", {"width": "8"}, "vgg: width is '8'; allowed: an integer from 1 to 10000"),
        ("vgg", {"width": True}, "vgg: width is True; allowed: an integer from 1 to 10000"),
        (
            "wide_resnet",
            {"dropout": True},
            "dropout is True; allowed: a number up to 1000, 0 <= dropout < 1",
        ),
        ("resnet", {"bottleneck": 1}, "bottleneck is 1; allowed: true or false"),
        (
            "resnet",
            {"blocks": 3},
            "blocks is 3; allowed: a list of up to 100, each an integer from 1 to 10000",
        ),
        (
            "resnet",
            {"blocks": [3, 1.0]},
            r"blocks is \[3, 1.0\]; allowed: a list of up to 100, each",
        ),
        ("resnet", {"blocks": "333"}, "blocks is '333'; allowed: a list"),
        ("resnet", {"shortcut": "A"}, "allowed: projection, identity"),
        ("vgg", {"depth": 12}, "vgg: depth is 12; allowed: 11, 13, 16, 19"),
        ("vgg", {"depth": 16.0}, "vgg: depth is 16.0; allowed: 11, 13, 16, 19"),
        ("vgg", {"stages": True}, "vgg: stages is True; allowed: 1, 2, 3, 4, 5"),
        ("resnext", {"cardinality": 0}, "cardinality is 0; allowed: an integer from 1 to 10000"),
        ("resnext", {"depth": 30}, "depth is 30; allowed: 11, 20, 29"),
        ("wide_resnet", {"depth": 20}, "depth is 20; allowed: 10, 16, 22, 28"),
        ("resnet", {"blocks": []}, r"blocks is \[\]; allowed: a list"),
        ("resnet", {"blocks": [2, 0]}, r"blocks is \[2, 0\]; allowed: a list"),
        (
            "densenet",
            {"compression": 0},
            "compression is 0; allowed: a number up to 1000, 0 < compression <=",
        ),
        (
            "densenet",
            {"compression": 1.1},
            "compression is 1.1; allowed: a number up to 1000, 0 < compressio",
        ),
        (
            "wide_resnet",
            {"dropout": 1.0},
            "dropout is 1.0; allowed: a number up to 1000, 0 <= dropout < 1",
        ),
        ("googlenet", {"width_multiplier": float("inf")}, "width_multiplier is inf; allowed"),
        ("googlenet", {"width_multiplier": float("nan")}, "width_multiplier is nan; allowed"),
        (
            "mobilenet_v2",
            {"width_multiplier": 0},
            "is 0; allowed: a number up to 1000, width_multiplier > 0",
        ),
        (
            "mobilenet_v2",
            {"blocks": [1, 1]},
            r"allowed: a list of up to 100, each an integer from 1 to 10000, len\(bl",
        ),
    ],
)
def test_what_an_annotation_does_not_allow_is_refused_in_one_line(name, kwargs, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        architectures.check(name, kwargs)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=message):
        architectures.build(name, kwargs, 1, 10)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("vgg", {"depth": 12}, "depth is 12; allowed: 11, 13, 16, 19"),
        ("vgg", {"stages": 6}, "stages is 6; allowed: 1 to 5"),
        ("vgg", {"width": 0}, "width is 0; allowed: a positive integer"),
        ("resnet", {"blocks": []}, r"blocks is \[\]; allowed: a list of positive integers"),
        ("preact_resnet", {"blocks": [2, 0]}, r"blocks is \[2, 0\]; allowed: a list of positive"),
        ("wide_resnet", {"depth": 20}, r"depth is 20; allowed: 6n\+4"),
        ("resnext", {"depth": 30}, r"depth is 30; allowed: 9n\+2"),
        ("resnext", {"cardinality": -1}, "cardinality is -1; allowed: a positive integer"),
    ],
)
def test_a_factory_refuses_values_out_of_its_range(name, kwargs, message) -> None:
    factory = getattr(importlib.import_module(f"repcompare.architectures.{name}"), name)
    with pytest.raises(ValueError, match=message):
        factory(1, 10, **kwargs)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        *((name, {}) for name in architectures.available()),
        ("resnet", {"blocks": [1, 1]}),
        ("vgg", {"stages": 2}),
    ],
)
def test_the_layers_are_known_before_the_network_is_built(name, kwargs) -> None:
    small = {"width": 4} if "width" in architectures.parameters(name) else {}
    built = architectures.build(name, kwargs | small, 1, 10)
    assert architectures.layers(name, kwargs) == set(built.layers)
