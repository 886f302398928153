"""Draw a few adversarial examples of a few models."""

import json

import h5py

from repcompare.figures.adversarial_examples import adversarial_examples, read_examples
from repcompare.figures.style import save
from repcompare.storage.logs import logging_to
from repcompare.storage.tables import read_table
from repcompare.transfer.reference import reference_attack


def main(snakemake) -> None:
    """Draw the examples of the attack that the report's other figures show."""
    attack = reference_attack(read_table(snakemake.input.transfer))
    count = json.loads(snakemake.params.settings)["examples"]
    clean, labels, examples = read_examples(snakemake.input.adversarial, attack, count)
    with h5py.File(snakemake.input.dataset) as file:
        class_names = list(file.attrs["class_names"])
    figure = adversarial_examples(clean, labels, class_names, examples, attack)
    save(figure, snakemake.output.svg, snakemake.output.png)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
