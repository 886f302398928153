"""The digest of a stage's code changes with what the code does, and with nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the scripts and the library, to edit."""
    return Path(shutil.copytree(SCRIPTS, tmp_path / "workflow_scripts"))


def digest(scripts: Path, script: str, *modules: str) -> str:
    code = (
        "import sys; from pathlib import Path; from repcompare.code_digest import code_digest;"
        "print(code_digest(Path(sys.argv[1]), *sys.argv[2:]))"
    )
    command = [sys.executable, "-c", code, str(scripts / script), *modules]
    return subprocess.run(
        command, env={"PYTHONPATH": str(scripts)}, check=True, capture_output=True, text=True
    ).stdout


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comments_blank_lines_docstrings_and_place_do_not_count(copy):
    before = digest(SCRIPTS, "train.py")
    library = copy / "repcompare"
    begin = "        network.train()\n"
    edit(library / "training.py", begin, f"        # A comment.\n\n{begin}")
    edit(library / "training.py", "Train `network` in place", "Another docstring")
    edit(library / "training.py", '"""Training one network', '"""Another docstring')
    assert digest(copy, "train.py") == before


def test_a_statement_changes_the_scripts_that_import_it_and_no_other(copy):
    scripts = ["train.py", "dump_activations.py", "attack.py", "compare.py", "summarise.py"]
    before = {script: digest(copy, script) for script in scripts}
    edit(copy / "repcompare" / "threat_models.py", "NORM_TOLERANCE = 1e-6", "NORM_TOLERANCE = 2e-6")
    changed = {script for script in scripts if digest(copy, script) != before[script]}
    assert changed == {"attack.py"}


def test_an_import_of_an_import_counts(copy):
    before = digest(copy, "compare.py")
    edit(copy / "repcompare" / "factorisation.py", "CUTOFF = ", "CUTOFF = 2 * ")
    assert digest(copy, "compare.py") != before


def test_an_import_inside_a_function_counts(copy):
    module = copy / "repcompare" / "blocks.py"
    edit(module, "    crossed = ", "    import repcompare.logs\n\n    crossed = ")
    before = digest(copy, "compare.py")
    edit(copy / "repcompare" / "logs.py", "logging.INFO", "logging.DEBUG")
    assert digest(copy, "compare.py") != before


def test_a_family_of_architectures_counts_for_itself_alone(copy):
    modules = [f"repcompare.architectures.{name}" for name in ("vgg", "resnet")]
    before = [digest(copy, "train.py", module) for module in modules]
    vgg = copy / "repcompare" / "architectures" / "vgg.py"
    vgg.write_text(vgg.read_text() + "\nCHANGED = True\n")
    after = [digest(copy, "train.py", module) for module in modules]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_an_unknown_module_is_refused(copy):
    with pytest.raises(subprocess.CalledProcessError) as error:
        digest(copy, "train.py", "repcompare.architectures.alexnet")
    assert "no module repcompare.architectures.alexnet" in error.value.stderr
