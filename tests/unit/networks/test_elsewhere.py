"""Where there is no GPU: every stage that runs networks, on a device whose tensors the CPU's cannot meet."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from repcompare.storage.files import read_json

TESTS = Path(__file__).parents[2]
# A device of its own takes some operations apart that the CPU has whole, which rounds differently.
NEAR = {"rtol": 1e-3, "atol": 1e-3}
MIXED = """
import torch
from unit.support.elsewhere import OnDevices, register
register()
with OnDevices():
    there, here = torch.ones(2, device="elsewhere"), torch.ones(2)
    print((there * 2).device, (there + torch.tensor(1.0)).cpu().tolist(), flush=True)
    there + here
"""


def run(*arguments):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "workflow_scripts")]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folders of one study made here and elsewhere."""
    folders = {}
    for device in ("cpu", "elsewhere"):
        folders[device] = tmp_path_factory.mktemp(device)
        ended = run("-m", "unit.support.elsewhere", folders[device], device)
        assert ended.returncode == 0, ended.stderr[-3000:]
    return folders


def stored(folder):
    """Every array of every file, by file and name."""
    found = {}
    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:

            def keep(name, item, path=path):
                if isinstance(item, h5py.Dataset):
                    found[f"{path.relative_to(folder)}:{name}"] = item[()]

            file.visititems(keep)
    return found


def test_what_lies_there_cannot_be_mixed_with_what_does_not():
    ended = run("-c", MIXED)
    assert ended.stdout == "elsewhere:0 [2.0, 2.0]\n"
    assert ended.stderr.strip().endswith("operands elsewhere and on the CPU")


@pytest.mark.slow
def test_networks_trained_there_are_those_trained_here(made):
    for name in ("resnet", "robust", "foreign"):
        here, there = (made[device] / name for device in ("cpu", "elsewhere"))
        weights = "weights.safetensors"
        assert (here / weights).read_bytes() == (there / weights).read_bytes()
        records = [read_json(folder / "record.json") for folder in (here, there)]
        assert [record.pop("device") for record in records] == ["cpu", "elsewhere:0"]
        assert records[0] == records[1]


@pytest.mark.slow
def test_what_a_study_stores_is_the_same_there(made):
    here, there = (stored(made[device]) for device in ("cpu", "elsewhere"))
    assert len(here) > 200
    assert here.keys() == there.keys()
    for name, values in here.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(there[name], values, err_msg=name, **NEAR)
        else:
            np.testing.assert_array_equal(there[name], values, err_msg=name)
