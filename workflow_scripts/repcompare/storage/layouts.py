"""What every HDF5 file of a study holds: its data sets and attributes, by path, type and shape.

The readers of each kind of file know how to read it; here it stands what there is. docs/tables.md is
made from it, and the tests check the files against it.
"""

import re
from dataclasses import dataclass, replace

from repcompare.storage.patterns import is_of_pattern
from repcompare.vocabulary import MAP_FAMILIES, NORMS

# What stands in the braces of a name, as a regular expression.
PLACEHOLDERS = {
    "split": "train|fit|test",
    "model": r"[^/]+/seed\d+",
    "family": "|".join(MAP_FAMILIES),
    "norm": "|".join(NORMS),
    "start": "noise|image",
    "attack": "[^/]+",
    "layer": "[^/]+",
}
PLACEHOLDERS |= {"source": PLACEHOLDERS["model"], "target": PLACEHOLDERS["model"]}


def is_named(pattern: str, name: str) -> bool:
    """Whether a path in a file is of a pattern such as `{split}/ids`."""
    return is_of_pattern(name, pattern, PLACEHOLDERS)


@dataclass(frozen=True)
class Item:
    """A data set, by its path, or an attribute, by its group and name.

    `dtype` is numpy's name, or "text"; with a slash between two it is either. `shape` names the
    dimensions; none: one value.
    """

    name: str
    dtype: str
    shape: tuple[str, ...] = ()
    meaning: str = ""
    optional: bool = False
    group: str = ""


@dataclass(frozen=True)
class Layout:
    """One kind of file: where it lies, what it is, its data sets and its attributes."""

    name: str
    path: str
    meaning: str
    datasets: tuple[Item, ...]
    attributes: tuple[Item, ...]


def dataset(name: str, form: str, *, meaning: str, optional: bool = False) -> Item:
    """A data set; `form` is its type and shape, such as `float32 (n, d)`."""
    dtype, _, shape = form.partition(" ")
    return Item(name, dtype, dimensions(shape), meaning, optional)


def attribute(
    name: str, form: str, *, meaning: str, group: str = "", optional: bool = False
) -> Item:
    """An attribute of the file, or of a group in it."""
    dtype, _, shape = form.partition(" ")
    return Item(name, dtype, dimensions(shape), meaning, optional, group)


def dimensions(shape: str) -> tuple[str, ...]:
    """The names of the dimensions in `(n, d)`; none of nothing."""
    return tuple(part for part in re.split(r"[(), ]+", shape) if part)


