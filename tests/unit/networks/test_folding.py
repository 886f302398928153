"""A folded network is the same function, with fewer batch norms and none of bfloat16's slow ways."""

import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm, pad, relu
from torch.nn.utils.parametrizations import weight_norm
from unit.support import foreign

from repcompare.architectures import build
from repcompare.architectures.classifier import InFloat32, avoid_slow_bfloat16
from repcompare.networks.folding import folded_graph
from repcompare.networks.models import folded
from repcompare.networks.space_to_depth import SpaceToDepthConv2d

SMALL = {
    "densenet": {"blocks": [2, 2], "growth_rate": 4},
    "googlenet": {"width_multiplier": 0.0625},
    "mobilenet_v2": {"width_multiplier": 0.25, "blocks": [1] * 7, "expansion": 2, "last_width": 32},
    "preact_resnet": {"blocks": [1, 1], "width": 4},
    "resnet": {"blocks": [1, 1], "width": 4},
    "resnext": {"depth": 11, "cardinality": 2, "base_width": 4, "width": 4},
    "vgg": {"depth": 11, "width": 4, "stages": 3},
    "wide_resnet": {"depth": 10, "widen_factor": 1, "width": 4},
}
IMAGES = torch.rand(8, 4, 12, 12, generator=torch.Generator().manual_seed(0))


class NormAndActivation(nn.BatchNorm2d):
    """Both in one module, as timm has them: it asks for a shape and calls the function."""

    def forward(self, maps):
        torch._assert(maps.ndim == 4, f"{maps.ndim} dimensions")
        moments = self.running_mean, self.running_var
        training = self.training or not self.track_running_stats
        return relu(batch_norm(maps, *moments, self.weight, self.bias, training, eps=self.eps))


class Same(nn.Conv2d):
    """A convolution that decides by the size of what it is given, as timm's of TensorFlow's networks."""

    def forward(self, maps):
        return super().forward(pad(maps, (0, 1, 0, 1)) if maps.shape[-1] % 2 == 0 else maps)


class CalledTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.one, self.two = convolution(), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, images):
        return self.two(self.conv(self.one(self.conv(images))))


class SeenTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = convolution(), nn.BatchNorm2d(4)

    def forward(self, images):
        maps = self.conv(images)
        return self.norm(maps) + maps


class ReadElsewhere(nn.Module):
    """The convolution is one of weights that are read beside it, too."""

    def __init__(self, convolution):
        super().__init__()
        self.conv, self.norm = convolution, nn.BatchNorm2d(4)

    def forward(self, images):
        return self.norm(self.conv(images)) * self.conv.weight.mean()


