"""An existing network becomes weights and a record, from which it is built again, or is refused by a key."""

import pytest
import safetensors.torch
import torch

from repcompare.architectures import build
from repcompare.networks.devices import processor
from repcompare.networks.factories import build_foreign
from repcompare.networks.imported import NetworkError
from repcompare.networks.inference import to_float
from repcompare.networks.models import load_model, untrained
from repcompare.stages.import_model import import_model
from repcompare.storage.files import read_json
from repcompare.storage.seals import file_digest

CPU = torch.device("cpu")
DIGITS = [str(digit) for digit in range(10)]
CODE = "0" * 64
FAMILY = {"factory": "resnet", "kwargs": {"blocks": [1], "width": 4}}

ENCODERS = """
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, outputs=10):
        super().__init__()
        self.first, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, outputs)

    def represent(self, images):
        return self.first(images).relu().mean((2, 3))

    def forward(self, images):
        return self.head(self.represent(images))


def nothing():
    return torch.zeros(1)


class Tied(Encoder):
    def __init__(self):
        super().__init__()
        self.second, self.third = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.third.weight = self.second.weight
        whole = torch.rand(3, 4)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[1:])

    def represent(self, images):
        maps = self.third(self.second(self.first(images)).relu()).mean((2, 3))
        return maps * self.whole.sum(0) * self.part.sum(0)


class RandomFeatures(Encoder):
    def __init__(self):
        super().__init__()
        self.register_buffer("drawn", torch.randn(4), persistent=False)
        self.also_drawn = torch.randn(4)

    def represent(self, images):
        return super().represent(images) * self.drawn + self.also_drawn


class Volumes(Encoder):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, (1, 3, 3))

    def represent(self, images):
        return self.first(images[:, :, None]).relu().mean((2, 3, 4))


class Normalised(Encoder):
    def __init__(self):
        super().__init__()
        self.first = nn.utils.parametrizations.weight_norm(self.first)
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    """The file of networks of one's own, in the folder where the study is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(ENCODERS, encoding="utf-8")
    return "net.py"


@pytest.fixture
def imported(dataset_path, tmp_path):
    """Import a network, on one thread; its record."""

    def done(settings, source=None, seed=0) -> dict:
        import_model(
            tmp_path / "model" / "weights.safetensors",
            tmp_path / "model" / "record.json",
            dataset=dataset_path,
            source=source,
            architecture="ours",
            seed=seed,
            settings={"kwargs": {}, "minimum_accuracy": 0.0, "code": CODE} | settings,
            device="cpu",
            threads=1,
        )
        return read_json(tmp_path / "model" / "record.json")

    return done


@pytest.fixture
def loaded(tmp_path, dataset):
    """The imported network, as the stages have it."""

    def model():
        folder = tmp_path / "model"
        return load_model(folder / "weights.safetensors", folder / "record.json", dataset, CPU)

    return model


def refused(imported, settings, source=None) -> str:
    with pytest.raises(NetworkError) as error:
        imported(settings, source)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("architectures.ours.")
    return str(error.value).removeprefix("architectures.ours.")


def first_images(dataset) -> torch.Tensor:
    return to_float(torch.from_numpy(dataset.split("test").images[:20]))


def test_a_network_of_ones_own_has_a_record_of_all_that_it_was_made_from(
    own, imported, loaded, dataset, tmp_path
):
    made = build_foreign(f"{own}:Encoder", {}, seed=5).module.eval()
    safetensors.torch.save_file(made.state_dict(), tmp_path / "best.safetensors")
    record = imported(
        {
            "factory": f"{own}:Encoder",
            "weights": "best.safetensors",
            "input": {"mean": [0.25], "std": [0.5]},
            "layers": {"stage1": "first"},
        },
        source="best.safetensors",
    )
    images = first_images(dataset)
    with torch.inference_mode():
        expected = made((images - 0.25) / 0.5)
        torch.testing.assert_close(loaded().network(images), expected)
    test_accuracy = record.pop("test_accuracy")
    assert 0 <= test_accuracy <= 1
    versions = record.pop("versions")
    assert {"python", "torch"} <= versions.keys()
    assert record == {
        "model": "ours/seed0",
        "architecture": "ours",
        "seed": 0,
        "factory": "net.py:Encoder",
        "kwargs": {},
        "in_channels": 1,
        "num_classes": 10,
        "origin": "imported",
        "parameters": record["parameters"],
        "representation_width": 4,
        "device": "cpu",
        "processor": processor(torch.device("cpu")),
        "threads": 1,
        "data_digest": dataset.digest,
        "weights": "best.safetensors",
        "weights_digest": file_digest("best.safetensors"),
        "adaptation": {
            "size": 8,
            "mean": [0.25],
            "std": [0.5],
            "layers": {"stage1": "first"},
            "classifier": "head",
            "tokens": "mean",
            "outputs": list(range(10)),
        },
        "code": CODE,
        "model_digest": file_digest(tmp_path / "model" / "weights.safetensors"),
        # What only a training here would know.
        "train_accuracy": None,
        "training": None,
        "precision": None,
        "history": [],
    }


def test_parameters_are_those_of_the_foreign_network(own, imported):
    record = imported({"factory": f"{own}:Encoder", "weights": "random"})
    assert record["parameters"] == (4 * 9 + 4) + (4 * 10 + 10)


