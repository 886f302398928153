"""What the small study of `conftest.py` is made of: networks, settings of each stage, its files."""

import contextlib
from collections.abc import Iterator

import h5py
import torch

from repcompare.attacks.balls import L2Ball, LinfBall
from repcompare.attacks.craft import Computation
from repcompare.attacks.pgd import Search
from repcompare.attacks.suite import Attack
from repcompare.networks.training import TrainingSettings
from repcompare.stages.compare_features import Files
from repcompare.stages.extract_features import FeatureSettings

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
    tolerance=0.1,
    batch_size=50,
    precision="float32",
    seed=0,
)
COMPUTATION = Computation(batch_size=50, precision="float32", seed=0)


@contextlib.contextmanager
def block_files(members) -> Iterator[list[Files]]:
    """The open files of some models of the study."""
    with contextlib.ExitStack() as stack:
        yield [
            Files(
                *(
                    stack.enter_context(h5py.File(getattr(member, kind)))
                    for kind in ("activations", "adversarial", "features")
                )
            )
            for member in members
        ]
