"""The architectures are the published ones, and all keep the one contract of `Classifier`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
import torch
from torch import nn

from repcompare import architectures
from repcompare.architectures.classifier import Classifier

# Small keyword arguments, the width of the representation they give, and the side of the last
# feature map of a 32x32 image in the published network.
CASES = {
    "densenet": ({"blocks": [2, 1, 1, 1, 1], "growth_rate": 6}, 12, 8),
    "googlenet": ({"width_multiplier": 0.0625}, 64, 8),
    "mobilenet_v2": ({"width_multiplier": 0.25, "expansion": 2, "last_width": 48}, 48, 4),
    "preact_resnet": ({"blocks": [1, 1, 1], "width": 8, "final_norm": False}, 32, 4),
    "resnet": ({"blocks": [1, 2, 1], "width": 8, "shortcut": "identity"}, 32, 4),
    "resnext": ({"depth": 11, "base_width": 2, "width": 8, "expansion": 2}, 64, 8),
    "vgg": ({"depth": 11, "width": 8}, 64, 1),
    "wide_resnet": ({"depth": 10, "widen_factor": 2, "width": 4, "dropout": 0.1}, 32, 8),
}
SMALL = {name: kwargs for name, (kwargs, _, _) in CASES.items()}

every_factory = pytest.mark.parametrize("name", sorted(SMALL))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    # Networks this small lose more to waiting threads than they gain.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(name: str, in_channels: int = 1, seed: int = 0) -> Classifier:
    return architectures.build(name, SMALL[name], in_channels, 10, seed=seed)


def images(count: int, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def parameter_count(name: str, **kwargs: object) -> int:
    with torch.device("meta"):
        network = architectures.build(name, kwargs, 3, 10)
    return sum(parameter.numel() for parameter in network.parameters())


def layer_outputs(network: Classifier, batch: torch.Tensor) -> dict[str, tuple]:
    """Run the network; return what each layer gave out, and a copy made before the next ran."""
    names = {network.get_submodule(name): name for name in network.layers}
    outputs = {}

    def record(module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        outputs[names[module]] = (output, output.clone())

    for module in names:
        module.register_forward_hook(record)
    network(batch)
    return outputs


def use_statistics_of(network: Classifier, batch: torch.Tensor) -> None:
    """Put the network in eval mode with the batch norms holding the statistics of the batch."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average over the batches seen, here one
    with torch.no_grad():
        network.train()(batch)
    network.eval()


def test_every_factory_is_covered_here() -> None:
    assert architectures.available() == sorted(SMALL)


def thin(n: int) -> dict[str, object]:
    """Keyword arguments of the CIFAR ResNet of depth 6n+2 (arXiv:1512.03385, section 4.2)."""
    return {"blocks": [n, n, n], "width": 16, "shortcut": "identity"}


DEEP = {"blocks": [3, 4, 6, 3], "bottleneck": True}


# Totals with 10 classes and 3 channels, as listed for github.com/kuangliu/pytorch-cifar; the last
# two are from the tests of github.com/osmr/imgclsmob. The pre-activation paper has one batch norm
# more than kuangliu's, of 512 channels; the 1x1 stem of that ResNeXt has 3 * 64 weights, the
# paper's 3x3 stem nine times as many.
@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("vgg", {"depth": 11}, 9_231_114),
        ("vgg", {}, 14_728_266),
        ("vgg", {"depth": 19}, 20_040_522),
        ("resnet", {}, 11_173_962),
        ("resnet", DEEP, 23_520_842),
        ("preact_resnet", {"final_norm": False}, 11_171_146),
        ("preact_resnet", {}, 11_171_146 + 2 * 512),
        ("preact_resnet", DEEP | {"final_norm": False}, 23_509_066),
        ("googlenet", {}, 6_166_250),
        ("mobilenet_v2", {}, 2_296_922),
        ("densenet", {"blocks": [6, 12, 24, 16], "growth_rate": 32}, 6_956_298),
        ("resnext", {"cardinality": 2}, 9_128_778 + 8 * 3 * 64),
        ("densenet", {}, 769_162),
        ("wide_resnet", {}, 36_479_194),
    ],
)
def test_parameters_are_those_of_other_implementations(name, kwargs, expected) -> None:
    assert parameter_count(name, **kwargs) == expected


# He et al. (arXiv:1512.03385) table 6; Zagoruyko and Komodakis (arXiv:1605.07146) table 4; Xie et
# al. (arXiv:1611.05431) table 7; Huang et al. (arXiv:1608.06993) table 2. In millions.
@pytest.mark.parametrize(
    ("name", "kwargs", "millions", "digit"),
    [
        ("resnet", thin(3), 0.27, 0.01),
        ("resnet", thin(18), 1.7, 0.1),
        ("wide_resnet", {}, 36.5, 0.1),
        ("wide_resnet", {"depth": 16, "widen_factor": 8}, 11.0, 0.1),
        ("resnext", {}, 34.4, 0.1),
        ("resnext", {"cardinality": 16}, 68.1, 0.1),
        ("densenet", {}, 0.8, 0.1),
        ("densenet", {"blocks": [41] * 3, "growth_rate": 24}, 15.3, 0.1),
    ],
)
def test_parameters_are_those_the_papers_report(name, kwargs, millions, digit) -> None:
    assert parameter_count(name, **kwargs) / 1e6 == pytest.approx(millions, abs=digit)


