"""What is known of a model beside its weights. Read by jobs that run no network: it imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """What is known of a model, beside its weights; record.json, with their digest.

    Accuracies are shares of the images of a split. `processor` is the name of what ran it: two kinds of
    processor round differently, and give other networks. `origin` is `trained`, with the `training` that
    it had and a `history` of one entry an epoch; or `imported`, with the file or name of its
    `weights`, the digest of the file, how a foreign module is used, an `Adaptation`, and the digest
    of the `code` that made it: other code may compute something else with the same weights; or
    `activations`: it is known by what it computed alone, and `weights` is the file of that.
    """

    model: str
    architecture: str
    seed: int
    origin: str
    representation_width: int
    data_digest: str
    versions: Mapping[str, str]
    factory: str | None = None
    kwargs: Mapping[str, Any] | None = None
    in_channels: int | None = None
    num_classes: int | None = None
    parameters: int | None = None
    test_accuracy: float | None = None
    device: str | None = None
    processor: str | None = None
    threads: int | None = None
    train_accuracy: float | None = None
    training: Mapping[str, Any] | None = None
    precision: str | None = None
    history: list[Mapping[str, Any]] = field(default_factory=list)
    weights: str | None = None
    weights_digest: str | None = None
    adaptation: Mapping[str, Any] | None = None
    code: str | None = None