def test_a_librarys_version_is_recorded(imported):
    settings = {"factory": "torchvision", "kwargs": {"name": "squeezenet1_1"}, "classes": None}
    settings |= {"weights": "random", "input": {"size": 32}, "classifier": None}
    record = imported(settings | {"layers": {"penultimate": "features", "stage1": "features.3"}})
    assert record["versions"]["torchvision"].count(".") == 2
    assert (record["weights"], record["weights_digest"]) == ("random", None)
    assert record["test_accuracy"] is None
    assert record["adaptation"]["outputs"] is None
    assert record["adaptation"]["mean"] == [0.485, 0.456, 0.406]
    assert record["representation_width"] == 512


@pytest.mark.parametrize("kind", ["Encoder", "Tied", "RandomFeatures", "Volumes", "Normalised"])
def test_a_network_is_built_again_as_it_was(kind, own, imported, loaded, dataset):
    imported({"factory": f"{own}:{kind}", "weights": "random"}, seed=3)
    made = build_foreign(f"{own}:{kind}", {}, seed=3).module.eval()
    images = first_images(dataset)
    with torch.inference_mode():
        torch.testing.assert_close(loaded().network(images), made(images))
    assert untrained(loaded()) is None


@pytest.mark.parametrize("saved", ["safetensors", "wrapped", "without normalisation", "float64"])
def test_a_family_of_ours_trained_elsewhere_is_the_network_of_the_study(
    saved, study, imported, loaded, tmp_path
):
    files = study["resnet/seed1"]
    state, path = safetensors.torch.load_file(files.weights), tmp_path / "elsewhere.pt"
    match saved:
        case "safetensors":
            path = files.weights
        case "wrapped":
            torch.save({"state_dict": {f"module.{n}": v for n, v in state.items()}}, path)
        case "without normalisation":
            torch.save({n: v for n, v in state.items() if n not in ("mean", "std")}, path)
        case "float64":
            torch.save(
                {n: v.double() if v.is_floating_point() else v for n, v in state.items()}, path
            )
    kwargs = files.model.record["kwargs"]
    settings = {"factory": "resnet", "kwargs": kwargs, "weights": str(path)}
    record = imported(settings, path, seed=1)
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == files.weights.read_bytes()
    assert record["model_digest"] == files.model.record["model_digest"]
    assert record["test_accuracy"] == files.model.record["test_accuracy"]
    assert record["adaptation"] is None
    before, after = untrained(files.model).state_dict(), untrained(loaded()).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_family_of_ours_keeps_the_outputs_of_the_studys_classes(
    imported, loaded, dataset, tmp_path
):
    whole = build("resnet", FAMILY["kwargs"], 1, 12, seed=0).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pt")
    names = ["x", *reversed(DIGITS), "y"]
    imported(FAMILY | {"weights": "whole.pt", "classes": names}, tmp_path / "whole.pt")
    images = first_images(dataset)
    with torch.inference_mode():
        torch.testing.assert_close(loaded().network(images), whole(images)[:, 1:11].flip(1))


def test_random_weights_of_a_family_are_those_of_the_seed(imported, loaded):
    imported(FAMILY | {"weights": "random"}, seed=7)
    fresh = build("resnet", FAMILY["kwargs"], 1, 10, seed=7).state_dict()
    found = loaded().network.state_dict()
    assert all(torch.equal(found[n], fresh[n]) for n in found if n not in ("mean", "std"))


def test_a_network_below_the_accuracy_that_was_asked_for_is_refused_and_nothing_is_written(
    imported, tmp_path
):
    message = refused(imported, FAMILY | {"weights": "random", "minimum_accuracy": 0.9})
    assert message.startswith("training.minimum_accuracy: test accuracy 0.")
    assert message.endswith(
        " is below 0.9: normalisation (input), order of the classes (classes) or weights are wrong"
    )
    assert not (tmp_path / "model" / "weights.safetensors").exists()


REFUSED = {
    "weights: torchvision's squeezenet1_1 has no IMAGENET1K_V2, did you mean IMAGENET1K_V1?": {
        "factory": "torchvision",
        "kwargs": {"name": "squeezenet1_1"},
        "weights": "IMAGENET1K_V2",
    },
    "factory: gives Tensor, allowed: a torch.nn.Module": {"factory": "net.py:nothing"},
    "kwargs: Encoder cannot be built: TypeError: Encoder.__init__() got an unexpected keyword "
    "argument 'depth'": {"factory": "net.py:Encoder", "kwargs": {"depth": 3}},
    "classes: 12 outputs but 10 classes; name the outputs, or null to compare representations only": {
        "factory": "net.py:Encoder",
        "kwargs": {"outputs": 12},
    },
    "classes: does not know 8, 9": {**FAMILY, "classes": DIGITS[:8]},
    "classes: 3 names but 10 outputs": {"factory": "net.py:Encoder", "classes": DIGITS[:3]},
    "input: mean has shape (3,); allowed: (1,), one value a channel": {
        **FAMILY,
        "input": {"mean": [0.1, 0.2, 0.3]},
    },
    "kwargs: ": {"factory": "vgg", "kwargs": {"depth": 11, "width": 4, "stages": 9}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_network_that_does_not_fit_the_study_is_refused_by_its_key(message, own, imported):
    assert refused(imported, {"weights": "random"} | REFUSED[message]).startswith(message)


def test_weights_of_another_network_are_refused_with_their_file(imported, tmp_path):
    other = build("resnet", {"blocks": [1], "width": 8}, 1, 10, seed=0)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    message = refused(imported, FAMILY | {"weights": "other.pt"}, tmp_path / "other.pt")
    assert message.startswith(f"weights: {tmp_path / 'other.pt'}: ")
    assert message.endswith(" in the network")
