"""What networks and pairs of a study cost here, timed on a few images before anything is run."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from repcompare.architectures import available, build
from repcompare.data.batches import images_at_once
from repcompare.data.dataset_file import Dataset
from repcompare.features.inversion import Representing, representing
from repcompare.features.measures import similarity
from repcompare.names import REPRESENTATION, UNTRAINED, layer_order
from repcompare.networks.devices import autocast, resolve_precision, with_recorded_step
from repcompare.networks.factories import build_foreign
from repcompare.networks.imported import NetworkError
from repcompare.networks.importing import adaptation_of, adapted
from repcompare.networks.inference import logits_of, to_float
from repcompare.networks.models import Network, frozen, unshared
from repcompare.networks.training import Run, TrainingSettings
from repcompare.planning.workload import STARTS, Numbers, Passes, Sizes, Study
from repcompare.representations.activations_file import ModelActivations
from repcompare.representations.own_activations import ActivationsError, open_activations
from repcompare.stages.compare import compare
from repcompare.stages.compare_features import matched_units
from repcompare.stages.describe import describe
from repcompare.storage.hdf5 import new_hdf5, row_slices
from repcompare.study import config as study_config
from repcompare.study.config import import_settings, training_settings
from repcompare.study.networks import by_activations, imported

# A pass is repeated until it has taken so long; a CPU needs no larger batch to be busy.
SECONDS, CPU_BATCH = 0.5, 64
# Of a pair's inversions: two measures, both ways, from every start.
OF_MAPS, OF_GEOMETRY = ("maps", "scores", "class_accuracies"), ("geometry", "convergence")

SIMILARITIES = 4 * STARTS

# Of a network that is not here.
NOTHING = Passes(0, 0, 0)

# What a pass holds at its peak, of the tensors that are kept for the way back: their sum, with what
# the C library cannot fill again, and beside them the gradients and the workspace of the largest.
KEPT, WORKING = 1.2, 6
# What it holds where nothing is kept, in multiples of the largest.
ANSWERING = 5


def network(study: Study, architecture: str) -> Network:
    """A network of the study on the CPU, with weights that mean nothing: what it costs is the same.

    Of an existing network only the way to its representation is asked, which is nearly all of it.

    Raises:
        NetworkError: with the key of the config, an existing network that cannot be built.
    """
    entry, images = study.config["architectures"][architecture], study.images
    factory, kwargs = entry["factory"], entry["kwargs"]
    if factory in available():
        return build(factory, kwargs, images.channels, images.classes, seed=0)
    examples = torch.rand(2, *images.shape, generator=torch.Generator().manual_seed(0))
    settings = import_settings(study.config, architecture) | {"classes": None}
    try:
        built = build_foreign(factory, kwargs, seed=0)
        built.module.eval()
        return adapted(built.module, adaptation_of(built, settings, examples, ())._asdict())
    except NetworkError as error:
        raise NetworkError(f"architectures.{architecture}.{error.key}", error.text) from error


def sizes(study: Study, architecture: str, *, gpu: bool = False) -> Sizes:
    """What decides how large the files of an architecture's models are, and its jobs in memory.

    With `gpu` its passes are on the card, and hold nothing here.

    Raises NetworkError where `network` does.
    """
    wanted = {*study.config["activations"]["layers"], REPRESENTATION}
    if by_activations(study.config["architectures"][architecture]):
        return _of_activations(study, architecture, wanted)
    made = network(study, architecture).eval()
    stored = [name for name in made.layers if name in wanted]
    with torch.inference_mode():
        pool = study.config["activations"]["pool"]
        outputs = made.layer_outputs(torch.zeros(1, *study.images.shape), stored, pool)
    weights = len(safetensors.torch.save(unshared(made.state_dict())))
    widths = {name: _stored_width(study, name, outputs[name].shape[1]) for name in stored}
    memory = Passes(0, 0, 0) if gpu else held(study, architecture, made)
    return Sizes(weights, widths, study.images.classes, memory)


def _of_activations(study: Study, architecture: str, wanted: Collection[str]) -> Sizes:
    """Those of a network that is known by its activations alone. Raises NetworkError."""
    seed = study_config.seeds(study.config, architecture)[0]
    file = study_config.source_file(study.config, architecture, seed)
    settings = study_config.activations_settings(study.config, architecture)
    try:
        with open_activations(str(file), settings["names"]) as own:
            widths = {
                name: _stored_width(study, name, own.layer(name, settings["pool"]).width)
                for name in layer_order(wanted & own.layers.keys())
            }
    except ActivationsError as error:
        raise NetworkError(f"architectures.{architecture}.activations", str(error)) from error
    return Sizes(0, widths, study.images.classes, NOTHING)


def _stored_width(study: Study, layer: str, width: int) -> int:
    """Flattened maps of more units than images are stored along fewer axes."""
    flattened = study.config["activations"]["pool"] == "flatten" and layer != REPRESENTATION
    return min(width, max(1, study.images.test - 1)) if flattened else width


def held(study: Study, architecture: str, made: Network) -> Passes:
    """Bytes an image that a training step, a gradient of the image and an answer hold on a CPU.

    From what torch keeps for the way back, counted on a few images. `made` is trained and frozen.
    """
    cpu = torch.device("cpu")
    steps = 0.0
    if not imported(study.config["architectures"][architecture]):
        precision = training_settings(study.config, architecture)["precision"]
        steps = _held(made.train(), study, resolve_precision(precision, cpu))
    frozen(made, cpu)
    precision = resolve_precision(_searched(study)["precision"], cpu)
    gradients = _held(representing(made), study, precision, of_images=True)
    largest = max(_kept(representing(made), study, "float32", of_images=True))
    return Passes(steps, gradients, ANSWERING * largest)


def _held(made: torch.nn.Module, study: Study, precision: str, *, of_images: bool = False) -> float:
    kept = _kept(made, study, precision, of_images=of_images)
    return KEPT * sum(kept) + WORKING * max(kept)


def _kept(made: torch.nn.Module, study: Study, precision: str, *, of_images: bool) -> list[float]:
    """Bytes an image of every tensor that is kept for the way back, of parameters or of the images.

    What is not of the images, such as weights in another precision, does not grow with their number.
    """
    few, many = (_saved(made, study, n, precision, of_images) for n in (2, 4))
    return [(more - less) / 2 for less, more in zip(few, many, strict=True)]


def _saved(
    made: torch.nn.Module, study: Study, n: int, precision: str, of_images: bool
) -> list[int]:
    found: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return tensor

    images = torch.zeros(n, *study.images.shape).contiguous(memory_format=torch.channels_last)
    keeping = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with keeping, autocast(images.device, precision):
        # Held until all is counted, so that no place is taken twice.
        outputs = made(images.requires_grad_(of_images))
    del outputs
    return list(found.values())


def passes(study: Study, architecture: str, device: torch.device) -> Passes:
    """Seconds an image of a training step, a gradient of the image, and an answer, on `device`.

    A step is that of the study's own training but for adversarial examples, whose gradients are
    counted with the others; an existing network has none. A random image is as good as any.
    """
    if by_activations(study.config["architectures"][architecture]):
        return NOTHING
    images, rng = study.images, torch.Generator().manual_seed(0)
    made, steps = network(study, architecture), 0.0
    if not imported(study.config["architectures"][architecture]):
        steps = _step_seconds(study, architecture, made, device)
    frozen(made, device)
    most = _searched(study)["batch_size"] if device.type == "cuda" else CPU_BATCH
    number = images_at_once(most, images.shape)
    shape = (number, *images.shape)
    batch = torch.randint(256, shape, dtype=torch.uint8, generator=rng).to(device)
    answering = Representing(made)
    return Passes(
        steps,
        _gradient_seconds(study, made, batch),
        _seconds(lambda: logits_of(answering, batch, number), device) / number,
    )


def _searched(study: Study) -> Mapping[str, Any]:
    """The section that gradients of images are for; where none is asked for no job has any."""
    config = study.config
    nothing = {"precision": "auto", "batch_size": CPU_BATCH}
    return config["attack"] or config["features"] or nothing


def _step_seconds(study: Study, architecture: str, made: Network, device: torch.device) -> float:
    # The schedule must not end before the time is up.
    endless = {"adversarial": None, "epochs": 1_000_000}
    spec = training_settings(study.config, architecture) | endless
    settings = TrainingSettings(
        **{key: value for key, value in spec.items() if key not in ("factory", "kwargs")}
    )
    # torch can, its overloads have no device with a memory format.
    made.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = torch.Generator().manual_seed(0)
    shape = (settings.batch_size, *study.images.shape)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=rng).to(device)
    labels = torch.randint(study.images.classes, shape[:1], generator=rng).to(device)
    precision = resolve_precision(settings.precision, device)
    run = Run(made.train(), images, labels, settings, precision, seed=0)
    run.network = with_recorded_step(made, to_float(images), precision)

    def step() -> None:
        run.begin_epoch()
        run.step()

    return _seconds(step, device) / len(images)


def numbers(study: Study, of: Sizes) -> Numbers:
    """Seconds that comparing a pair of models of one architecture, and describing one, take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, files = folder / "data.h5", [folder / f"{place}.h5" for place in range(2)]
        _write_images(data, study)
        for place, path in enumerate(files):
            _write_activations(path, study, of, place)
        families, measures = (
            study_config.families(study.config),
            study_config.measures(study.config),
        )
        settings = {"families": families, "measures": measures, "layer_pairs": ()}
        names = (OF_MAPS if families else ()) + (OF_GEOMETRY if measures else ())
        compared: dict[str, Any] = {name: folder / name for name in names}
        tables = folder / "layers.csv", folder / "controls.csv" if families else None
        return Numbers(
            _timed(lambda: compare(**compared, activations=files, settings=settings)),
            _timed(
                lambda: describe(*tables, activations=files[0], dataset=data, settings=settings)
            ),
            _timed(lambda: _compare_features(study, *files)),
        )


