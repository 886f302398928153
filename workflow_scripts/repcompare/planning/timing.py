"""What networks and pairs of a study cost here, timed on a few images before anything is run."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from repcompare.architectures import build
from repcompare.architectures.classifier import Classifier
from repcompare.data.dataset_file import Dataset
from repcompare.data.loaders import counted
from repcompare.features.measures import similarity
from repcompare.names import REPRESENTATION
from repcompare.networks.devices import autocast, resolve_precision, with_recorded_step
from repcompare.networks.inference import images_at_once, logits_of, to_float
from repcompare.networks.models import folded
from repcompare.networks.training import Run, TrainingSettings
from repcompare.planning.disk import Sizes
from repcompare.planning.workload import STARTS, Numbers, Passes, split
from repcompare.representations.activations_file import ModelActivations
from repcompare.stages.compare import compare
from repcompare.stages.compare_features import matched_units
from repcompare.stages.describe import describe
from repcompare.storage.hdf5 import new_hdf5, row_slices
from repcompare.study.config import training_settings

# A pass is repeated until it has taken so long; a CPU needs no larger batch to be busy.
SECONDS, CPU_BATCH = 0.5, 64
# Of a pair's inversions: two measures, both ways, from every start.
COMPARED = ("maps.h5", "scores", "class_accuracies", "geometry", "convergence")

SIMILARITIES = 4 * STARTS


def network(config: Mapping[str, Any], architecture: str) -> Classifier:
    """An untrained network of the study, on the CPU."""
    entry, data = config["architectures"][architecture], counted(config["data"])
    return build(entry["factory"], entry["kwargs"], data.channels, data.classes, seed=0)


def sizes(config: Mapping[str, Any], architecture: str) -> Sizes:
    """What decides how large the files of an architecture's models are."""
    made, data = network(config, architecture).eval(), counted(config["data"])
    wanted = {*config["activations"]["layers"], REPRESENTATION}
    stored = [name for name in made.layers if name in wanted]
    with torch.inference_mode():
        image = torch.zeros(1, data.channels, data.size, data.size)
        outputs = made.layer_outputs(image, stored)
    weights = len(safetensors.torch.save(made.state_dict()))
    widths = {name: outputs[name].shape[1] for name in stored}
    return Sizes(weights, widths, data.classes)


def passes(config: Mapping[str, Any], architecture: str, device: torch.device) -> Passes:
    """Seconds an image of a training step, a gradient of the image, and an answer, on `device`.

    A step is that of the study's own training but for adversarial examples, whose gradients are
    counted with the others. A random image is as good as any.
    """
    # The schedule must not end before the time is up.
    endless = {"adversarial": None, "epochs": 1_000_000}
    spec = training_settings(config, architecture) | endless
    settings = TrainingSettings(
        **{key: value for key, value in spec.items() if key not in ("factory", "kwargs")}
    )
    made = network(config, architecture)
    # torch can, its overloads have no device with a memory format.
    made.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    data, rng = counted(config["data"]), torch.Generator().manual_seed(0)
    shape = (settings.batch_size, data.channels, data.size, data.size)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=rng).to(device)
    labels = torch.randint(data.classes, shape[:1], generator=rng).to(device)
    precision = resolve_precision(settings.precision, device)
    run = Run(made.train(), images, labels, settings, precision, seed=0)
    run.network = with_recorded_step(made, to_float(images), precision)

    def step() -> None:
        run.begin_epoch()
        run.step()

    step_seconds = _seconds(step, device) / len(images)
    made.eval().requires_grad_(False)
    most = config["attack"]["batch_size"] if device.type == "cuda" else CPU_BATCH
    number = images_at_once(most, shape[1:])
    batch = images[torch.arange(number, device=device) % len(images)]
    return Passes(
        step_seconds,
        _gradient_seconds(config, made, batch),
        _seconds(lambda: logits_of(made, batch, number), device) / number,
    )