class InPlace(nn.Module):
    """What is changed in place is used by its first name."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu = convolution(), nn.ReLU(inplace=True)

    def forward(self, images):
        maps = self.conv(images)
        self.relu(maps)
        maps.mul_(2)
        return maps


class ByName(nn.Module):
    """Each module is given its input by name."""

    def __init__(self, convolution):
        super().__init__()
        self.conv, self.norm = convolution, nn.BatchNorm2d(convolution.out_channels)

    def forward(self, images):
        return self.norm(input=self.conv(input=images))


def hooked(module):
    """A module whose output is doubled by a hook."""
    module.register_forward_hook(lambda _, given, output: output * 2)
    return module


def convolution(**settings) -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, padding=1, **settings)


def sequence(*kinds):
    return lambda: nn.Sequential(*(kind() for kind in kinds))


# How a network is made, and how many batch norms are left of it.
KINDS = {
    "a module": (sequence(convolution, lambda: nn.BatchNorm2d(4), nn.ReLU), 0),
    "a function": (sequence(convolution, lambda: NormAndActivation(4)), 0),
    "no bias": (sequence(lambda: convolution(bias=False), lambda: nn.BatchNorm2d(4)), 0),
    "not affine": (sequence(convolution, lambda: nn.BatchNorm2d(4, affine=False)), 0),
    "depthwise": (
        sequence(lambda: convolution(stride=2, groups=4), lambda: nn.BatchNorm2d(4)),
        0,
    ),
    "before": (sequence(lambda: nn.BatchNorm2d(4), convolution), 1),
    "of the batch": (
        sequence(convolution, lambda: nn.BatchNorm2d(4, track_running_stats=False)),
        1,
    ),
    "a function of the batch": (
        sequence(convolution, lambda: NormAndActivation(4, track_running_stats=False)),
        1,
    ),
    "weights made of others": (
        sequence(lambda: weight_norm(convolution()), lambda: nn.BatchNorm2d(4)),
        1,
    ),
    "of its own kind": (sequence(lambda: Same(4, 4, 3), lambda: nn.BatchNorm2d(4)), 1),
    "by name": (lambda: ByName(convolution()), 0),
    "depthwise by name": (lambda: ByName(convolution(stride=2, groups=4)), 0),
    "hooked": (sequence(lambda: hooked(convolution()), lambda: nn.BatchNorm2d(4)), 1),
    "hooked norm": (sequence(convolution, lambda: hooked(nn.BatchNorm2d(4))), 1),
    "read elsewhere": (lambda: ReadElsewhere(convolution()), 1),
    "in place": (InPlace, 0),
    "called twice": (CalledTwice, 2),
    "seen twice": (SeenTwice, 1),
}


def made(kind: str) -> nn.Module:
    """A network in eval mode whose batch norms do something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = KINDS[kind][0]()
        avoid_slow_bfloat16(network)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.uniform_(module.bias, -1, 1)
        network(IMAGES)
    return network.eval()


def batch_norms(traced) -> int:
    modules = dict(traced.named_modules())
    return sum(
        node.target is batch_norm or isinstance(modules.get(node.target), nn.BatchNorm2d)
        for node in traced.graph.nodes
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_norm_is_folded_where_that_is_the_same_function(kind):
    network = made(kind)
    before, traced = network(IMAGES), folded_graph(network)
    torch.testing.assert_close(traced(IMAGES), before)
    torch.testing.assert_close(network(IMAGES), before, rtol=0, atol=0)
    assert batch_norms(traced) == KINDS[kind][1]


def test_a_batch_norm_in_training_mode_stays_one():
    network = made("a module")
    network[1].train()
    traced = folded_graph(network)
    torch.testing.assert_close(traced(IMAGES), network(IMAGES))
    assert batch_norms(traced) == 1


def test_a_copy_may_end_at_what_a_module_is_given():
    network = made("a module")
    traced = folded_graph(network, until="2")
    torch.testing.assert_close(traced(IMAGES).relu(), network(IMAGES))
    assert "2" not in dict(traced.named_modules())


@pytest.mark.parametrize("factory", SMALL)
def test_a_folded_network_of_ours_gives_the_same_answers(factory):
    network = build(factory, SMALL[factory], 1, 10, seed=0)
    images = torch.rand(64, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for _ in range(5):
            network(images * 3)
    network.eval().requires_grad_(False)
    before, after = network(images), folded(network)(images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4 * before.abs().max().item())


STEMS = {
    "ResNet": ({"kernel_size": 7, "stride": 2, "padding": 3}, (24, 24)),
    "odd image": ({"kernel_size": 7, "stride": 2, "padding": 3}, (23, 26)),
    "patches": ({"kernel_size": 4, "stride": 4}, (24, 24)),
    "pixels left over": ({"kernel_size": 4, "stride": 4}, (26, 27)),
    "two strides": ({"kernel_size": (6, 8), "stride": (3, 2), "padding": (1, 2)}, (20, 21)),
    "no bias": ({"kernel_size": 7, "stride": 2, "bias": False}, (24, 24)),
}


@pytest.mark.parametrize("stem", STEMS)
def test_a_convolution_of_blocks_is_the_same_function_with_the_same_gradient(stem):
    settings, size = STEMS[stem]
    network = nn.Sequential(nn.Conv2d(3, 8, **settings)).double()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64).requires_grad_()
    traced = folded_graph(network)
    assert type(traced.get_submodule("0")) is SpaceToDepthConv2d
    before, after = network(images), traced(images)
    torch.testing.assert_close(after, before)
    weights = torch.rand(before.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad((z * weights).sum(), images)[0] for z in (before, after)]
    torch.testing.assert_close(*gradients)


PATCHES = {"kernel_size": 4, "stride": 4}


def test_a_stem_may_be_given_its_images_by_name():
    network = ByName(nn.Conv2d(4, 8, **PATCHES)).eval()
    traced = folded_graph(network)
    torch.testing.assert_close(traced(IMAGES), network(IMAGES))
    assert type(traced.conv) is SpaceToDepthConv2d


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(hooked(nn.Conv2d(4, 4, **PATCHES))),
        ReadElsewhere(nn.Conv2d(4, 4, 7, stride=2)).eval(),
    ],
)
def test_a_stem_that_others_know_stays_as_it_is(network):
    torch.testing.assert_close(folded_graph(network)(IMAGES), network(IMAGES))


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "stride": 2},  # half of the blocks' pixels would be zeros
        {"kernel_size": 7},
        {"kernel_size": 7, "stride": (2, 1)},
        {"kernel_size": 4, "stride": 4, "groups": 3},  # depthwise
        {"kernel_size": 4, "stride": 4, "dilation": 2},
        {"kernel_size": 7, "stride": 2, "padding": 3, "padding_mode": "reflect"},
        {"kernel_size": 4, "stride": 4, "padding": "valid"},
    ],
)
def test_other_convolutions_stay_as_they_are(settings):
    traced = folded_graph(nn.Sequential(nn.Conv2d(3, 6, **settings)))
    assert isinstance(traced.get_submodule("0"), nn.Conv2d)


