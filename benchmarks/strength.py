"""The strength of PGD against torchattacks, foolbox and APGD-CE, on the same trained networks.

    python benchmarks/strength.py [results/STUDY]

With the results of a study, on the first model of each of its architectures and its own test
images; without, on networks of the default study, trained here on the digits.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import foolbox
import torch
import torchattacks
import yaml
from timing import print_table
from torch.nn.functional import cross_entropy

from repcompare.architectures import build
from repcompare.attacks.balls import LinfBall
from repcompare.attacks.craft import Computation, Images, search
from repcompare.attacks.pgd import Search
from repcompare.data.dataset_file import Dataset
from repcompare.networks.devices import resolve_precision
from repcompare.networks.inference import to_float
from repcompare.networks.models import folded, load_model
from repcompare.networks.training import TrainingSettings, train
from repcompare.stages.prepare_data import prepare_data
from repcompare.study.config import training_settings, validate

STUDY = Path(__file__).parents[1] / "config" / "config.yaml"
SAMPLES, STEPS = 500, (10, 100)
EPSILONS = {8: 16 / 255, 28: 4 / 255, 32: 2 / 255}
DEVICE = torch.device("cpu")


def networks_of(folder: Path) -> Iterator[tuple[str, torch.nn.Module]]:
    """The first model of each architecture in a study's results."""
    with Dataset(folder / "data" / "dataset.h5") as dataset:
        for architecture in sorted((folder / "models").iterdir()):
            first = sorted(architecture.iterdir())[0]
            yield (
                architecture.name,
                load_model(
                    first / "weights.safetensors", first / "record.json", dataset, DEVICE
                ).network,
            )


def new_networks(dataset: Dataset) -> Iterator[tuple[str, torch.nn.Module]]:
    """Each architecture of the default study, trained as it says."""
    train_split = dataset.split("train")
    images, labels = torch.from_numpy(train_split.images[:]), torch.from_numpy(train_split.labels)
    study = validate(yaml.safe_load(STUDY.read_text(encoding="utf-8")))
    for name in study["architectures"]:
        settings = training_settings(study, name)
        network = build(settings.pop("factory"), settings.pop("kwargs"), 1, 10, seed=0)
        network.set_normalisation(dataset.mean, dataset.std)
        network.to(memory_format=torch.channels_last)
        train(network, images, labels, TrainingSettings(**settings), "float32", 0)
        yield name, network.requires_grad_(False)


def compared(network: torch.nn.Module, test: Images, epsilon: float, steps: int) -> dict:
    """Robust accuracy, mean loss and violated bounds of each attack.

    All but APGD, which has a start of its own, begin at the images, so that no attack is luckier.
    """
    length = 2.5 * epsilon / steps
    images, labels = to_float(test.clean), test.classes
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    settings = Search(steps, 2.5, random_start=False)

    def ours() -> torch.Tensor:
        how = Computation(100, resolve_precision("auto", DEVICE), 0)
        (found,) = search(folded(network), test, settings, [LinfBall(epsilon)], how)
        return to_float(found.images)

    attacks = {
        "ours, 8 bits": ours,
        "torchattacks": lambda: torchattacks.PGD(
            network, epsilon, length, steps, random_start=False
        )(images, labels),
        "foolbox": lambda: foolbox.attacks.LinfPGD(
            abs_stepsize=length, steps=steps, random_start=False
        ).run(wrapped, images, labels, epsilon=epsilon),
        "APGD-CE": lambda: torchattacks.APGD(network, eps=epsilon, steps=steps, loss="ce", seed=0)(
            images, labels
        ),
    }
    found = {}
    for name, attack in attacks.items():
        perturbed = attack().detach()
        logits = network(perturbed)
        outside = (perturbed - images).abs().amax((1, 2, 3)) > epsilon * (1 + 1e-5)
        outside |= (perturbed.amin((1, 2, 3)) < 0) | (perturbed.amax((1, 2, 3)) > 1)
        found[name] = (
            100 * (logits.argmax(1) == labels).float().mean().item(),
            cross_entropy(logits, labels).item(),
            int(outside.sum()),
        )
    return found


def main() -> None:
    """Print a row for each network, number of steps and attack."""
    rows = []
    with TemporaryDirectory() as folder:
        results = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        path = results / "data" / "dataset.h5" if results else Path(folder, "dataset.h5")
        if not results:
            settings = {"name": "digits", "fit_samples": 0, "train_samples": None}
            prepare_data(path, settings=settings)
        with Dataset(path) as dataset:
            test = dataset.split("test", SAMPLES)
            clean, labels = torch.from_numpy(test.images[:SAMPLES]), torch.from_numpy(test.labels)
            images = Images(clean, test.ids, labels)
            epsilon = EPSILONS[clean.shape[-1]]
            for name, network in networks_of(results) if results else new_networks(dataset):
                for steps in STEPS:
                    for attack, values in compared(network, images, epsilon, steps).items():
                        robust, loss, outside = values
                        cells = [f"{robust:.2f}", f"{loss:.3f}", f"{outside}"]
                        rows.append([name, str(steps), attack, *cells])
    print_table(
        f"Strength, Linf {255 * epsilon:g}/255, {len(labels)} images, from the images themselves",
        ["architecture", "steps", "attack", "robust accuracy, %", "mean loss", "out of bounds"],
        rows,
    )


if __name__ == "__main__":
    main()