def numbers(config: Mapping[str, Any], of: Sizes) -> Numbers:
    """Seconds that comparing a pair of models of one architecture, and describing one, take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, files = folder / "data.h5", [folder / f"{place}.h5" for place in range(2)]
        _write_images(data, config)
        for place, path in enumerate(files):
            _write_activations(path, config, of, place)
        settings = {**config["maps"], **config["geometry"], "layer_pairs": ()}
        outputs = [folder / name for name in COMPARED]
        tables = folder / "layers.csv", folder / "controls.csv"
        return Numbers(
            _timed(lambda: compare(*outputs, activations=files, settings=settings)),
            _timed(
                lambda: describe(*tables, activations=files[0], dataset=data, settings=settings)
            ),
            _timed(lambda: _compare_features(config, *files)),
        )


def start_seconds(*modules: str) -> float:
    """How long it takes to start Python and to import modules that were imported before."""
    command = [sys.executable, "-c", f"import {', '.join(modules)}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    before = os.times()
    subprocess.run(command, env=environment, check=True)
    after = os.times()
    return sum(
        getattr(after, kind) - getattr(before, kind)
        for kind in ("children_user", "children_system")
    )


def _gradient_seconds(config: Mapping[str, Any], made: Classifier, batch: torch.Tensor) -> float:
    precision = resolve_precision(config["attack"]["precision"], batch.device)
    attacked, leaf = folded(made), to_float(batch).requires_grad_()

    def gradient() -> None:
        with autocast(batch.device, precision):
            outputs = attacked(leaf)
        torch.autograd.grad(outputs.float().logsumexp(1).sum(), leaf)

    return _seconds(gradient, batch.device) / len(batch)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The mean time of `work` after a first time, which compiles and allocates.

    On a CPU that is processor time: what else the machine does at the moment is not the study's.
    """
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time

    def finish() -> None:
        work()
        if on_gpu:
            torch.cuda.synchronize(device)

    finish()
    times, start = 0, clock()
    while not times or clock() - start < SECONDS:
        finish()
        times += 1
    return (clock() - start) / times


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _compare_features(config: Mapping[str, Any], *files: Path) -> None:
    """What the features stage does with a pair, but for what the networks answer."""
    n = config["features"]["samples"]
    with ModelActivations(files[0]) as one, ModelActivations(files[1]) as other:
        matched_units(one, other)
        rows, labels = one.test.rows[:n], one.labels[:n]
    for _ in range(SIMILARITIES):
        similarity(rows, rows, labels, dropped=0)


def _write_images(path: Path, config: Mapping[str, Any]) -> None:
    images, data = split(config), counted(config["data"])
    rng = np.random.default_rng(0)
    with new_hdf5(path, {}) as file:
        for name, n in (("train", images.fit), ("test", images.test)):
            shape = (n, data.channels, data.size, data.size)
            pixels = file.create_dataset(f"{name}/images", shape, np.uint8)
            for rows in row_slices(shape, np.uint8):
                size = (rows.stop - rows.start, *shape[1:])
                pixels[rows] = rng.integers(256, size=size, dtype=np.uint8)
            file[f"{name}/ids"] = np.arange(n)
            file[f"{name}/labels"] = np.arange(n) % data.classes


def _write_activations(path: Path, config: Mapping[str, Any], of: Sizes, place: int) -> None:
    """Activations of random numbers: what they are does not change what comparing them costs."""
    images, rng = split(config), np.random.default_rng(place)
    with Dataset(path.with_name("data.h5")) as data:
        digest = data.digest
    attributes = {"model": f"timed/seed{place}", "architecture": "timed", "layers": list(of.widths)}
    attributes |= {"data_digest": digest, "fit_images": "train", "precision": "float32"}
    with new_hdf5(path, attributes) as file:
        for name, n in (("fit", images.fit), ("test", images.test)):
            file[f"{name}/ids"] = np.arange(n)
            file[f"{name}/labels"] = np.arange(n) % of.classes
            file[f"{name}/logits"] = rng.normal(size=(n, of.classes)).astype(np.float32)
            for layer, width in of.widths.items():
                file[f"{name}/{layer}"] = rng.normal(size=(n, width)).astype(np.float32)
            file[f"untrained/{name}"] = rng.normal(size=(n, of.width)).astype(np.float32)
        weight = rng.normal(size=(of.classes, of.width)).astype(np.float32)
        file["classifier/weight"], file["classifier/bias"] = weight, weight[:, 0]
