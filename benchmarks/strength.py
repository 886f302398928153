"""The strength of PGD and APGD against torchattacks, foolbox and APGD's authors, on the same trained networks.

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
from pyautoattack.autopgd_base import APGDAttack
from timing import print_table
from torch.nn.functional import cross_entropy

from repcompare.architectures import build
from repcompare.attacks.balls import LinfBall, norms
from repcompare.attacks.craft import Images
from repcompare.attacks.pgd import Search, attack_objective
from repcompare.attacks.schedules import ascend
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


def crafted(
    network: torch.nn.Module, test: Images, epsilon: float, steps: int
) -> dict[str, torch.Tensor]:
    """What each attack makes of images, float32 (n, C, H, W), by its name; ours in 8 bits.

    PGD begins at the images, and every APGD where the peers draw their start, so that no attack is
    luckier: `test` are images that the network classifies correctly, for those alone they attack.
    """
    length = 2.5 * epsilon / steps
    images, labels = to_float(test.clean), test.classes
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    ball, precision = LinfBall(epsilon), resolve_precision("auto", DEVICE)
    settings = Search(steps, 2.5, random_start=False)
    torch.manual_seed(0)
    drawn = 2 * torch.rand(images.shape) - 1
    start = epsilon * drawn / norms(drawn, torch.inf)
    found = {
        "PGD, ours": ascended(network, test, ball, settings, None, precision),
        "PGD, torchattacks": torchattacks.PGD(network, epsilon, length, steps, random_start=False)(
            images, labels
        ),
        "PGD, foolbox": foolbox.attacks.LinfPGD(
            abs_stepsize=length, steps=steps, random_start=False
        ).run(wrapped, images, labels, epsilon=epsilon),
    }
    for objective, loss in (("cross_entropy", "ce"), ("dlr", "dlr")):
        name, adaptive = (
            f"APGD-{loss.upper()}",
            Search(steps, 2.5, objective=objective, schedule="adaptive"),
        )
        found[f"{name}, ours"] = ascended(network, test, ball, adaptive, start, precision)
        peer = torchattacks.APGD(network, eps=epsilon, steps=steps, loss=loss, seed=0)
        found[f"{name}, torchattacks"] = peer(images, labels)
        authors = APGDAttack(network, steps, eps=epsilon, loss=loss, seed=0)
        found[f"{name}, its authors"] = authors.perturb(images, labels)
    return {name: images.detach() for name, images in found.items()}


def ascended(
    network: torch.nn.Module,
    test: Images,
    ball: LinfBall,
    settings: Search,
    start: torch.Tensor | None,
    precision: str,
) -> torch.Tensor:
    """What our search makes of images, as they are stored."""
    images = to_float(test.clean)
    objective = attack_objective(folded(network), images, test.classes, settings, precision)
    found = ascend(objective, start, ball, settings).perturbation
    return to_float(ball.quantise(test.clean, found))


def outside(perturbed: torch.Tensor, images: torch.Tensor, epsilon: float) -> int:
    """How many leave the ball or [0, 1]."""
    left = (perturbed - images).abs().amax((1, 2, 3)) > epsilon * (1 + 1e-5)
    left |= (perturbed.amin((1, 2, 3)) < 0) | (perturbed.amax((1, 2, 3)) > 1)
    return int(left.sum())


def compared(
    networks: dict[str, torch.nn.Module], test: Images, epsilon: float, steps: int
) -> Iterator[list[str]]:
    """A row for each network and attack.

    Transfer is the share of images that both classify correctly on which another network is fooled,
    its mean over the others; of our attacks alone, for peers leave clean what they do not fool.
    """
    images, labels = to_float(test.clean), test.classes
    correct = {name: network(images).argmax(1) == labels for name, network in networks.items()}
    for name, network in networks.items():
        attacked = test.chosen(correct[name].nonzero().flatten().numpy())
        for attack, perturbed in crafted(network, attacked, epsilon, steps).items():
            logits = network(perturbed)
            robust = (logits.argmax(1) == attacked.classes).sum().item() / len(labels)
            fooled = [
                (other(perturbed).argmax(1) != attacked.classes)[correct[target][correct[name]]]
                for target, other in networks.items()
                if target != name
            ]
            transfer = sum(each.float().mean().item() for each in fooled) / max(1, len(fooled))
            yield [
                name,
                str(steps),
                attack,
                f"{100 * robust:.1f}",
                f"{cross_entropy(logits, attacked.classes).item():.3f}",
                str(outside(perturbed, to_float(attacked.clean), epsilon)),
                f"{100 * transfer:.1f}" if attack.endswith("ours") else "",
            ]


def main() -> None:
    """Print a row for each network, number of steps and attack."""
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
            networks = dict(networks_of(results) if results else new_networks(dataset))
            rows = [row for steps in STEPS for row in compared(networks, images, epsilon, steps)]
    print_table(
        f"Strength, Linf {255 * epsilon:g}/255, {len(labels)} images",
        [
            "architecture",
            "steps",
            "attack",
            "robust accuracy, %",
            "mean loss",
            "out of bounds",
            "transfer, %",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
