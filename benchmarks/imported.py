"""Networks that exist already, at 224x224: our stages' passes against those of the module itself."""

import torch
from apart import medians_apart
from bare import bare_passes
from timing import print_table
from torch.nn.functional import cross_entropy

from repcompare.attacks.balls import LinfBall
from repcompare.attacks.pgd import Search, attack_objective, pgd
from repcompare.names import REPRESENTATION
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


@torch.inference_mode()
def forward(module: torch.nn.Module, images: torch.Tensor) -> None:
    """One pass of images that are there already."""
    module(images)


@torch.inference_mode()
def dump(network: torch.nn.Module, pixels: torch.Tensor) -> None:
    """What `dump_activations` does with a batch."""
    evaluate(network, pixels, [REPRESENTATION], BATCH * 49)


def row(library: str, name: str) -> list[str]:
    """The ratios of one network."""
    built = build_foreign(library, {"name": name}, seed=0)
    module = built.module.eval()
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (BATCH, 3, 224, 224), dtype=torch.uint8, generator=generator)
    batch, labels = to_float(pixels), torch.arange(BATCH)
    classes = [str(place) for place in range(1000)]
    network = frozen(adapted(module, adaptation_of(built, {}, batch, classes)._asdict()), DEVICE)
    ours = folded(network)
    objective = attack_objective(ours, batch, labels, SEARCH, "float32")

    def value(logits: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, labels, reduction="sum")

    work = {
        "attack": lambda: pgd(objective, None, BALL, SEARCH),
        "passes": lambda: bare_passes(module, batch, value, "float32", STEPS),
        "evaluation": lambda: logits_of(ours, pixels, BATCH * 49),
        "dump": lambda: dump(network, pixels),
        "forward": lambda: forward(module, batch),
    }
    seconds = medians_apart(work, repeats=5, as_jobs=tuple(work))
    return [
        f"{library} {name}",
        "yes" if ours is not network else "no",
        f"{1000 * seconds['forward'] / BATCH:.0f}",
        f"{seconds['attack'] / seconds['passes']:.2f}",
        f"{seconds['evaluation'] / seconds['forward']:.2f}",
        f"{seconds['dump'] / seconds['forward']:.2f}",
    ]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    header = ["network", "traced", "ms an image", "attack", "evaluation", "dump"]
    title = f"Imported networks, 224x224, {BATCH} images, one thread, float32: ours / the module's own passes"
    rows = [row(library, name) for library, names in NETWORKS.items() for name in names]
    print_table(title, header, rows)


if __name__ == "__main__":
    main()