MADE = (
    attribute(
        "digest", "text", meaning="SHA-256 of the names, types, shapes and bytes of its data."
    ),
    attribute(
        "versions", "text", meaning="Versions of Python and packages it was made with, JSON."
    ),
    attribute(
        "written_as",
        "text",
        meaning="Where it lies, from the study's folder on; empty outside one.",
    ),
)
OF_DATA = attribute("data_digest", "text", meaning="The digest of the data file.")
OF_MODEL = (
    *MADE,
    OF_DATA,
    attribute("model", "text", meaning="The model, architecture/seed."),
    attribute("model_digest", "text", meaning="The digest of its weights."),
    attribute("precision", "text", meaning="The arithmetic of the network."),
    attribute("device", "text", meaning="Where it was computed."),
)
SETTINGS = attribute("settings", "text", meaning="The settings of the stage that made it, JSON.")
SEED = attribute("seed", "int64", meaning="The seed of all that is drawn.")
IDS = dataset("ids", "int64 (n)", meaning="The images' ids in the data file.")
LABELS = dataset("labels", "int64 (n)", meaning="The images' classes.")
ATTACK = "attacks/{attack}"
PAIR = "{source}/{target}"

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "dataset",
            "data/dataset.h5",
            meaning="The study's images, split.",
            datasets=(
                dataset(
                    "{split}/images",
                    "uint8 (n, C, H, W)",
                    meaning="The images, where they are there.",
                    optional=True,
                ),
                dataset(
                    "{split}/labels",
                    "int64 (n)",
                    meaning="Their classes, where they are known.",
                    optional=True,
                ),
                dataset(
                    "{split}/ids",
                    "int64 (n)",
                    meaning="Their places in the data set as published, train first; of images of "
                    "one's own the first 63 bits of the SHA-256 of their names.",
                ),
                dataset(
                    "{split}/names",
                    "text (n)",
                    optional=True,
                    meaning="Of images of one's own: paths below data.root, or their own ids.",
                ),
            ),
            attributes=(
                SETTINGS,
                *MADE,
                attribute("name", "text", meaning="The name of the data set."),
                attribute("source", "text", meaning="Where it was read from."),
                attribute(
                    "class_names", "text (K)", meaning="The classes, in the order of labels."
                ),
                attribute(
                    "mean",
                    "float64 (C)",
                    meaning="Mean of the training pixels, in [0, 1].",
                    optional=True,
                ),
                attribute("std", "float64 (C)", meaning="Their standard deviation.", optional=True),
            ),
        ),
        Layout(
            "activations",
            "models/{architecture}/seed{seed}/activations.h5",
            meaning="What one model computes on the images that networks are compared on.",
            datasets=(
                dataset(
                    "classifier/weight",
                    "float32 (K, d)",
                    meaning="The last layer's weight, of a network that has a linear classifier.",
                    optional=True,
                ),
                dataset(
                    "classifier/bias",
                    "float32 (K)",
                    meaning="The last layer's bias.",
                    optional=True,
                ),
                dataset("{split}/ids", "int64 (n)", meaning="The images' ids in the data file."),
                dataset(
                    "{split}/labels",
                    "int64 (n)",
                    meaning="The images' classes, where they are known.",
                    optional=True,
                ),
                dataset(
                    "{split}/logits",
                    "float32 (n, K)",
                    meaning="The model's logits, of a network that tells classes apart.",
                    optional=True,
                ),
                dataset(
                    "{split}/{layer}",
                    "float32 (n, d)",
                    meaning="A layer, means over positions; penultimate is the representation. With "
                    "activations.pool as flatten the positions are kept, of the test images alone, and "
                    "n images of more units are written along n - 1 axes that span them.",
                ),
                dataset(
                    "untrained/{split}",
                    "float32 (n, d)",
                    meaning="The representation of the network before its training, if it had one.",
                    optional=True,
                ),
                dataset(
                    "untrained_batch_norm/{split}",
                    "float32 (n, d)",
                    meaning="The same with the statistics of batch norm set on the fit images, of a "
                    "network that has batch norm.",
                    optional=True,
                ),
            ),
            attributes=(
                SETTINGS,
                *(
                    replace(item, optional=True) if item.name == "device" else item
                    for item in OF_MODEL
                ),
                attribute("architecture", "text", meaning="Its architecture."),
                attribute("seed", "int64", meaning="The seed that it was trained with."),
                attribute(
                    "layers", "text (l)", meaning="The layers stored, in the network's order."
                ),
                attribute("fit_images", "text", meaning="The split that the fit images are of."),
                attribute(
                    "units",
                    "int64",
                    group="test/{layer}",
                    meaning="The units of flattened maps that are written along fewer axes.",
                    optional=True,
                ),
                attribute(
                    "dead_units",
                    "int64",
                    group="test/{layer}",
                    meaning="Those of them that never vary.",
                    optional=True,
                ),
                attribute(
                    "batch_size",
                    "int64",
                    meaning="The config's activations.batch_size, of a network that ran here.",
                    optional=True,
                ),
            ),
        ),
        Layout(
            "adversarial",
            "models/{architecture}/seed{seed}/adversarial.h5",
            meaning="One model's perturbed images, under every attack and ball.",
            datasets=(
                IDS,
                LABELS,
                dataset("clean_prediction", "int64 (n)", meaning="The model's answers to them."),
                dataset(
                    f"{ATTACK}/images",
                    "uint8/float32 (n, C, H, W)",
                    meaning="The perturbed images; float32 in [0, 1] where attack.quantise is false.",
                ),
                dataset(
                    f"{ATTACK}/prediction", "int64 (n)", meaning="The model's answers to them."
                ),
                dataset(
                    f"{ATTACK}/loss", "float32 (n)", meaning="Cross-entropy of the labels, nats."
                ),
                dataset(
                    f"{ATTACK}/margin",
                    "float32 (n)",
                    meaning="Logit of the label less the largest other.",
                ),
                dataset(
                    f"{ATTACK}/success",
                    "bool (n)",
                    meaning="Whether the label is missed, or the target met.",
                ),
                dataset(
                    f"{ATTACK}/linf",
                    "float64 (n)",
                    meaning="Largest change of a pixel in [0, 1].",
                ),
                dataset(
                    f"{ATTACK}/l2",
                    "float64 (n)",
                    meaning="Euclidean length of the change, pixels in [0, 1].",
                ),
                dataset(
                    f"{ATTACK}/target_class",
                    "int64 (n)",
                    optional=True,
                    meaning="The class aimed at, of a targeted attack.",
                ),
                dataset(
                    f"{ATTACK}/objective",
                    "float32 (n, steps)",
                    optional=True,
                    meaning="What is ascended, before each step; none of noise.",
                ),
                dataset(
                    f"{ATTACK}/zero_gradient",
                    "bool (n, steps)",
                    optional=True,
                    meaning="Where no pixel has a gradient; none of noise.",
                ),
                dataset(
                    "growth/{norm}/epsilon",
                    "float64 (balls)",
                    optional=True,
                    meaning="Balls that grow until they hold every image.",
                ),
                dataset(
                    "growth/{norm}/success_rate",
                    "float64 (balls)",
                    optional=True,
                    meaning="Share of the images classified correctly that pgd has fooled so far.",
                ),
            ),
            attributes=(
                SETTINGS,
                *OF_MODEL,
                SEED,
                attribute("attack", "text", group=ATTACK, meaning="The attack's name."),
                attribute("norm", "text", group=ATTACK, meaning="The norm that bounds it."),
                attribute(
                    "epsilon", "float64", group=ATTACK, meaning="The bound, pixels in [0, 1]."
                ),
                attribute(
                    "epsilon_label",
                    "text",
                    group=ATTACK,
                    meaning="The bound as the config writes it.",
                ),
                *(
                    attribute(
                        f"search_{name}",
                        dtype,
                        group=ATTACK,
                        optional=True,
                        meaning=f"The config's attack.{name}; none of noise.",
                    )
                    for name, dtype in (
                        ("steps", "int64"),
                        ("step_size", "float64"),
                        ("random_start", "bool"),
                        ("restarts", "int64"),
                        ("objective", "text"),
                        ("target", "text"),
                        ("momentum", "float64"),
                        ("input_diversity", "float64"),
                        ("schedule", "text"),
                    )
                ),
            ),
        ),
        Layout(
            "features",
            "models/{architecture}/seed{seed}/features.h5",
            meaning="What one model uses in the first test images: gradients, and inversions.",
            datasets=(
                IDS,
                LABELS,
                dataset("prediction", "int64 (n)", meaning="The model's answers to them."),
                dataset(
                    "gradient",
                    "float16 (n, C, H, W)",
                    meaning="The gradient of the label's margin by the image, over its largest value.",
                ),
                dataset("representation", "float32 (n, d)", meaning="The images' representation."),
                dataset(
                    "inversion/{start}/images",
                    "uint8 (n, C, H, W)",
                    meaning="Images found that the model represents like the clean ones.",
                ),
                dataset(
                    "inversion/{start}/residual",
                    "float32 (n)",
                    meaning="The relative distance of representations that is left.",
                ),
                dataset(
                    "inversion/{start}/representation",
                    "float32 (n, d)",
                    meaning="Their representation.",
                ),
                dataset(
                    "inversion/image/start",
                    "int64 (n)",
                    meaning="The ids of the images that the search starts from.",
                ),
            ),
            attributes=(
                SETTINGS,
                *OF_MODEL,
                SEED,
                attribute("architecture", "text", meaning="Its architecture."),
                attribute(
                    "tolerance", "float64", meaning="The largest residual that counts as found."
                ),
            ),
        ),
        Layout(
            "maps",
            "blocks/{a}--{b}/maps.h5",
            meaning="The linear maps between all pairs of a block.",
            datasets=(
                dataset(
                    PAIR + "/{family}/weight",
                    "float32 (d_source, d_target)",
                    meaning="The map's weight: target ≈ source · weight + bias.",
                ),
                dataset(PAIR + "/{family}/bias", "float32 (d_target)", meaning="The map's bias."),
            ),
            attributes=(
                SETTINGS,
                *MADE,
                OF_DATA,
                attribute("models", "text (m)", meaning="The models of the block."),
                attribute(
                    "activation_digests", "text (m)", meaning="The digests of their activations."
                ),
                attribute(
                    "lambda",
                    "float64",
                    group=PAIR + "/{family}",
                    meaning="The penalty of ridge; 0 for the other families.",
                ),
            ),
        ),
        Layout(
            "evaluation",
            "blocks/{a}--{b}/evaluation.h5",
            meaning="What every target of a block makes of every source's images.",
            datasets=(
                replace(IDS, optional=True, meaning="The attacked images' ids in the data file."),
                replace(LABELS, optional=True),
                dataset(
                    "clean/{model}/prediction",
                    "int32 (n)",
                    meaning="A target's answers to the clean images.",
                    optional=True,
                ),
                dataset(
                    "clean/{model}/margin",
                    "float32 (n)",
                    meaning="Its margin of the label on them, logits.",
                    optional=True,
                ),
                dataset(
                    PAIR + "/prediction",
                    "int32 (conditions, n)",
                    meaning="The target's answers to the source's perturbed images, attack by attack.",
                    optional=True,
                ),
                dataset(
                    PAIR + "/margin",
                    "float32 (conditions, n)",
                    meaning="Its margin of the label on them.",
                    optional=True,
                ),
                dataset(
                    PAIR + "/{start}",
                    "float16 (m, d)",
                    meaning="The target's representation of the source's inversions, "
                    "its mean taken off and its largest value 1.",
                    optional=True,
                ),
            ),
            attributes=(
                SETTINGS,
                *MADE,
                OF_DATA,
                attribute("models", "text (m)", meaning="The models of the block."),
                attribute("model_digests", "text (m)", meaning="The digests of their weights."),
                attribute(
                    "adversarial_digests",
                    "text (m)",
                    meaning="Those of their adversarial images.",
                    optional=True,
                ),
                attribute(
                    "features_digests",
                    "text (m)",
                    meaning="Those of their inversions.",
                    optional=True,
                ),
                attribute("device", "text", meaning="Where it was computed."),
                attribute(
                    "conditions",
                    "text (conditions)",
                    group=PAIR,
                    optional=True,
                    meaning="The attacks and balls, in the order of the rows.",
                ),
            ),
        ),
        Layout(
            "nonrobust",
            "nonrobust/{source}.h5",
            meaning="Training images changed until one model takes each for another class.",
            datasets=(
                dataset("images", "uint8 (n, C, H, W)", meaning="The changed images."),
                dataset("labels", "int64 (n)", meaning="The classes that they are changed to."),
            ),
            attributes=(
                SETTINGS,
                *OF_MODEL,
                SEED,
                attribute(
                    "success",
                    "float64",
                    meaning="The share of them that the model takes for their new class.",
                ),
            ),
        ),
    )
}
