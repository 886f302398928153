"""Another workflow uses this one as a module, from a folder or from a repository."""

import json
import os
import shutil
import subprocess

import pytest
import yaml
from workflow.study import ALL_RULES, ROOT, WORKFLOW, Study, copy, jobs

TARGET = """
rule mine:
    output:
        touch("mine.txt"),
"""
NAMED = {f"study_{job}" for job in (*jobs(*ALL_RULES), "all")}
DATED = "2020-01-01T00:00:00+0000"


def copy_workflow(workflow, folder) -> None:
    """All that is read of the workflow, to another folder."""
    folder.mkdir(exist_ok=True)
    for name in WORKFLOW:
        if (workflow.folder / name).is_dir():
            copy(workflow.folder / name, folder / name)
        else:
            shutil.copy2(workflow.folder / name, folder / name)


@pytest.fixture(scope="module")
def repository(workflow, tmp_path_factory):
    """A repository of the workflow, of one commit of long ago."""
    folder = tmp_path_factory.mktemp("repository") / "repcompare"
    copy_workflow(workflow, folder)
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    environment = {**os.environ, "GIT_AUTHOR_DATE": DATED, "GIT_COMMITTER_DATE": DATED}
    for command in (["init"], ["add", "."], [*author, "commit", "-m", "all"], ["tag", "v1"]):
        subprocess.run(["git", "-C", folder, *command], check=True, env=environment)
    return folder


@pytest.fixture(scope="module")
def hosted(repository, tmp_path_factory):
    """An environment in which Snakemake has cloned the repository from GitHub already."""
    cache = tmp_path_factory.mktemp("cache")
    clone = cache / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/lab/repcompare"
    subprocess.run(["git", "clone", "--bare", repository, clone], check=True)
    return {**os.environ, "XDG_CACHE_HOME": str(cache)}


@pytest.fixture(params=["folder", "gitfile", "github"])
def module(request, workflow):
    """How another workflow names this one, and the environment in which it does."""
    if request.param == "folder":
        return repr(str(workflow.folder / "Snakefile")), None
    # As snakedeploy writes it.
    place = 'path="workflow/Snakefile", tag="v1"'
    if request.param == "gitfile":
        return f'gitfile("{request.getfixturevalue("repository")}", {place})', None
    return f'github("lab/repcompare", {place})', request.getfixturevalue("hosted")


@pytest.fixture
def snakefile(workflow):
    """How another workflow names this one in its folder."""
    return repr(str(workflow.folder / "Snakefile"))


class Outer(Study):
    """Another workflow, with the tiny study as a part of its config."""

    def call(self, *arguments, environment=None, **options):
        """Call Snakemake with the workflow's own config."""
        return super().call(*arguments, configfile=None, environment=environment)

    def write(self, *parts, study) -> None:
        """Write its Snakefile and its config, in which `repcompare` is the study's."""
        (self.folder / "Snakefile").write_text(
            "\n".join(['configfile: "config.yaml"\n', *parts]), encoding="utf-8"
        )
        config = yaml.safe_dump({"repcompare": study, "threshold": 0.5})
        (self.folder / "config.yaml").write_text(config, encoding="utf-8")


@pytest.fixture
def outer(tmp_path) -> Outer:
    """An empty folder for another workflow."""
    return Outer(tmp_path)


def module_of(snakefile, name="study", config='config["repcompare"]', prefix="") -> str:
    """What uses all rules of a module, each under the module's name and its own."""
    lines = [
        f"module {name}:",
        f"    snakefile: {snakefile}",
        f"    config: {config}",
        f"    prefix: {prefix!r}",
        f"use rule * from {name} as {name}_*",
    ]
    return "\n".join(lines if prefix else [line for line in lines if "prefix" not in line])


def with_results(finished, outer):
    """The results of the tiny study, as it ran alone, with what Snakemake knows of them."""
    copy(finished.folder / "results", outer.folder / "results")
    copy(finished.folder / ".snakemake" / "metadata", outer.folder / ".snakemake" / "metadata")


def test_its_jobs_run_under_other_names_in_the_folder_of_the_other_workflow(
    workflow, outer, module
):
    snakefile, environment = module
    outer.write(module_of(snakefile), study=workflow.config)
    planned = outer.call("--dry-run", "study_all", environment=environment)
    assert planned.jobs == NAMED, planned.text
    path = "models/vgg/seed0/activations.h5"
    ran = outer.call(f"results/tiny/{path}", environment=environment)
    assert ran.jobs == {
        "study_prepare_data",
        "study_train vgg 0",
        "study_dump_activations vgg 0",
    }, ran.text
    assert outer.result(path).stat().st_size > 0
    assert not workflow.result(".").exists()


