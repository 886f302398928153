"""A study whose results lie in a storage: Snakemake's fs plugin stands for any."""

import shutil

import pytest
from workflow.study import ALL_RULES, Study, copy, jobs, of, onwards

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="the plugin needs rsync")


@pytest.fixture(scope="module")
def stored(workflow, tmp_path_factory):
    """The study of one architecture after a run with its results in storage, and that storage."""
    study = Study(tmp_path_factory.mktemp("stored") / "study")
    copy(workflow.folder, study.folder)
    study.set(architectures={"vgg": study.config["architectures"]["vgg"]})
    storage = study.folder.parent / "storage"
    options = ("--default-storage-provider", "fs", "--default-storage-prefix", str(storage))
    assert study.run(*options).jobs == jobs(*ALL_RULES, **of_vgg())
    return study, storage / "results" / "tiny", options


def of_vgg():
    """The models and the block of the study of one architecture."""
    return {"models": of("vgg")["models"], "blocks": [("vgg", "vgg")]}


def test_results_and_logs_are_in_the_storage_and_not_in_the_working_directory(stored):
    study, results, _ = stored
    for path in (
        "report.html",
        "tables/pairs.csv",
        "figures/similarity.svg",
        "models/vgg/seed0/weights.safetensors",
        "blocks/vgg--vgg/evaluation.h5",
        "logs/train/vgg/seed0.log",
    ):
        assert (results / path).stat().st_size > 0
        assert not study.result(path).exists()


def test_the_report_shows_what_the_stages_cost_from_benchmarks_that_stay_local(stored):
    study, results, _ = stored
    assert study.result("benchmarks/train/vgg/seed0.tsv").exists()
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "No benchmark files were given" not in page


def test_a_second_call_runs_nothing(stored):
    study, _, options = stored
    assert study.due(*options) == set()


def test_a_setting_reruns_its_stage_and_what_follows(stored):
    study, _, options = stored
    config = study.config
    study.set(attack__steps=4)
    try:
        assert study.due(*options) == onwards("attack", **of_vgg())
    finally:
        study.write_config(config)


def test_a_file_deleted_from_the_storage_is_made_again(stored):
    study, results, options = stored
    table = results / "tables/findings.csv"
    content = table.rename(results / "findings.csv.aside")
    try:
        assert study.due(*options) == onwards("judge_findings", **of_vgg())
    finally:
        content.rename(table)