def start_seconds(*modules: str) -> float:
    """How long it takes to start Python, to import modules that were imported before, and to end."""
    # Frozen, as in a job, that the end is as short.
    command = [sys.executable, "-c", f"import gc, {', '.join(modules)}; gc.freeze()"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    before = os.times()
    subprocess.run(command, env=environment, check=True)
    after = os.times()
    return sum(
        getattr(after, kind) - getattr(before, kind)
        for kind in ("children_user", "children_system")
    )


def _gradient_seconds(study: Study, made: Network, batch: torch.Tensor) -> float:
    precision = resolve_precision(_searched(study)["precision"], batch.device)
    attacked, leaf = representing(made), to_float(batch).requires_grad_()

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


def _compare_features(study: Study, *files: Path) -> None:
    """What the features stage does with a pair, but for what the networks answer."""
    n = study_config.samples(study.config, "features")
    if not n:
        return
    with ModelActivations(files[0]) as one, ModelActivations(files[1]) as other:
        matched_units(one, other)
        rows = one.test.rows[:n]
        labels = np.arange(len(rows)) % max(1, study.images.classes)
    for _ in range(SIMILARITIES):
        similarity(rows, rows, labels, dropped=0)


def _write_images(path: Path, study: Study) -> None:
    images = study.images
    rng = np.random.default_rng(0)
    with new_hdf5(path, {}) as file:
        for name, n in (("train", images.fit), ("test", images.test)):
            file[f"{name}/ids"] = np.arange(n)
            file[f"{name}/labels"] = np.arange(n) % max(1, images.classes)
            if not images.pixels:
                continue
            shape = (n, *images.shape)
            pixels = file.create_dataset(f"{name}/images", shape, np.uint8)
            for rows in row_slices(shape, np.uint8):
                size = (rows.stop - rows.start, *shape[1:])
                pixels[rows] = rng.integers(256, size=size, dtype=np.uint8)


def _write_activations(path: Path, study: Study, of: Sizes, place: int) -> None:
    """Activations of random numbers: what they are does not change what comparing them costs."""
    images, rng = study.images, np.random.default_rng(place)
    with Dataset(path.with_name("data.h5")) as data:
        digest = data.digest
    attributes = {"model": f"timed/seed{place}", "architecture": "timed", "layers": list(of.widths)}
    attributes |= {"data_digest": digest, "fit_images": "train", "precision": "float32"}
    with new_hdf5(path, attributes) as file:
        for name, n in (("fit", images.fit), ("test", images.test)):
            file[f"{name}/ids"] = np.arange(n)
            file[f"{name}/labels"] = np.arange(n) % max(1, of.classes)
            if of.classes:
                file[f"{name}/logits"] = rng.normal(size=(n, of.classes)).astype(np.float32)
            for layer, width in of.widths.items():
                file[f"{name}/{layer}"] = rng.normal(size=(n, width)).astype(np.float32)
            for control in UNTRAINED:
                file[f"{control}/{name}"] = rng.normal(size=(n, of.width)).astype(np.float32)
        if of.classes:
            weight = rng.normal(size=(of.classes, of.width)).astype(np.float32)
            file["classifier/weight"], file["classifier/bias"] = weight, weight[:, 0]
