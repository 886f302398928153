"""A study on a Slurm cluster: a real one, of four nodes on this machine."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from workflow import slurm_cluster
from workflow.study import (
    ALL_RULES,
    BLOCK_RULES,
    GALLERY,
    MODEL_RULES,
    REPORT,
    Study,
    copy,
    jobs,
    of,
)

pytestmark = pytest.mark.skipif(
    slurm_cluster.why_not() is not None, reason=str(slurm_cluster.why_not())
)

GPU_RULES = ("train", "dump_activations", "attack", "extract_features", "evaluate")

# What the trainings of the troubled study do besides. Memory is sampled once a second.
TROUBLE = """
    if (architecture, seed) == ("hungry", 0):
        ballast = bytes(range(256)) * 6_000_000
        time.sleep(4)
        del ballast
    if (architecture, seed) == ("stranded", 0) and not Path("stranded").exists():
        Path("stranded").touch()
        time.sleep(600)
"""
MEMORY = 1500


@pytest.fixture(scope="module")
def cluster():
    with slurm_cluster.slurm_cluster() as cluster:
        yield cluster


def call(study, cluster, partition, *arguments):
    """Call Snakemake with the profile, and with what a site says on the command line."""
    return study.call(
        *("--profile", "profiles/slurm"),
        *("--default-resources", f"slurm_partition={partition}"),
        "--slurm-no-account",
        # There is no database of past jobs to ask, and a job takes seconds.
        *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
        *arguments,
        environment=cluster.environment,
    )


def submitted(cluster, partition, after=0):
    """What Slurm says of a partition's jobs, but for the first `after` jobs, by their names here."""
    found = {}
    for job in cluster.jobs():
        if job["Partition"] == partition and int(job["JobId"]) > after:
            name = job["Comment"].removeprefix("rule_")
            rule, _, wildcards = name.partition("_wildcards_")
            found.setdefault(" ".join([rule, *wildcards.split("_")]).strip(), []).append(job)
    return found


@pytest.fixture(scope="module")
def trouble(cluster, workflow, tmp_path_factory):
    """A study in trouble, under way on nodes of its own: most of its time it waits.

    Three trainings: one needs more memory, one cannot succeed, and one loses its node.
    """
    study = Study(tmp_path_factory.mktemp("troubled") / "study")
    copy(workflow.folder, study.folder)
    vgg = study.config["architectures"]["vgg"]
    refused = {**vgg, "training": {"minimum_accuracy": 0.99}}
    study.set(
        seeds=[0],
        architectures={"stranded": vgg, "hungry": vgg, "refused": refused},
        geometry__layer_pairs=[],
    )
    study.edit(
        "workflow_scripts/repcompare/planning/resources.py",
        lambda text: text.replace('"train": (4000,', f'"train": ({MEMORY},'),
    )
    start = "    spec = Spec.of(settings, prepared_device(device, threads))\n"
    study.edit(
        "workflow_scripts/repcompare/stages/train.py",
        lambda text: text.replace(start, TROUBLE + start).replace(
            "import json", "import json\nimport time"
        ),
    )
    targets = [
        f"results/tiny/models/{name}/seed0/record.json" for name in study.config["architectures"]
    ]

    def strand():
        slurm_cluster.wait_until((study.folder / "stranded").exists, cluster.logs)
        (job,) = submitted(cluster, "spare")["train stranded 0"]
        cluster.stop_node(job["NodeList"])
        return job

    with ThreadPoolExecutor() as pool:
        yield study, pool.submit(call, study, cluster, "spare", *targets), pool.submit(strand)


@pytest.fixture(scope="module")
def troubled(cluster, trouble):
    """The study in trouble at its end, and the job that lost its node as it was before."""
    study, running, stranding = trouble
    job, outcome = stranding.result(), running.result()
    return study, outcome, submitted(cluster, "spare"), job


@pytest.fixture(scope="module")
def one_architecture(cluster, workflow, trouble, tmp_path_factory):
    """A study of one architecture and its run on the cluster; not to be changed."""
    study = Study(tmp_path_factory.mktemp("cluster") / "study")
    copy(workflow.folder, study.folder)
    study.set(architectures={"vgg": study.config["architectures"]["vgg"]})
    outcome = call(study, cluster, "main")
    assert outcome.returncode == 0, outcome.text
    return study, outcome, submitted(cluster, "main")


