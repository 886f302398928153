"""`make export` of the finished tiny study: every image a file, every pair in the arrays."""

import os
import subprocess
import sys

import pandas as pd
import pytest
import xarray
from workflow.study import MODELS, ROOT

# pgd in two balls, fgsm in one, and noise in both.
CONDITIONS, STARTS, SAMPLES = 5, 2, 20


def export(study, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "repcompare.export", "--configfile", "tiny.yaml", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")}
    return subprocess.run(
        command, cwd=study.folder, env=environment, encoding="utf-8", capture_output=True
    )


@pytest.mark.parametrize("form", ["png", "npy"])
def test_a_finished_study_is_exported_whole(study, form):
    before = study.results()
    done = export(study, "--to", "away", "--format", form)
    assert done.returncode == 0, done.stderr
    assert study.results() == before
    folder, rows = study.folder / "away", {}
    for kind in ("clean", "adversarial", "inversions"):
        index = pd.read_csv(folder / f"{kind}.csv")
        files = {f"{path.relative_to(folder)}" for path in (folder / kind).rglob(f"*.{form}")}
        assert set(index["file"]) == files
        rows[kind] = len(index)
    assert rows == {
        "clean": SAMPLES,
        "adversarial": len(MODELS) * CONDITIONS * SAMPLES,
        "inversions": len(MODELS) * STARTS * SAMPLES,
    }
    transfer = pd.read_csv(study.result("tables/transfer.csv"))
    with xarray.open_dataset(folder / "pairs.nc") as pairs:
        assert {name.split("_")[0] for name in pairs.data_vars} == {
            "maps",
            "geometry",
            "transfer",
            "features",
        }
        assert int(pairs["transfer_fooled"].notnull().sum()) == transfer["fooled"].notna().sum()


def test_a_result_that_is_missing_is_named_with_the_command_that_makes_it(study):
    file = study.result("models/vgg/seed1/features.h5")
    file.unlink()
    done = export(study)
    assert done.returncode == 1
    path = file.relative_to(study.folder)
    assert done.stderr == f"{path}: no such file; make run STUDY=tiny.yaml\n"
    assert not study.result("export").exists()
