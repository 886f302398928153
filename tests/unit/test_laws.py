"""The house rules of the library, each read from its imports."""

import ast
import re
from pathlib import Path

import pytest

from repcompare.study.code_digest import PACKAGE

SCRIPTS = PACKAGE.parent
HEAVY = {"torch", "numpy", "pandas", "scipy", "h5py", "matplotlib"}
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in PACKAGE.rglob("*.py")
}
# The one reader of each kind of file.
READERS = {
    "data/arrays_file",
    "attacks/adversarial_file",
    "data/dataset_file",
    "features/features_file",
    "features/nonrobust_file",
    "representations/activations_file",
    "representations/own_activations",
    "transfer/evaluation_file",
}
SNAKEFILES = [SCRIPTS.parent / "Snakefile", *(SCRIPTS.parent / "rules").glob("*.smk")]
RULES = {
    name
    for path in SNAKEFILES
    for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.M)
} - {"all"}


def imports_of(path, *, at_once=False) -> set[str]:
    """The dotted names that a file imports, wherever in it, or only those when it is imported."""
    tree, found = ast.parse(path.read_bytes()), set()
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages_of(path, **when) -> set[str]:
    """The packages that a file imports from: `torch`, or `repcompare.maps`."""
    names = (name.split(".") for name in imports_of(path, **when))
    return {".".join(name[:2]) if name[0] == "repcompare" else name[0] for name in names}


def in_rooms(*rooms):
    return [path for name, path in MODULES.items() if name.split("/")[0] in rooms]


def closure(path) -> set[Path]:
    """A file and every module of the library that is imported with it."""
    pending, found = [path], set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            names = {
                name.removeprefix("repcompare.").replace(".", "/")
                for name in imports_of(path, at_once=True)
            }
            pending += [MODULES[name] for name in names if name in MODULES]
    return found


def test_only_stages_storage_and_the_reader_of_each_file_open_hdf5():
    openers = {name for name, path in MODULES.items() if "h5py" in packages_of(path)}
    assert {name for name in openers if name.split("/")[0] not in ("stages", "storage")} <= READERS
    assert set(MODULES) >= READERS


@pytest.mark.parametrize(
    "path",
    [
        MODULES["vocabulary"],
        *in_rooms("study"),
        MODULES["architectures/__init__"],
        MODULES["data/catalogue"],
        MODULES["data/raw_files"],
        MODULES["figures/registry"],
        MODULES["planning/resources"],
        MODULES["storage/seals"],
    ],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_what_is_read_while_the_workflow_is_parsed_is_light(path):
    heavy = {found.name: packages_of(found, at_once=True) & HEAVY for found in closure(path)}
    assert not {name: packages for name, packages in heavy.items() if packages}


def test_figures_and_the_report_compute_nothing():
    computing = {
        f"repcompare.{room}"
        for room in ("representations", "geometry", "maps", "statistics", "attacks")
    }
    found = {
        path.relative_to(PACKAGE).as_posix(): packages_of(path) & computing
        for path in in_rooms("figures", "report")
    }
    assert not {name: packages for name, packages in found.items() if packages}


def test_storage_imports_no_other_room():
    found = {
        path.relative_to(PACKAGE).as_posix(): {
            name for name in packages_of(path) if name.startswith("repcompare.")
        }
        for path in in_rooms("storage")
    }
    allowed = {"repcompare.storage", "repcompare.vocabulary", "repcompare.names"}
    assert not {name: packages - allowed for name, packages in found.items() if packages - allowed}


def test_a_rule_its_script_and_its_stage_have_one_name():
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    stages = {path.stem for path in in_rooms("stages")} - {"__init__"}
    assert RULES == scripts == stages


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_hands_what_it_is_given_to_one_function_of_its_stage(script):
    ours = {name for name in imports_of(script) if name.startswith("repcompare")}
    stage = f"repcompare.stages.{script.stem}"
    logs = "repcompare.storage.logs"
    assert ours == {stage, f"{stage}.{script.stem}", logs, f"{logs}.logging_to"}
    assert {name.split(".")[0] for name in imports_of(script)} <= {"json", "repcompare"}


def test_the_library_knows_nothing_of_snakemake():
    assert not [name for name, path in MODULES.items() if "snakemake" in packages_of(path)]


# What a file or a config could make run, and the keyword without which it could.
RUNNING = {
    "eval": None,
    "exec": None,
    "compile": None,
    "pickle.load": None,
    "pickle.loads": None,
    "yaml.load": None,
    "os.system": None,
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
}


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_nothing_that_is_read_is_run(path):
    for call in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(call, ast.Call) and (name := ast.unparse(call.func)) in RUNNING:
            given = {(word.arg, getattr(word.value, "value", None)) for word in call.keywords}
            assert RUNNING[name] in given, f"line {call.lineno}: {ast.unparse(call)}"


def test_no_package_does_anything_when_it_is_imported():
    packages = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    packages.remove(MODULES["architectures/__init__"])
    assert not [path for path in packages if path.read_bytes().strip()]
