"""The conda environment and the lock file name the same versions."""

import yaml
from workflow.study import ROOT


def test_the_conda_environment_has_the_pins_of_the_lock_file():
    environment = yaml.safe_load((ROOT / "envs" / "environment.yaml").read_text(encoding="utf-8"))
    (pins,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    lock = (ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert pins == [line for line in lock if line and not line.startswith("#")]
