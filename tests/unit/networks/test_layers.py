"""The modules of a network are listed before there are images or weights, with what they are."""

import pytest
import torch
import yaml
from torch import nn

from repcompare.networks.layers import Row, called_modules, main

ENCODER = """
from torch import nn


class Encoder(nn.Module):
    def __init__(self, outputs=7):
        super().__init__()
        self.unused = nn.Linear(4, outputs)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(4, outputs)

    def forward(self, images):
        return self.head(self.body(images).mean((2, 3)))


class LogSoftmax(Encoder):
    def forward(self, images):
        return super().forward(images).log_softmax(1)


class Labelled(Encoder):
    def forward(self, images, labels):
        return super().forward(images)
"""
DRAWN_HERE = {"factory": "resnet", "kwargs": {"blocks": [1], "width": 4}}


@pytest.fixture
def listed(tmp_path, monkeypatch, capsys):
    """What is printed of an architecture of a study that has it beside one of our families."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(ENCODER, encoding="utf-8")

    def called(name="net", data=None, **entry) -> list[str]:
        entry = {"factory": "net.py:Encoder", "weights": "gone/{seed}.pt"} | entry
        architectures = {"net": entry, "resnet": DRAWN_HERE}
        config = {"study": "s", "data": data or {"name": "cifar10"}, "architectures": architectures}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        main(["--configfile", "mine.yaml", "--architecture", name])
        return capsys.readouterr().out.splitlines()

    return called


def test_modules_are_listed_in_the_order_of_their_calls_with_what_they_give_for_one_image():
    module = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Flatten(), nn.Linear(144, 2)
    )
    assert called_modules(module.eval(), torch.rand(1, 3, 8, 8)) == [
        Row("0", "Sequential", "4×6×6"),
        Row("0.0", "Conv2d", "4×6×6"),
        Row("0.1", "ReLU", "4×6×6"),
        Row("1", "Flatten", "144"),
        Row("2", "Linear", "2"),
    ]


def test_a_module_that_is_called_twice_is_listed_twice():
    module = nn.Linear(3, 3)
    rows = called_modules(nn.Sequential(module, nn.ReLU(), module), torch.rand(1, 3))
    assert [row.kind for row in rows] == ["Linear", "ReLU", "Linear"]


def test_the_classifier_that_would_be_taken_and_the_named_layers_are_marked(listed):
    assert listed(layers={"stage1": "body"}) == [
        "net: one image of 3×32×32, which the network sees as 3×32×32",
        "",
        "body    Sequential  4×32×32  stage1",
        "body.0  Conv2d      4×32×32",
        "body.1  ReLU        4×32×32",
        "head    Linear      7        the classifier, is given penultimate",
    ]


def test_a_library_names_layers_too(listed):
    rows = listed(factory="timm", kwargs={"name": "mobilenetv3_small_050"}, weights="lamb_in1k")
    assert rows[0] == "net: one image of 3×32×32, which the network sees as 3×224×224"
    assert [row.split()[0] for row in rows if row.endswith(("stage1", "stage2"))] == [
        "bn1",
        "blocks.0",
    ]


def test_what_has_to_be_said_in_the_config_stands_below(listed):
    rows = listed(factory="net.py:LogSoftmax", layers={"stage1": "boddy"})
    assert rows[-3:] == [
        "",
        "layers.stage1: no module boddy, did you mean body?",
        "classifier: not found, the output is that of no linear layer; write classifier: head if it "
        "classifies, or classifier: null and layers: {penultimate: PATH}",
    ]
    assert not [row for row in rows if row.endswith("penultimate")]


def test_a_family_of_ours_has_its_own_names(listed):
    rows = listed("resnet")
    assert rows[0] == "resnet: one image of 3×32×32"
    named = {row.split()[0]: row.split()[-1] for row in rows[2:] if len(row.split()) > 3}
    assert named == {
        "stem": "stem",
        "stage1": "stage1",
        "penultimate": "penultimate",
        "classifier": "classifier",
    }


def test_the_image_is_the_studys_or_if_it_is_not_known_yet_the_networks(listed):
    folder = {"name": "folder", "root": "gone", "size": 48}
    assert listed(data=folder)[0].startswith("net: one image of 3×48×48")
    unknown = {"name": "arrays", "root": "gone.h5"}
    assert listed(data=unknown, input={"size": 24})[:2] == [
        "net: one image of 3×24×24, which the network sees as 3×24×24",
        "The study's images are not known yet: this is a size that the network takes.",
    ]
    assert listed("resnet", data=unknown)[0] == "resnet: one image of 3×32×32"


REFUSED = {
    "input.size: missing, and the size of the images is not known yet": {
        "data": {"name": "arrays", "root": "gone.h5"}
    },
    "kwargs: Encoder cannot be built: TypeError: Encoder.__init__() got an unexpected keyword "
    "argument 'depth'": {"kwargs": {"depth": 3}},
    "factory: the module fails on images of (3, 32, 32): TypeError: Labelled.forward() missing 1 "
    "required positional argument: 'labels'": {"factory": "net.py:Labelled"},
    "factory: net.py has no function Encode, did you mean Encoder?": {"factory": "net.py:Encode"},
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_network_that_cannot_be_run_is_refused_in_one_line(message, listed):
    with pytest.raises(SystemExit) as error:
        listed(**REFUSED[message])
    assert str(error.value) == f"architectures.net.{message}"


def test_an_unknown_architecture_is_refused_with_those_there_are(listed, capsys):
    with pytest.raises(SystemExit):
        listed("ours")
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("error: argument --architecture: got 'ours', allowed: net, resnet")
    )
