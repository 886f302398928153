"""A tiny study, run once for real, and a copy of it for each test to change."""

import fcntl
import shutil
from pathlib import Path

import pytest
from workflow.study import ALL_RULES, ROOT, WORKFLOW, Study, copy, jobs

# What `make test` runs of this folder; the rest is for `make test-all`.
QUICK = {"test_environment", "test_rules", "test_tiny_study"}


def pytest_collection_modifyitems(items):
    """Mark what calls Snakemake again and again."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def workflow(tmp_path_factory) -> Study:
    """The workflow and the tiny config, nothing computed yet; not to be changed."""
    folder = tmp_path_factory.mktemp("workflow")
    for name in WORKFLOW:
        if (ROOT / name).is_dir():
            copy(ROOT / name, folder / name)
        else:
            shutil.copy2(ROOT / name, folder / name)
    shutil.copy2(ROOT / "tests" / "configs" / "tiny.yaml", folder / "tiny.yaml")
    return Study(folder)


@pytest.fixture(scope="session")
def finished(workflow, tmp_path_factory, worker_id) -> Study:
    """The tiny study after its one real run, which all processes share; not to be changed."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder if worker_id == "master" else folder.parent) / "finished"
    folder.mkdir(exist_ok=True)
    study = Study(folder / "study")
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            copy(workflow.folder, study.folder)
            assert study.run().jobs == jobs(*ALL_RULES)
            (folder / "complete").touch()
    return study


@pytest.fixture
def study(finished, tmp_path) -> Study:
    """A copy of the finished study, to change."""
    copy(finished.folder, tmp_path / "study")
    return Study(tmp_path / "study")


@pytest.fixture
def new_study(workflow, tmp_path) -> Study:
    """A copy of the workflow without results, to change."""
    copy(workflow.folder, tmp_path / "new")
    return Study(tmp_path / "new")
