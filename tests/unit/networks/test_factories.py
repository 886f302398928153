"""Modules of libraries and of one's own files are built as they are asked for, or refused by a key."""

import sys

import pytest
import timm
import torch
from torch import nn

from repcompare.networks.factories import build_foreign
from repcompare.networks.imported import NetworkError

BLOCKS = (
    "from torch import nn\n\n\ndef block(width):\n    return nn.Conv2d(3, {factor} * width, 1)\n"
)


def own(folder, text, **neighbours) -> str:
    """A file of functions and the modules beside it; the factory `encoder` of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, code in (neighbours | {"net": text}).items():
        file = folder.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(code, encoding="utf-8")
    return f"{folder / 'net.py'}:encoder"


def refused(factory, kwargs=None, named=None) -> str:
    with pytest.raises(NetworkError) as error:
        build_foreign(factory, kwargs or {}, named)
    assert "\n" not in str(error.value)
    return str(error.value)


USES_BLOCKS = "from blocks import block\n\n\ndef encoder(width):\n    return block(width)\n"


def test_a_function_of_ones_own_can_import_what_lies_beside_it(tmp_path):
    factory = own(tmp_path, USES_BLOCKS, blocks=BLOCKS.format(factor=1))
    assert build_foreign(factory, {"width": 4}).module.out_channels == 4


def test_files_of_one_name_beside_two_networks_are_two(tmp_path):
    one = own(tmp_path / "one", USES_BLOCKS, blocks=BLOCKS.format(factor=1))
    two = own(tmp_path / "two", USES_BLOCKS, blocks=BLOCKS.format(factor=2))
    widths = [build_foreign(each, {"width": 4}).module.out_channels for each in (one, two, one)]
    assert widths == [4, 8, 4]


def test_an_import_when_the_function_is_called_and_one_from_a_folder_are_found(tmp_path):
    text = "def encoder(width):\n    from parts.blocks import block\n\n    return block(width)\n"
    for name, factor in (("one", 1), ("two", 2)):
        factory = own(tmp_path / name, text, parts__blocks=BLOCKS.format(factor=factor))
        assert build_foreign(factory, {"width": 4}).module.out_channels == 4 * factor


def test_what_is_imported_from_elsewhere_stays_imported(tmp_path, monkeypatch):
    environment = tmp_path / "environment" / "site-packages"
    own(environment, "", library="VALUE = 1\n")
    monkeypatch.syspath_prepend(environment)
    text = "import library\nfrom torch import nn\n\n\ndef encoder():\n    return nn.Flatten()\n"
    build_foreign(own(tmp_path, text), {})
    assert sys.modules.pop("library", None)
    assert not [name for name in sys.modules if name.startswith(str(tmp_path))]
    assert str(tmp_path) not in sys.path


def test_a_file_may_have_data_classes_with_annotations_that_are_read_later(tmp_path):
    text = (
        "from __future__ import annotations\n\nfrom dataclasses import dataclass\n\n"
        "from torch import nn\n\n\n@dataclass\nclass Widths:\n    first: int = 4\n\n\n"
        "def encoder():\n    return nn.Linear(Widths().first, 2)\n"
    )
    assert build_foreign(own(tmp_path, text), {}).module.in_features == 4


def of(body) -> str:
    """A file whose function `encoder` has a body."""
    return f"import torch\nfrom torch import nn\n\n\ndef encoder(**kwargs):\n    {body}\n"


def test_a_module_of_any_precision_is_computed_in_float32(tmp_path):
    for kind in ("half", "bfloat16", "double"):
        module = build_foreign(own(tmp_path / kind, of(f"return nn.Linear(2, 2).{kind}()")), {})
        assert {value.dtype for value in module.module.parameters()} == {torch.float32}


def test_the_same_seed_draws_the_same_weights_and_leaves_the_generator_alone(tmp_path):
    factory = own(tmp_path, of("return nn.Linear(2, 2)"))
    before = torch.random.get_rng_state()
    one, same, other = (build_foreign(factory, {}, seed=seed).module.weight for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


REFUSED = {
    "return 3": "factory: gives int, allowed: a torch.nn.Module",
    "raise ValueError('width must be even\\n at least 2')": (
        "kwargs: encoder cannot be built: ValueError: width must be even"
    ),
    "open('/nowhere/at all')": (
        "factory: encoder cannot be built: FileNotFoundError: [Errno 2] No such file or directory: "
        "'/nowhere/at all'"
    ),
    "assert kwargs['width']": "factory: encoder cannot be built: KeyError: 'width'",
    "raise RuntimeError": "factory: encoder cannot be built: RuntimeError",
    "return nn.LazyLinear(3)": (
        "factory: encoder has a lazy weight, whose shape is not known before it has seen an image"
    ),
    "return type('Odd', (nn.Linear,), {'get_extra_state': dict})(1, 1)": (
        "factory: encoder keeps _extra_state, which is no tensor, and only tensors are stored"
    ),
}


@pytest.mark.parametrize("body", REFUSED)
def test_a_function_that_gives_no_module_to_store_is_refused(body, tmp_path):
    assert refused(own(tmp_path, of(body))) == REFUSED[body]


def test_arguments_that_a_function_does_not_take_are_refused(tmp_path):
    factory = own(tmp_path, "def encoder(width): ...\n")
    assert refused(factory, {"depth": 3}) == (
        "kwargs: encoder cannot be built: TypeError: encoder() got an unexpected keyword argument "
        "'depth'"
    )


def test_a_file_that_fails_is_named(tmp_path):
    factory = own(tmp_path, "import no_such_library\n")
    path = factory.removesuffix(":encoder")
    assert refused(factory) == (
        f"factory: {path}: ModuleNotFoundError: No module named 'no_such_library'"
    )
    assert (
        refused(own(tmp_path, "1 / 0\n")) == f"factory: {path}: ZeroDivisionError: division by zero"
    )
    assert refused(own(tmp_path, "")) == f"factory: {path} has no function encoder"
    assert refused("nowhere/net.py:encoder") == "factory: nowhere/net.py: no such file"


def test_a_network_of_torchvision_knows_its_images():
    built = build_foreign("torchvision", {"name": "squeezenet1_1"}, seed=0)
    assert (built.size, built.mean) == (224, (0.485, 0.456, 0.406))
    assert isinstance(built.module, nn.Module)


TORCHVISION = {
    "resnet_18": "kwargs.name: torchvision has no resnet_18, did you mean resnet18 or",
    # They locate things in images, and do not say what an image is of.
    "fasterrcnn_resnet50_fpn": "kwargs.name: torchvision has no fasterrcnn_resnet50_fpn",
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_network_that_torchvision_does_not_have_is_refused(name):
    assert refused("torchvision", {"name": name}).startswith(TORCHVISION[name])


def test_weights_that_torchvision_does_not_have_are_refused():
    assert refused("torchvision", {"name": "squeezenet1_1"}, "IMAGENET1K_V9") == (
        "weights: torchvision's squeezenet1_1 has no IMAGENET1K_V9, did you mean IMAGENET1K_V1?"
    )


def test_arguments_that_torchvision_does_not_take_are_refused():
    assert refused("torchvision", {"name": "squeezenet1_1", "depth": 3}).startswith(
        "kwargs: squeezenet1_1 cannot be built: TypeError: "
    )


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch):
    def unreachable(*arguments, **named):
        raise OSError("Name or service not known")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", unreachable)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    assert refused("torchvision", {"name": "squeezenet1_1"}, "IMAGENET1K_V1") == (
        "weights: IMAGENET1K_V1 cannot be downloaded: OSError: Name or service not known"
    )


def test_timm_that_is_not_there_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    assert refused("timm", {"name": "resnet18"}) == (
        "factory: timm is not installed: pip install timm"
    )


def test_timm_knows_its_images_and_its_stages():
    built = build_foreign("timm", {"name": "mobilenetv3_small_050"}, seed=0)
    assert (built.size, built.mean) == (224, (0.485, 0.456, 0.406))
    assert {name: path for name, path in built.layers.items() if name in ("stage1", "stage2")} == {
        "stage1": "bn1",
        "stage2": "blocks.0",
    }
    assert refused("timm", {"name": "resnet_18"}).startswith(
        "kwargs.name: timm has no resnet_18, did you mean "
    )
    assert refused("timm", {"name": "mobilenetv3_small_050"}, "lamb").startswith(
        "weights: timm's mobilenetv3_small_050 has no lamb, did you mean lamb_in1k?"
    )


def test_a_classifier_that_timm_would_put_on_weights_for_other_classes_is_refused(monkeypatch):
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda pretrained, **kwargs: create(**kwargs))
    kwargs = {"name": "mobilenetv3_small_050", "num_classes": 10}
    assert refused("timm", kwargs, "lamb_in1k") == (
        "kwargs.num_classes: got 10, but lamb_in1k knows 1000, leave it out, or 0 for none"
    )
    build_foreign("timm", kwargs)
    build_foreign("timm", kwargs | {"num_classes": 0}, "lamb_in1k")
