"""Attack one model: adversarial images under every attack, norm and epsilon, and the noise control."""

import json

import h5py

from repcompare.attacks.craft import Computation
from repcompare.attacks.suite import planned
from repcompare.networks.devices import prepare_process, resolve_device, resolve_precision
from repcompare.networks.models import load_model
from repcompare.stages.attack import attack_model
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the model and store its perturbed images."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    precision = resolve_precision(settings["precision"], device)
    computation = Computation(settings["batch_size"], precision, settings["seed"])
    with h5py.File(snakemake.input.dataset) as dataset:
        model = load_model(snakemake.input.weights, snakemake.input.record, dataset, device)
        attack_model(
            snakemake.output.adversarial,
            model,
            dataset,
            settings["samples"],
            planned(settings),
            computation,
        )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