def _torchvision_resnet(block: str, blocks: Sequence[int] = (1, 2, 1), **kwargs) -> nn.Module:
    from torchvision.models import resnet

    reference = resnet.ResNet(getattr(resnet, block), [*blocks, 1], num_classes=10, **kwargs)
    reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.maxpool = reference.layer4 = nn.Identity()
    reference.fc = nn.Linear(reference.fc.in_features // 2, 10)
    return reference


_torchvision_resnext = partial(
    _torchvision_resnet, "Bottleneck", [1, 1, 1], groups=2, width_per_group=64
)


def _torchvision_densenet() -> nn.Module:
    from torchvision.models.densenet import DenseNet

    reference = DenseNet(growth_rate=6, block_config=(2, 3), num_init_features=12, num_classes=10)
    features = reference.features
    features.conv0 = nn.Conv2d(3, 12, 3, padding=1, bias=False)
    features.norm0 = features.relu0 = features.pool0 = nn.Identity()
    return reference


def _torchvision_vgg() -> nn.Module:
    from torchvision.models.vgg import cfgs, make_layers

    features = make_layers(cfgs["A"], batch_norm=True)
    return nn.Sequential(features, nn.Flatten(), nn.Linear(512, 10))


@pytest.mark.parametrize(
    ("name", "kwargs", "reference"),
    [
        ("resnet", {"blocks": [1, 2, 1]}, partial(_torchvision_resnet, "BasicBlock")),
        ("resnet", DEEP | {"blocks": [1, 2, 1]}, partial(_torchvision_resnet, "Bottleneck")),
        ("resnext", {"depth": 11, "cardinality": 2}, _torchvision_resnext),
        ("densenet", {"blocks": [2, 3], "growth_rate": 6}, _torchvision_densenet),
        ("vgg", {"depth": 11}, _torchvision_vgg),
    ],
)
def test_outputs_equal_torchvision_with_the_same_weights(name, kwargs, reference) -> None:
    theirs = reference().train()
    ours = architectures.build(name, kwargs, 3, 10, seed=0).train()
    with torch.no_grad():
        for target, source in zip(theirs.parameters(), ours.parameters(), strict=True):
            assert target.shape == source.shape
            target.copy_(source)
        batch = images(4, (3, 32, 32))
        # The training pass first, so that the running statistics are compared as well.
        torch.testing.assert_close(ours(batch), theirs(batch), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.eval()(batch), theirs.eval()(batch), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 9, 9), (1, 28, 28), (3, 32, 32)], ids=str)
@every_factory
def test_logits_are_the_classifier_of_the_representation(name, shape) -> None:
    network = small(name, shape[0]).eval()
    batch = images(3, shape)
    representation = network.represent(batch)
    assert representation.shape == (3, CASES[name][1])
    assert network.representation_width == CASES[name][1]
    assert representation.std() > 0
    assert torch.equal(network(batch), network.classifier(representation))
    assert network(batch).shape == (3, 10)


@every_factory
def test_default_network_halves_a_cifar_image_as_published(name: str) -> None:
    with torch.device("meta"):
        network = architectures.build(name, {}, 3, 10).eval()
        outputs = layer_outputs(network, torch.empty(2, 3, 32, 32))
    assert outputs[network.stage_names[-1]][0].shape[-2:] == (CASES[name][2],) * 2


@every_factory
def test_layers_are_named_alike_and_end_in_the_representation(name: str) -> None:
    network, batch = small(name).eval(), images(2, (1, 9, 9))
    outputs = layer_outputs(network, batch)
    numbered = [layer for layer in network.layers if layer.startswith("stage")]
    assert numbered == [f"stage{i + 1}" for i in range(len(numbered))]
    assert set(network.layers) - set(numbered) <= {"stem", "penultimate"}
    assert torch.equal(outputs["penultimate"][0], network.represent(batch))
    torch.testing.assert_close(outputs["penultimate"][0], outputs[numbered[-1]][0].mean((2, 3)))


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@every_factory
def test_layer_outputs_are_not_changed_by_later_layers(name: str, training: bool) -> None:
    network = small(name).train(training)
    for layer, (output, copy) in layer_outputs(network, images(4, (1, 8, 8))).items():
        assert torch.equal(output, copy), layer


