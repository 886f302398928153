"""What is installed is what the lock files name, down to the bytes of each file."""

import re
import subprocess
import sys

import pytest
import yaml
from workflow.study import ROOT

ENVS = ROOT / "envs"
LOCK = ENVS / "requirements.lock"
CUDA = re.compile(r"cuda-|nvidia-|triton==")


def requirements(text) -> list[tuple[str, list[str]]]:
    """The requirements of a lock file and the hashes of each."""
    logical = text.replace("\\\n", " ").splitlines()
    return [
        (line.split("--hash")[0].strip(), re.findall(r"--hash=(\S+)", line)) for line in logical
    ]


def test_the_conda_environment_has_the_pins_of_the_lock_file():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text(encoding="utf-8"))
    (pins,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert pins == [pin for pin, _ in requirements(LOCK.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_requirement_is_a_version_and_its_hashes(name):
    for pin, hashes in requirements((ENVS / name).read_text(encoding="utf-8")):
        assert re.match(r"[\w.-]+==[\w.]+( ;|$)", pin), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), pin


def test_without_cuda_all_else_is_as_in_the_lock_file():
    command = [sys.executable, str(ENVS / "lock.py"), "without-cuda", str(LOCK)]
    left = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    whole = requirements(LOCK.read_text(encoding="utf-8"))
    assert requirements(left) == [each for each in whole if not CUDA.match(each[0])]
    assert len(requirements(left)) < len(whole)