class AsGradientsAre(foreign.Foreign):
    """Another function where gradients are taken, as they are when it is traced."""

    def represent(self, images):
        return super().represent(images) * (1 if torch.is_grad_enabled() else 2)


class Untraceable(foreign.Foreign):
    def forward(self, images):
        return super().forward(images) if images.sum() > -1e9 else images


class LinearOfItsOwn(nn.Linear):
    def forward(self, values):
        return nn.functional.linear(values, self.weight, self.bias)


class OwnLinear(foreign.Foreign):
    def __init__(self):
        super().__init__()
        self.head = LinearOfItsOwn(8, 5)


class HeadByName(foreign.Foreign):
    def forward(self, images):
        return self.head(input=self.represent(images))


class Depthwise(foreign.Foreign):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 12, 3, stride=2, groups=3)
        self.second = nn.Conv2d(12, 8, 1)


def test_foreign_networks_have_no_convolution_that_bfloat16_slows_down():
    network = foreign.imported(foreign.module(Depthwise))
    for each in (network, folded(network)):
        found = [part for part in each.modules() if isinstance(part, nn.Conv2d)]
        assert [isinstance(part, InFloat32) for part in found] == [True, False]


@pytest.mark.parametrize(
    "kind", [foreign.Foreign, OwnLinear, HeadByName, AsGradientsAre, Untraceable]
)
def test_a_folded_foreign_network_is_the_same_function(kind):
    network = foreign.imported(foreign.module(kind))
    short = folded(network)
    with torch.inference_mode():
        torch.testing.assert_close(short(foreign.IMAGES), network(foreign.IMAGES))
        torch.testing.assert_close(
            short.represent(foreign.IMAGES), network.represent(foreign.IMAGES)
        )


def test_batch_normalisation_is_folded_where_the_body_can_be_traced():
    def norms(network):
        return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]

    assert not norms(folded(foreign.imported(foreign.module())))
    assert not norms(
        folded(foreign.imported(foreign.module(), input={"mean": [0.5], "std": [0.25]}))
    )
    assert not norms(folded(foreign.imported(foreign.module(OwnLinear))))
    assert norms(folded(foreign.imported(foreign.module(AsGradientsAre))))
    assert norms(folded(foreign.imported(foreign.module(Untraceable))))
