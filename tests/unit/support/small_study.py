"""What the small study of `conftest.py` is made of: networks, settings of each stage, its files."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.attacks.balls import L2Ball, LinfBall
from repcompare.attacks.craft import Computation
from repcompare.attacks.pgd import Search
from repcompare.attacks.suite import Attack
from repcompare.features.features_file import InputFeatures
from repcompare.networks.training import TrainingSettings
from repcompare.representations.activations_file import ModelActivations
from repcompare.stages.compare import compare
from repcompare.stages.compare_features import Files
from repcompare.stages.describe import describe
from repcompare.stages.evaluate import store_evaluation
from repcompare.stages.extract_features import FeatureSettings
from repcompare.study.blocks import ordered_pairs

CPU = torch.device("cpu")
NETWORKS = {
    ("resnet", 0): {"blocks": [1, 1], "width": 8},
    ("resnet", 1): {"blocks": [1, 1], "width": 8},
    ("vgg", 0): {"depth": 11, "width": 8, "stages": 2},
}
# All that either architecture has: a VGG has no stem.
LAYERS = ["stem", "stage1", "stage2", "penultimate"]
TRAINING = TrainingSettings(
    epochs=10,
    batch_size=64,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.0,
    schedule="one_cycle",
    crop_padding=1,
    horizontal_flip=False,
    precision="float32",
    minimum_accuracy=0.0,
)
LINF, L2 = LinfBall(32 / 255, "32/255"), L2Ball(1.0, "1")
SEARCH = Search(steps=5, step_size=2.5)
ATTACKS = [Attack("pgd", SEARCH, (LINF, L2)), Attack("noise", None, (LINF,))]
FEATURES = FeatureSettings(
    samples=80,
    steps=100,
    step_size=5.0,
    tolerance=0.04,
    batch_size=50,
    precision="float32",
    seed=0,
)
BLOCKS = [["resnet/seed0", "resnet/seed1"], ["resnet/seed0", "resnet/seed1", "vgg/seed0"]]
FAMILIES = ["least_squares", "ridge"]
MEASURES = ["cka", "procrustes", "pwcca", "disagreement"]
# What `conftest.files` holds beside the models' own, one a model or a block.
JOINED = ("layers", "controls", "scores", "class_accuracies", "geometry", "convergence")
# What networks are shown of each other.
MADE = ("adversarial", "features")
COMPUTATION = Computation(batch_size=50, precision="float32", seed=0)


class Compared(NamedTuple):
    """What `compare` writes, in the order of its arguments."""

    maps: Path
    scores: Path
    class_accuracies: Path
    geometry: Path
    convergence: Path


def compared(folder, activations, families, measures, layer_pairs=()) -> Compared:
    """The files of a block of some models, made in `folder`."""
    tables = ("maps", *Compared._fields[2:])
    paths = Compared(folder / "maps.h5", *(folder / f"{name}.csv" for name in tables))
    settings = {"families": families, "measures": measures, "layer_pairs": layer_pairs}
    compare(**paths._asdict(), activations=activations, settings=settings)
    return paths


def described(folder, activations, dataset_path, families) -> tuple[Path, Path]:
    """The tables of layers and of controls of one model, made in `folder`."""
    paths = folder / "layers.csv", folder / "controls.csv"
    settings = {"families": families}
    describe(*paths, activations=activations, dataset=dataset_path, settings=settings)
    return paths


def evaluated(path, models, dataset) -> Path:
    """The evaluation of a block of some models of the study."""
    pairs = ordered_pairs([each.model.record["architecture"] for each in models])
    adversarial, features = ([getattr(each, kind) for each in models] for kind in MADE)
    networks = [each.model for each in models]
    store_evaluation(path, networks, adversarial, features, dataset, pairs, 64)
    return path


@contextlib.contextmanager
def block_files(models) -> Iterator[list[Files]]:
    """The open files of some models of the study."""
    readers = ModelActivations, InputFeatures, AdversarialImages
    kinds = "activations", "features", "adversarial"
    with contextlib.ExitStack() as stack:
        yield [
            Files(
                *(
                    stack.enter_context(reader(getattr(each, kind)))
                    for reader, kind in zip(readers, kinds, strict=True)
                )
            )
            for each in models
        ]