def test_results_of_the_workflow_alone_stand(workflow, finished, outer, module):
    snakefile, environment = module
    outer.write(module_of(snakefile), study=workflow.config)
    with_results(finished, outer)
    planned = outer.call("--dry-run", "study_all", environment=environment)
    assert planned.jobs == set(), planned.text
    assert planned.returncode == 0


def test_snakemakes_report_has_the_figures_beside_a_config_that_is_not_the_studys(
    workflow, finished, outer, snakefile
):
    outer.write(module_of(snakefile), study=workflow.config)
    with_results(finished, outer)
    outer.run("--report", "report.html", "study_all")
    text = (outer.folder / "report.html").read_text(encoding="utf-8")
    assert "results/tiny/figures/similarity.svg" in text


def test_a_target_of_the_other_workflow_stays_what_it_was(workflow, outer, snakefile):
    outer.write(TARGET, module_of(snakefile), study=workflow.config)
    assert outer.due() == {"mine"}


@pytest.mark.parametrize("name", ["Snakefile", "workflow/Snakefile"])
def test_without_another_target_the_whole_study_is_asked_for(workflow, outer, name):
    outer.write(module_of(repr(str(workflow.folder / name))), TARGET, study=workflow.config)
    assert outer.due() == NAMED


def test_a_prefix_moves_the_results_but_not_what_they_are_made_from(workflow, outer, snakefile):
    study = workflow.config
    existing = {**study["architectures"]["vgg"], "weights": "mine.safetensors", "seeds": [0]}
    study["architectures"]["existing"] = existing
    outer.write(module_of(snakefile, prefix="sub"), study=study)
    (outer.folder / "mine.safetensors").touch()
    record = outer.folder / "sub/results/tiny/models/vgg/seed0/record.json"
    record.parent.mkdir(parents=True)

    def asked(planned):
        return next(
            job["resources"]["mem_mb"]
            for job in planned.records
            if job["rule"] == "study_compare" and set(job["wildcards"].values()) == {"vgg"}
        )

    planned = outer.call("--dry-run", "study_all")
    # Where a network is not found, Snakemake would train one in its place.
    assert "study_import_model existing 0" in planned.jobs
    network = {"representation_width": 8192, "parameters": 9_000_000}
    record.write_text(json.dumps(network), encoding="utf-8")
    assert asked(outer.call("--dry-run", "study_all")) > asked(planned)
    outer.run("sub/results/tiny/data/dataset.h5")
    assert not outer.result("data").exists()


def test_two_studies_are_modules_of_one_workflow(workflow, outer, snakefile):
    again = """config["repcompare"] | {"study": "again"}"""
    parts = module_of(snakefile), module_of(snakefile, name="second", config=again)
    outer.write(*parts, study=workflow.config)
    planned = outer.call("--dry-run", "study_all", "second_all")
    assert planned.jobs == NAMED | {name.replace("study", "second") for name in NAMED}


def test_two_versions_in_one_workflow_are_refused(workflow, repository, outer, snakefile):
    other = repr(str(repository / "Snakefile"))
    parts = module_of(snakefile), module_of(other, name="second")
    outer.write(*parts, study=workflow.config)
    refused = outer.call("--dry-run", "study_all")
    assert refused.returncode == 1
    assert (
        f"repcompare is used from {repository} and from {workflow.folder}; allowed: one of them"
        in refused.text
    )


def test_a_mistake_in_its_part_of_the_config_is_one_line(workflow, outer, snakefile):
    study = workflow.config
    study["attack"]["steps"] = 0
    outer.write(module_of(snakefile), study=study)
    refused = outer.call("--dry-run", "study_all")
    assert refused.returncode == 1
    assert "The config cannot be run:\nattack.steps: " in refused.text


def test_the_catalog_of_workflows_can_draw_its_rules(workflow, outer):
    copy_workflow(workflow, outer.folder)
    shutil.copytree(ROOT / ".test", outer.folder / ".test")
    drawn = outer.call("-s", "workflow/Snakefile", "-d", ".test", "--forceall", "--rulegraph")
    assert drawn.returncode == 0, drawn.text
    labels = {line.split('"')[1] for line in drawn.text.splitlines() if "label =" in line}
    assert labels == {*ALL_RULES, "all"}
