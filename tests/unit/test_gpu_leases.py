"""Every process takes a GPU of its own, as long as there are enough of them."""

import contextlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from repcompare import devices, gpu_leases

SCRIPTS = Path(gpu_leases.__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from repcompare.gpu_leases import lease
print(lease(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """A function that starts a process with a lease on one of the GPUs named."""
    with contextlib.ExitStack() as stack:

        def start(*names):
            process = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(tmp_path / "leases"), *names],
                env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def taken(process):
    return int(process.stdout.readline())


def test_processes_that_start_at_once_take_different_gpus(start):
    processes = [start("0", "1", "2", "3") for _ in range(4)]
    assert sorted(map(taken, processes)) == [0, 1, 2, 3]


def test_more_processes_than_gpus_share_them_evenly(start):
    processes = [start("0", "1") for _ in range(4)]
    assert Counter(map(taken, processes)) == {0: 2, 1: 2}


def test_a_gpu_is_free_again_when_its_process_is_killed(start):
    first, second = start("0", "1"), start("0", "1")
    place = taken(first)
    assert taken(second) != place
    first.kill()
    first.wait()
    assert taken(start("0", "1")) == place


def test_a_gpu_is_known_by_its_name_whatever_its_number_is(start):
    assert taken(start("2", "3")) == 0
    assert taken(start("2", "0")) == 1


def test_only_the_gpus_that_a_scheduler_gave_are_taken(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_leases.visible_gpus(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8f2c")
    assert gpu_leases.visible_gpus(2) == ["3", "GPU-8f2c"]
    assert gpu_leases.visible_gpus(1) == ["3"]


def test_the_gpu_taken_is_the_one_that_torch_computes_on(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(devices, "lease", lambda names: len(names) - 1)
    assert devices.resolve_device("auto") == torch.device("cuda")
    assert chosen == [1]
