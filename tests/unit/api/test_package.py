"""Importing the package is light, and its functions are no code of any stage."""

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import repcompare
from repcompare import api

PACKAGE = Path(repcompare.__file__).parent


# What no stage imports.
FACE = ("api.py", "arguments.py", "attacks/modules.py")


def test_importing_the_package_imports_neither_numpy_nor_torch_until_a_function_is_asked_for():
    code = (
        "import sys, repcompare\n"
        "print(*{'numpy', 'torch', 'pandas'} & set(sys.modules), sep=',')\n"
        "from repcompare import study\n"
        "print(*{'numpy', 'torch', 'pandas'} & set(sys.modules), sep=',')\n"
        "repcompare.compare\n"
        "print(*sorted({'numpy', 'torch', 'pandas'} & set(sys.modules)), sep=',')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    output = subprocess.check_output(
        [sys.executable, "-c", code], env=environment, encoding="utf-8"
    )
    assert output.split("\n")[:3] == ["", "", "numpy,pandas"]


def test_the_package_has_the_functions_of_the_face_and_no_others():
    for name in api.__all__:
        assert getattr(repcompare, name) is getattr(api, name)
        assert name in dir(repcompare)
    with pytest.raises(AttributeError, match="has no attribute 'Representation'"):
        _ = repcompare.Representation


def test_the_stub_names_the_functions_of_the_face():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    named = [alias.asname for node in imports for alias in node.names]
    assert named == api.__all__ == ast.literal_eval(stub.body[-1].value)


def test_a_change_of_the_face_is_no_change_of_any_stage(tmp_path):
    scripts = Path(shutil.copytree(PACKAGE.parent, tmp_path / "workflow_scripts"))
    code = (
        "from pathlib import Path; from repcompare.study.code_digest import code_digest\n"
        f"for script in sorted(Path({str(scripts)!r}).glob('*.py')):\n"
        "    print(script, code_digest(script, 'repcompare.attacks.adversarial_training'))"
    )

    def digests():
        command, environment = [sys.executable, "-c", code], {"PYTHONPATH": str(scripts)}
        return subprocess.check_output(command, env=environment, encoding="utf-8")

    before = digests()
    for name in FACE:
        with (scripts / "repcompare" / name).open("a", encoding="utf-8") as file:
            file.write("\nCHANGED = True\n")
    assert digests() == before
    with (scripts / "repcompare" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\nCHANGED = True\n")
    assert not set(digests().splitlines()) & set(before.splitlines())


def test_the_examples_in_its_docstrings_are_true():
    found = doctest.testmod(api)
    assert found.attempted > 0
    assert found.failed == 0


def test_the_page_on_the_library_runs_from_top_to_bottom(capsys):
    page = Path(__file__).parents[3] / "docs" / "library.md"
    names = {}
    with torch.random.fork_rng():
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            exec(compile(block, page.name, "exec"), names)
    assert "CKA (debiased)" in capsys.readouterr().out
    assert names["pairs"]["value"].between(0.5, 1).all()
    assert names["predicted"].shape == (300, 48)
    assert names["fooled"].float().mean() > 0.5
