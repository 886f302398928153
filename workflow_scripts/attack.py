"""Attack one model: adversarial images under every norm and epsilon, and the noise control."""

import json

import h5py

from repcompare.attacks import Condition, PGDSettings, attack_model
from repcompare.devices import resolve_device, resolve_precision, use_threads
from repcompare.epsilon import parse_epsilon
from repcompare.logs import logging_to
from repcompare.models import load_model


def main(snakemake) -> None:
    """Load the model and store its perturbed images."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    use_threads(snakemake.threads, device)
    conditions = []
    for norm, values in settings["epsilons"].items():
        for value in values:
            label, epsilon = parse_epsilon(value)
            conditions += [Condition(attack, norm, epsilon, label) for attack in ("pgd", "noise")]
    pgd_settings = PGDSettings(
        settings["steps"],
        settings["step_size"],
        settings["batch_size"],
        resolve_precision(settings["precision"], device),
        settings["seed"],
    )
    with h5py.File(snakemake.input.dataset) as dataset:
        model = load_model(snakemake.input.weights, snakemake.input.record, dataset, device)
        attack_model(
            snakemake.output.adversarial,
            model,
            dataset,
            settings["samples"],
            conditions,
            pgd_settings,
        )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
