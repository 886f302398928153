"""A foreign network is understood once, from a few images, or refused with the key to set."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn.functional import log_softmax
from unit.support.foreign import CLASSES, IMAGES, Foreign, imported, module

from repcompare.networks.factories import Built
from repcompare.networks.imported import NetworkError, mean_of_patches, pooled
from repcompare.networks.importing import (
    adaptation_of,
    chosen_outputs,
)


def refused(made, **settings) -> str:
    with pytest.raises(NetworkError) as error:
        imported(made, **settings)
    return str(error.value)


def test_a_network_answers_as_it_did():
    made = module()
    network = imported(made, input={"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]})
    shift, scale = (torch.tensor(v).view(3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]))
    with torch.inference_mode():
        seen = (IMAGES - shift) / scale
        torch.testing.assert_close(network(IMAGES), made(seen))
        torch.testing.assert_close(network.represent(IMAGES), made.represent(seen))
    assert network.classifier_path == "head"


def test_the_input_is_what_the_config_says_else_the_library_else_the_image_itself():
    built = Built(module(), size=24, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 2.0))
    of = adaptation_of(built, {"input": {"size": 32, "mean": [0.5]}}, IMAGES, CLASSES)
    assert (of.size, of.mean, of.std) == (32, [0.5] * 3, [1.0, 1.0, 2.0])
    of = adaptation_of(built, {}, IMAGES, CLASSES)
    assert (of.size, of.mean, of.std) == (24, [0.1, 0.2, 0.3], [1.0, 1.0, 2.0])
    of = adaptation_of(Built(module()), {}, IMAGES, CLASSES)
    assert (of.size, of.mean, of.std) == (16, [0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("size", [7, 16, 20, 32])
def test_an_image_of_another_size_stays_in_range_and_every_pixel_counts(size):
    network = imported(module(), input={"size": size})
    assert network.preparation(IMAGES).shape[2:] == (size, size)
    assert 0 <= network.preparation(IMAGES).min() <= network.preparation(IMAGES).max() <= 1
    leaf = IMAGES.clone().requires_grad_()
    network.preparation(leaf).sum().backward()
    assert (leaf.grad != 0).all()


def test_a_grey_image_is_shown_to_a_network_of_colours():
    network = imported(module(), input={"mean": [0.5, 0.4, 0.3], "std": [1.0, 1.0, 1.0]})
    grey = IMAGES[:, :1]
    torch.testing.assert_close(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_outputs_are_restricted_to_the_classes_of_the_study_by_name():
    made = module(outputs=7)
    names = ["x", "class 4", "class 3", "y", "class 2", "class 1", "class 0"]
    network = imported(made, classes=names)
    with torch.inference_mode():
        whole = made(IMAGES)
    torch.testing.assert_close(network(IMAGES), whole[:, [6, 5, 4, 2, 1]])
    assert network.classifier.weight.shape == (5, 8)
    assert refused(made) == (
        "classes: 7 outputs but 5 classes; name the outputs, or null to compare representations only"
    )
    assert refused(made, classes=names[:5]) == "classes: 5 names but 7 outputs"
    assert refused(made, classes=["cat", *names[1:6], "dog"]) == (
        "classes: does not know class 0 (did you mean class 4?)"
    )


def test_outputs_in_the_order_of_the_classes_need_no_names():
    assert chosen_outputs(5, None, CLASSES) == [0, 1, 2, 3, 4]


def test_layers_have_the_studys_names_and_order_and_maps_are_averaged():
    made = module()
    network = imported(made, layers={"stage10": "second", "stage2": "first.2", "stem": "first.0"})
    assert network.layers == ("stem", "stage2", "stage10", "penultimate")
    found = network.layer_outputs(IMAGES, ["stage10", "stem", "penultimate"])
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "stem": (4, 4),
        "stage10": (4, 8),
        "penultimate": (4, 8),
    }
    with torch.inference_mode():
        torch.testing.assert_close(found["stem"], made.first[0](IMAGES).mean((2, 3)))
    assert refused(made, layers={"stage1": "firts"}) == (
        "layers.stage1: no module firts, did you mean first?"
    )


def test_every_kind_of_output_becomes_a_vector_an_image():
    tokens = torch.arange(2 * 11 * 3.0).view(2, 11, 3)
    assert torch.equal(pooled(tokens, "mean"), tokens[:, 2:].mean(1))
    assert torch.equal(pooled(tokens, "first"), tokens[:, 0])
    assert torch.equal(mean_of_patches(tokens[:, :9]), tokens[:, :9].mean(1))
    maps = torch.rand(2, 3, 4, 4)
    assert torch.equal(pooled(maps, "mean"), maps.mean((2, 3)))
    torch.testing.assert_close(pooled(maps.permute(0, 2, 3, 1), "mean"), maps.mean((2, 3)))
    assert torch.equal(pooled((maps, None), "mean"), maps.mean((2, 3)))
    assert torch.equal(pooled({"logits": maps[:, :, 0, 0]}, "mean"), maps[:, :, 0, 0])
    with pytest.raises(ValueError, match=r"gives \(3,\), allowed: \(N, C, h, w\)"):
        pooled(torch.zeros(3), "mean")


class LogSoftmax(Foreign):
    def forward(self, images):
        return log_softmax(self.head(self.represent(images)), 1)


def test_a_log_softmax_after_the_classifier_is_taken_if_the_classifier_is_named():
    made = module(LogSoftmax)
    assert refused(made).startswith(
        "classifier: not found, the output is that of no linear layer; "
        "write classifier: head if it classifies, or classifier: null"
    )
    network = imported(made, classifier="head")
    with torch.inference_mode():
        torch.testing.assert_close(log_softmax(network(IMAGES), 1), made(IMAGES))


class TwoHeads(Foreign):
    def forward(self, images):
        found = self.represent(images)
        return (self.head(found) + self.unused(found)) / 2


def test_two_heads_are_no_linear_classifier_but_have_answers():
    made = module(TwoHeads)
    assert refused(made, classifier="head") == (
        "classifier: the module's output is neither what head gives nor that less a number a row"
    )
    assert refused(made, classifier=None) == (
        "classifier: null, so that layers.penultimate must name the module of the representation"
    )
    network = imported(made, classifier=None, layers={"penultimate": "second"})
    assert network.classifier is None
    with torch.inference_mode():
        torch.testing.assert_close(network(IMAGES), made(IMAGES))
        torch.testing.assert_close(network.represent(IMAGES), made.represent(IMAGES))


class Encoder(Foreign):
    def forward(self, images):
        return self.represent(images)


def test_a_network_without_classes_is_represented_by_its_output():
    made = module(Encoder)
    network = imported(made, classes=None)
    torch.testing.assert_close(network.represent(IMAGES), made.represent(IMAGES))
    assert network.layers == ("penultimate",)
    with pytest.raises(ValueError, match="knows none of the study's classes"):
        network(IMAGES)


def test_a_named_classifier_must_be_one():
    assert refused(module(), classifier="first") == (
        "classifier: first is Sequential, allowed: a torch.nn.Linear"
    )
    assert refused(module(), classifier="haed") == (
        "classifier: no module haed, did you mean head?"
    )
    assert refused(module(), classifier="unused") == (
        "classifier: unused is called 0 times, allowed: once"
    )


class Restless(Foreign):
    def represent(self, images):
        return nn.functional.dropout(super().represent(images), training=True)


class Coupled(Foreign):
    def represent(self, images):
        found = super().represent(images)
        return found - found.mean(0)


class Detached(Foreign):
    def represent(self, images):
        return super().represent(images.detach())


class Quantised(Foreign):
    def represent(self, images):
        return super().represent((images * 8).round() / 8)


class Infinite(Foreign):
    def represent(self, images):
        return super().represent(images) / 0


class Twice(Foreign):
    def represent(self, images):
        return super().represent(images) + super().represent(images.flip(3))


BEHAVIOUR = {
    Restless: "factory: the same images have other answers in a second call; "
    "something is still random",
    Coupled: "factory: an image has other answers alone than among others, as if trained on the batch",
    Detached: "factory: no gradient by the image; something in the module detaches it",
    Quantised: "factory: the gradient by the image is zero",
    Infinite: "factory: the module's answers are not finite",
}


@pytest.mark.parametrize("kind", BEHAVIOUR)
def test_a_network_that_the_stages_could_not_use_is_refused(kind):
    assert refused(module(kind), classifier="head") == BEHAVIOUR[kind]


class OfImagesAndLabels(Foreign):
    def forward(self, images, labels):
        return super().forward(images)


class Keeping(Foreign):
    """It keeps what it computed first, which has no gradient."""

    def represent(self, images):
        if not hasattr(self, "kept"):
            self.kept = self.unused.weight[:1] * 2
        return super().represent(images) * self.kept


class Maps(Foreign):
    def forward(self, images):
        return self.first(images)


class Nothing(Foreign):
    def forward(self, images):
        return {}


FAILURES = {
    OfImagesAndLabels: r"factory: the module fails on images of \(3, 16, 16\): TypeError: .*'labels'",
    Keeping: "factory: no gradient by the image: RuntimeError: Inference tensors cannot be saved",
    Maps: r"factory: the module gives \(4, 4, 16, 16\), allowed: \(N, classes\)",
    Nothing: "factory: the module gives NoneType, not a tensor",
}


@pytest.mark.parametrize("kind", FAILURES)
def test_what_foreign_code_says_is_told_in_one_line(kind):
    made = kind().eval()
    with pytest.raises(NetworkError, match=FAILURES[kind]) as error:
        imported(made)
    assert "\n" not in str(error.value)


def test_a_representation_is_that_of_a_classifier_or_of_a_layer_and_not_of_both():
    assert refused(module(), layers={"penultimate": "second"}) == (
        "layers.penultimate: the representation is what head is given, leave it out, or "
        "classifier: null"
    )
    network = imported(module(), layers={"penultimate": "second"}, classifier=None)
    assert network.classifier is None


class AsDictionary(Foreign):
    def forward(self, images):
        found = self.represent(images)
        return {"features": found, "logits": self.head(found)}


@dataclass
class Output:
    features: torch.Tensor
    logits: torch.Tensor


class AsDataClass(Foreign):
    def forward(self, images):
        found = self.represent(images)
        return Output(found, self.head(found))


class AsTuple(Foreign):
    def forward(self, images):
        found = self.represent(images)
        return self.head(found), found


@pytest.mark.parametrize("kind", [AsDictionary, AsDataClass, AsTuple])
def test_answers_are_found_among_what_a_module_gives(kind):
    network = imported(module(kind))
    with torch.inference_mode():
        torch.testing.assert_close(network(IMAGES), module()(IMAGES))
    assert network.classifier_path == "head"


def test_a_layer_must_be_called_once():
    assert refused(module(), layers={"stage1": "unused"}) == (
        "layers.stage1: module unused is called never, allowed: once"
    )
    assert refused(module(Twice), layers={"stage1": "first"}) == (
        "layers.stage1: module first is called 2 times, allowed: once"
    )


def test_images_that_a_module_cannot_take_are_refused():
    assert refused(module(), input={"mean": [0.5, 0.5]}) == "input.mean: 2 values for 3 channels"
    assert refused(module(), input={"std": [1.0, 1.0]}) == "input.std: 2 values for 3 channels"
    with pytest.raises(NetworkError, match=r"^input: the module fails on images of \(1, 16, 16\)"):
        adaptation_of(Built(module()), {}, IMAGES[:, :1], CLASSES)
