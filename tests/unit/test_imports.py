"""A job imports only what its stage needs: torch takes a second, torchvision another."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
OF_NETWORKS = {
    "attack",
    "dump_activations",
    "evaluate",
    "extract_features",
    "import_model",
    "make_nonrobust",
    "train",
    "train_nonrobust",
}
RULES = "".join(
    path.read_text(encoding="utf-8") for path in (SCRIPTS.parent / "rules").glob("*.smk")
)
OF_TABLES = set(re.findall(r"workflow_scripts/(\w+)\.py", RULES)) - OF_NETWORKS


def imported(scripts) -> set[str]:
    """The packages and modules that are there after all that `scripts` import."""
    code = "import runpy, sys\n"
    code += "".join(f"runpy.run_path({str(SCRIPTS / name) + '.py'!r})\n" for name in scripts)
    code += "print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    output = subprocess.check_output(
        [sys.executable, "-c", code], env=environment, encoding="utf-8"
    )
    return set(output.split())


def test_no_stage_but_those_that_run_networks_imports_torch():
    assert {"compare", "describe", "summarise", "judge_findings", "write_report"} <= OF_TABLES
    assert not imported(sorted(OF_TABLES)) & {"torch", "torchvision", "sklearn"}


def test_no_stage_imports_torchvision_or_the_compiler_of_torch_or_pandas_to_run_networks():
    found = imported(sorted(OF_NETWORKS))
    assert "torch" in found
    assert not found & {"torchvision", "torch._dynamo", "sympy", "pandas", "matplotlib"}


RUN = """
import sys
from pathlib import Path
from unit.support.elsewhere import make
make(Path(sys.argv[1]), "cpu", ["resnet", "robust"])
print(*sys.modules)
"""


def test_no_stage_imports_the_compiler_of_torch_while_it_runs_networks(tmp_path):
    path = os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parent / "tests")])
    found = subprocess.check_output(
        [sys.executable, "-c", RUN, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        encoding="utf-8",
    )
    assert not set(found.split()) & {"torch._dynamo", "torch._inductor", "sympy"}


@pytest.mark.parametrize("script", ["compare", "describe", "prepare_data"])
def test_no_stage_imports_pandas_to_compare(script):
    assert not imported([script]) & {"pandas", "matplotlib"}
