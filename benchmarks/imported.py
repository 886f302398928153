"""Networks that exist already, at 224x224: our stages against the module's own passes, and peers.

python benchmarks/imported.py                       # attacks in bfloat16 where there is any
python benchmarks/imported.py --precision float32   # as on a processor without
"""

import argparse
import copy
import statistics

import foolbox
import torch
import torchattacks
from apart import in_turn_apart
from bare import bare_passes
from timing import bar, print_table, ratio
from torch.nn.functional import cross_entropy

from repcompare.attacks.balls import LinfBall
from repcompare.attacks.pgd import Search, attack_objective, pgd
from repcompare.names import REPRESENTATION
from repcompare.networks.devices import PRECISIONS, resolve_precision
from repcompare.networks.factories import build_foreign
from repcompare.networks.importing import adaptation_of, adapted
from repcompare.networks.inference import logits_of, to_float
from repcompare.networks.models import folded, frozen
from repcompare.stages.dump_activations import evaluate

BATCH, STEPS, BALL = 4, 2, LinfBall(4 / 255)
SEARCH = Search(STEPS, 2.5, random_start=False)
DEVICE = torch.device("cpu")
NETWORKS = {
    "torchvision": ("resnet18", "efficientnet_b0", "convnext_tiny"),
    "timm": ("efficientnet_lite0", "mobilenetv4_conv_small", "vit_tiny_patch16_224"),
}
# Those whose attacks are held to a bar.
BARRED = ("torchvision resnet18", "timm efficientnet_lite0")
# `folded` is the pass that our attacks make, `passes` and `forward` are the module's own.
RATIOS = (
    ("torchattacks", "attack"),
    ("foolbox", "attack"),
    ("attack", "folded"),
    ("attack", "passes"),
    ("evaluation", "forward"),
    ("dump", "forward"),
)


@torch.inference_mode()
def forward(module: torch.nn.Module, images: torch.Tensor) -> None:
    """One pass of images that are there already."""
    module(images)


@torch.inference_mode()
def dump(network: torch.nn.Module, pixels: torch.Tensor) -> None:
    """What `dump_activations` does with a batch."""
    evaluate(network, pixels, [REPRESENTATION], BATCH * 49)


def row(library: str, name: str, precision: str) -> tuple[list[str], dict[str, float]]:
    """The row of one network, and the medians of its ratios."""
    built = build_foreign(library, {"name": name}, seed=0)
    # The module as its library gives it: contiguous, its parameters taking gradients.
    module = copy.deepcopy(built.module.eval())
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (BATCH, 3, 224, 224), dtype=torch.uint8, generator=generator)
    batch, labels = to_float(pixels), torch.arange(BATCH)
    classes = [str(place) for place in range(1000)]
    adaptation = adaptation_of(built, {}, batch, classes)._asdict()
    network = frozen(adapted(built.module, adaptation), DEVICE)
    ours, contiguous = folded(network), batch.contiguous()
    length = SEARCH.step_size * BALL.epsilon / STEPS
    torch_attack = torchattacks.PGD(module, BALL.epsilon, length, STEPS, random_start=False)
    fool_attack = foolbox.attacks.LinfPGD(abs_stepsize=length, steps=STEPS, random_start=False)
    wrapped = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")

    def value(logits: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, labels, reduction="sum")

    def attack() -> None:
        # An objective remembers its first step, for another ball.
        pgd(attack_objective(ours, batch, labels, SEARCH, precision), None, BALL, SEARCH)

    work = {
        "attack": attack,
        "folded": lambda: bare_passes(ours, batch, value, precision, STEPS),
        "passes": lambda: bare_passes(module, contiguous, value, "float32", STEPS),
        "torchattacks": lambda: torch_attack(contiguous, labels),
        "foolbox": lambda: fool_attack.run(wrapped, contiguous, labels, epsilon=BALL.epsilon),
        "evaluation": lambda: logits_of(ours, pixels, BATCH * 49),
        "dump": lambda: dump(network, pixels),
        "forward": lambda: forward(module, contiguous),
    }
    turns = in_turn_apart(work, [part for part in work if part not in ("torchattacks", "foolbox")])
    found = {f"{one} / {other}": ratio(turns[one], turns[other]) for one, other in RATIOS}
    milliseconds = 1000 * statistics.median(turns["forward"]) / BATCH
    traced = "yes" if ours is not network else "no"
    cells = [f"{library} {name}", traced, f"{milliseconds:.0f}", *map(str, found.values())]
    return cells, {title: each.median for title, each in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    precision = resolve_precision(parser.parse_args().precision, DEVICE)
    torch.set_num_threads(1)
    found = {
        f"{library} {name}": row(library, name, precision)
        for library, names in NETWORKS.items()
        for name in names
    }
    titles = [f"{one} / {other}" for one, other in RATIOS]
    header = ["network", "traced", "ms an image", *titles]
    title = f"Imported networks, 224x224, {BATCH} images, one thread, attacks in {precision}"
    print_table(title, header, [cells for cells, _ in found.values()])
    least = {"bfloat16": (2.5, 3.0)}.get(precision, (1.5, 2.0))
    for peer, limit in zip(titles[:2], least, strict=True):
        barred = {name: found[name][1][peer] for name in BARRED}
        bar(f"PGD of photographs, {precision}: {peer}", barred, at_least=limit)
    barred = {name: found[name][1]["attack / folded"] for name in BARRED}
    bar(f"PGD of photographs, {precision}: ours / bare pass", barred, at_most=1.05)


if __name__ == "__main__":
    main()