@every_factory
def test_averaged_outputs_are_those_of_the_layers_asked_for(name: str) -> None:
    network, batch = small(name).eval(), images(3, (1, 9, 9))
    copies = {layer: copy for layer, (_, copy) in layer_outputs(network, batch).items()}
    averaged = network.layer_outputs(batch, network.layers)
    assert list(averaged) == list(network.layers)
    for layer in network.stage_names:
        torch.testing.assert_close(averaged[layer], copies[layer].mean((2, 3)))
    assert torch.equal(averaged["penultimate"], network.represent(batch))
    asked = network.layer_outputs(batch, ["stage9", "penultimate", "stage1"])
    assert list(asked) == ["stage1", "penultimate"]
    assert torch.equal(asked["stage1"], averaged["stage1"])


def test_averaged_outputs_are_taken_before_the_next_stage_changes_them_in_place() -> None:
    in_place = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    stages = OrderedDict(stem=nn.Conv2d(1, 4, 3), stage1=in_place)
    network = Classifier(stages, in_channels=1, representation_width=2, num_classes=2).eval()
    batch = images(3, (1, 8, 8))
    expected = network.stem(batch)
    assert (expected < 0).any()
    found = network.layer_outputs(batch, ["stem"])["stem"]
    torch.testing.assert_close(found, expected.mean((2, 3)))


@pytest.mark.parametrize("name", ["preact_resnet", "wide_resnet"])
def test_a_projection_sees_the_activated_features(name: str) -> None:
    block = small(name).eval().stage2[0]
    features = images(2, (8, 8, 8)) - 0.5
    activated = block.activation[0](features).relu()
    expected = block.residual(activated) + block.projection(block.subsample(activated))
    assert torch.equal(block(features), expected)


@every_factory
def test_symbolic_trace_and_channels_last_compute_the_same(name: str) -> None:
    network, batch = small(name, 3).eval(), images(2, (3, 9, 9))
    expected = network(batch)
    assert torch.equal(torch.fx.symbolic_trace(network)(batch), expected)
    network.to(memory_format=torch.channels_last)
    result = network(batch.to(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@every_factory
def test_an_image_in_eval_mode_is_independent_of_its_batch(name: str) -> None:
    network, batch = small(name), images(5, (1, 8, 8))
    use_statistics_of(network, images(16, (1, 8, 8), seed=1))
    torch.testing.assert_close(network(batch)[3:4], network(batch[3:4]), rtol=1e-4, atol=1e-5)


@every_factory
def test_gradients_reach_every_parameter(name: str) -> None:
    # In eval mode: batch statistics cancel the bias of a convolution before a batch norm.
    network, batch = small(name), images(32, (1, 28, 28))
    use_statistics_of(network, batch)
    network(batch).square().sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@every_factory
def test_seed_determines_the_weights_and_leaves_the_generator_alone(name: str) -> None:
    generator = torch.get_rng_state()
    first, same, other = (small(name, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), generator)
    torch.manual_seed(3)
    unseeded = architectures.build(name, SMALL[name], 1, 10).state_dict()
    for key, value in first.items():
        assert torch.equal(value, same[key]), key
        assert torch.equal(value, unseeded[key]), key
        if value.ndim > 1:
            assert not torch.equal(value, other[key]), key


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnext", "vgg"])
def test_convolutions_start_with_the_variance_of_he(name: str) -> None:
    for module in architectures.build(name, {}, 3, 10, seed=0).modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 2000:
            area = module.kernel_size[0] * module.kernel_size[1]
            expected = 2 * module.groups / (area * module.out_channels)
            assert module.weight.var().item() == pytest.approx(expected, rel=0.15)


def test_images_are_normalised_inside() -> None:
    network = small("vgg", 3).eval()
    batch = images(2, (3, 8, 8))
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.1])
    expected = network((batch - mean[:, None, None]) / std[:, None, None])
    network.set_normalisation(mean.tolist(), std)
    torch.testing.assert_close(network(batch), expected)
    assert {"mean", "std"} <= set(network.state_dict())


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0.5] * 2, [0.2], r"mean has shape \(2,\); allowed: \(1,\)"),
        ([0.5], [0.0], "std is .*; allowed: finite and positive"),
        ([float("nan")], [0.2], "mean is .*; allowed: finite"),
    ],
)
def test_normalisation_that_makes_no_sense_is_refused(mean, std, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small("vgg").set_normalisation(mean, std)


@pytest.mark.parametrize("names", [[], ["stem"], ["stage2"], ["stage1", "stem"], ["stage1", "x"]])
def test_stages_with_other_names_are_refused(names: list[str]) -> None:
    stages = OrderedDict((name, nn.Identity()) for name in names)
    with pytest.raises(ValueError, match="allowed: an optional 'stem'"):
        Classifier(stages, in_channels=1, representation_width=1, num_classes=2)


@every_factory
def test_a_network_needs_channels_and_classes(name: str) -> None:
    for in_channels, num_classes, message in [(0, 2, "in_channels is 0"), (1, 0, "num_classes is")]:
        with pytest.raises(ValueError, match=message):
            architectures.build(name, SMALL[name], in_channels, num_classes)
