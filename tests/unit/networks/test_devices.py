"""Where a network runs changes how fast it trains, and nothing else."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from unit.support.small_study import TRAINING

from repcompare.architectures import build
from repcompare.networks.devices import (
    prepare_process,
    processor,
    resolve_device,
    resolve_precision,
    with_recorded_step,
)
from repcompare.networks.training import train

CPU = torch.device("cpu")
SCRIPTS = Path(__file__).parents[3] / "workflow_scripts"


def test_a_processor_is_named_with_the_instructions_that_torch_uses_of_it():
    name, _, instructions = processor(CPU).rpartition(", ")
    assert name
    assert instructions == torch.backends.cpu.get_cpu_capability()


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    with pytest.raises(ValueError, match="device: 'cuda' was asked for"):
        resolve_device("cuda")


def test_a_precision_that_is_named_is_kept():
    assert resolve_precision("bfloat16", CPU) == "bfloat16"
    assert resolve_precision("auto", CPU) in ("float32", "bfloat16")


def test_on_a_cpu_no_step_is_recorded():
    network = torch.nn.Linear(2, 2)
    assert with_recorded_step(network, torch.zeros(4, 2), "float32") is network


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_recorded_step_trains_as_a_plain_one_does(dataset, monkeypatch, precision):
    images, labels = (
        torch.from_numpy(dataset.h5["train"][key][:640]).cuda() for key in ("images", "labels")
    )
    losses = []
    for record in (with_recorded_step, lambda network, batch, precision: network):
        monkeypatch.setattr("repcompare.networks.training.with_recorded_step", record)
        network = build("resnet", {"blocks": [1, 1], "width": 8}, 1, 10, seed=0)
        network.to("cuda", memory_format=torch.channels_last)
        history = train(network, images, labels, TRAINING, precision, 0)
        losses.append([epoch.loss for epoch in history])
        assert not network.training
    tolerance = {"float32": 0.02, "bfloat16": 0.1}[precision]
    assert losses[0] == pytest.approx(losses[1], rel=tolerance, abs=tolerance)


def test_a_job_on_a_cpu_has_deterministic_algorithms_alone():
    before = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    try:
        torch.set_deterministic_debug_mode("default")
        prepare_process(1, CPU)
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.set_deterministic_debug_mode(before[0])
        torch.set_num_threads(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filling


STEPS = """
import resource, sys
import torch
from repcompare.networks.devices import prepare_process

network = torch.nn.Sequential(*(torch.nn.Conv2d(4, 4, 3, padding=1) for _ in range(4)))
images = torch.zeros(16, 4, 128, 128)
if sys.argv[1] == "prepared":
    prepare_process(1, torch.device("cpu"))
for step in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    network(images).sum().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back")
def test_a_step_finds_the_memory_of_the_step_before_it():
    new_pages = {
        how: int(subprocess.check_output([sys.executable, "-c", STEPS, how], cwd=SCRIPTS))
        for how in ("prepared", "plain")
    }
    assert 10 * new_pages["prepared"] < new_pages["plain"]
