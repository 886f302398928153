"""Extract what one model uses in the images of the probe set."""

import json

import h5py

from repcompare.networks.devices import prepare_process, resolve_device, resolve_precision
from repcompare.networks.models import load_model
from repcompare.stages.extract_features import FeatureSettings, extract_features
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the model and store its gradients and inversions."""
    section = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    section["precision"] = resolve_precision(section["precision"], device)
    settings = FeatureSettings(
        **{key: section[key] for key in FeatureSettings.__dataclass_fields__}
    )
    with h5py.File(snakemake.input.dataset) as dataset:
        model = load_model(snakemake.input.weights, snakemake.input.record, dataset, device)
        extract_features(snakemake.output.features, model, dataset, settings)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