@pytest.fixture(scope="module")
def two_architectures(cluster, workflow, one_architecture):
    """The same study after an architecture has been added, and that run."""
    study, *_ = one_architecture
    before = max(int(job["JobId"]) for job in cluster.jobs())
    study.write_config(workflow.config)
    outcome = call(study, cluster, "main")
    assert outcome.returncode == 0, outcome.text
    return study, outcome, submitted(cluster, "main", after=before)


def test_a_study_runs_to_its_report(one_architecture):
    study, outcome, on_the_cluster = one_architecture
    vgg = {"models": of("vgg")["models"], "blocks": [("vgg", "vgg")]}
    assert outcome.jobs == on_the_cluster.keys() == jobs(*ALL_RULES, **vgg)
    assert study.result("report.html").exists()


def test_an_architecture_that_is_added_is_all_that_is_submitted(two_architectures):
    study, outcome, on_the_cluster = two_architectures
    own = jobs(*MODEL_RULES, *BLOCK_RULES, **of("resnet"))
    assert outcome.jobs == on_the_cluster.keys() == own | jobs(*GALLERY, *REPORT)
    assert study.due() == set()


def test_the_results_are_those_of_a_local_run_byte_for_byte(two_architectures, finished):
    study, *_ = two_architectures

    def contents(study):
        files = [
            file
            for kind in ("csv", "h5", "json", "safetensors", "svg")
            for file in study.result(".").rglob(f"*.{kind}")
        ]
        return {file.relative_to(study.folder): file.read_bytes() for file in files}

    there, here = contents(study), contents(finished)
    assert there.keys() == here.keys()
    assert [file for file in here if there[file] != here[file]] == []


def test_networks_have_a_gpu_each_and_the_other_jobs_none(two_architectures):
    _, _, on_the_cluster = two_architectures
    for name, (job,) in on_the_cluster.items():
        gpus = "gres:gpu:1" if name.split()[0] in GPU_RULES else None
        assert job.get("TresPerJob") == gpus, name


def test_a_machines_limit_on_gpus_is_no_limit_on_a_cluster(two_architectures):
    _, _, on_the_cluster = two_architectures
    trainings = [job for name, (job,) in on_the_cluster.items() if name.startswith("train ")]
    assert {job["NodeList"] for job in trainings} == {"n1", "n2"}
    assert max(job["StartTime"] for job in trainings) < min(job["EndTime"] for job in trainings)


def test_a_job_that_fails_is_tried_twice_and_reported(troubled):
    study, outcome, on_the_cluster, _ = troubled
    assert outcome.returncode != 0
    assert [job["JobState"] for job in on_the_cluster["train refused 0"]] == ["FAILED"] * 2
    assert "results/tiny/logs/train/refused/seed0.log" in outcome.text
    log = study.result("logs/train/refused/seed0.log").read_text(encoding="utf-8")
    assert "is below training.minimum_accuracy 0.99" in log
    assert not study.result("models/refused/seed0/record.json").exists()


def test_a_job_killed_for_memory_is_tried_again_with_twice_as_much(troubled):
    study, _, on_the_cluster, _ = troubled
    first, second = on_the_cluster["train hungry 0"]
    assert [job["MinMemoryNode"] for job in (first, second)] == [f"{MEMORY}M", f"{2 * MEMORY}M"]
    assert first["JobState"] != "COMPLETED"
    assert second["JobState"] == "COMPLETED"
    assert study.result("models/hungry/seed0/record.json").exists()


def test_a_job_that_lost_its_node_runs_on_another(troubled):
    study, outcome, on_the_cluster, before = troubled
    (after,) = on_the_cluster["train stranded 0"]
    assert after["Restarts"] == "1"
    assert after["NodeList"] != before["NodeList"]
    assert study.result("models/stranded/seed0/record.json").exists()
    assert "train stranded 0" not in outcome.failed
