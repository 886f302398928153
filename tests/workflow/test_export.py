"""`make export` of the finished tiny study: every image a file, every pair in the arrays."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray
from workflow.study import ALL_RULES, MODELS, ROOT, jobs

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


def test_a_study_whose_images_are_not_rounded_runs_to_its_page_and_is_exported_as_arrays(new_study):
    new_study.set(attack__quantise=False, attack__epsilons={"linf": ["0.5/255", "32/255"]})
    assert new_study.run().jobs == jobs(*ALL_RULES)
    refused = export(new_study)
    assert refused.returncode == 1
    assert refused.stderr.startswith("--format: png, but it would round the images")
    assert export(new_study, "--format", "npy").returncode == 0
    folder = new_study.result("export/adversarial/vgg-seed0")
    clean = np.load(new_study.result("export/clean/clean.npy")) / 255
    images = np.load(folder / "vgg-seed0_pgd-linf-0.5_255.npy")
    assert images.dtype == np.float32
    assert np.abs(images - clean).max() == pytest.approx(0.5 / 255, rel=1e-4)
