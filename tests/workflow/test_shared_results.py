"""Two users with a clone each call Snakemake on one folder, which holds results and metadata."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from workflow.study import BLOCK_RULES, GALLERY, MODEL_RULES, REPORT, Study, copy, jobs, onwards

PATIENCE = 120
GROUP = 61000
SMALL = {"factory": "resnet", "kwargs": {"blocks": [1], "width": 2}}


def as_user(uid, group):
    """What goes before a command to run it as a user of a group whose files the group may write."""
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={group}"]
    return [*user, "sh", "-c", 'umask 002; exec "$0" "$@"']


def may_become_another_user() -> bool:
    """Whether this process can run its Python as somebody else."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    command = [*as_user(GROUP + 1, GROUP), sys.executable, "-c", "import snakemake"]
    return subprocess.run(command, cwd="/", capture_output=True).returncode == 0


def clone(workflow, folder) -> Study:
    """A clone of the workflow, every file of which is newer than the results."""
    copy(workflow.folder, folder)
    for file in folder.rglob("*"):
        os.utime(file)
    return Study(folder)


def share(finished, folder) -> None:
    """Lay out a shared folder as a first user's run with --directory leaves it."""
    for name in ("results", ".snakemake/metadata"):
        copy(finished.folder / name, folder / name)


@pytest.fixture
def shared(finished, tmp_path) -> Path:
    share(finished, tmp_path / "shared")
    return tmp_path / "shared"


@pytest.fixture
def second(workflow, tmp_path) -> Study:
    return clone(workflow, tmp_path / "second")


def test_a_second_user_has_nothing_to_run(second, shared):
    assert second.due("--directory", str(shared)) == set()


def test_an_architecture_of_the_second_user_runs_its_models_its_blocks_and_the_report(
    second, shared
):
    second.set(architectures__small=SMALL)
    assert second.due("--directory", str(shared)) == jobs(
        *MODEL_RULES,
        *BLOCK_RULES,
        *GALLERY,
        *REPORT,
        models=[("small", 0), ("small", 1)],
        blocks=[("resnet", "small"), ("small", "small"), ("small", "vgg")],
    )


def test_a_setting_of_the_second_user_reruns_its_stage(second, shared):
    second.set(attack__steps=4)
    assert second.due("--directory", str(shared)) == onwards("attack")


def test_every_result_has_the_permissions_of_a_new_file(finished, tmp_path):
    new = tmp_path / "new"
    new.touch()
    others = [file for file in finished.results() if file.stat().st_mode != new.stat().st_mode]
    assert others == []


def test_results_shared_without_their_metadata_hide_a_changed_setting(second, shared):
    (second.folder / "results").symlink_to(shared / "results")
    second.set(attack__steps=4)
    assert second.due() == set()


def test_a_second_run_is_refused_while_one_is_under_way(workflow, second, shared, tmp_path):
    first = clone(workflow, tmp_path / "first")
    first.edit(
        "workflow_scripts/write_report.py",
        lambda text: (
            "import pathlib, time\n"
            "while not pathlib.Path('go').exists():\n    time.sleep(0.1)\n" + text
        ),
    )
    directory = ("--directory", str(shared))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "tiny.yaml"]
    with (first.folder / "run.log").open("w", encoding="utf-8") as log:
        running = subprocess.Popen([*command, *directory], cwd=first.folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not list(shared.glob(".snakemake/running/tiny.run")):
            assert running.poll() is None, (first.folder / "run.log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second.set(report__title="Another title")
        refused = [second.call(*directory)]
        assert second.due(*directory) == jobs("write_report")
        # Another study in the folder is none of its business, though Snakemake unlocks all at its end.
        other = clone(workflow, tmp_path / "other")
        other.set(study="other")
        assert other.run(*directory, "results/other/data/dataset.h5").jobs == jobs("prepare_data")
        assert not list(shared.glob(".snakemake/locks/*"))
        refused.append(second.call(*directory))
    finally:
        (shared / "go").touch()
    for outcome in refused:
        assert outcome.returncode != 0
        assert outcome.jobs == set()
        assert f"results/tiny is being made by process {running.pid} of " in outcome.text
    assert "Directory cannot be locked" in refused[0].text
    assert running.wait(PATIENCE) == 0
    assert second.run(*directory).jobs == jobs("write_report")


@pytest.fixture
def users(workflow, finished):
    """Two users of one group, each with a clone, and a folder of the group with a first study."""
    # Not tmp_path, which only the user who runs the tests may enter.
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        shared = folder / "shared"
        share(finished, shared)
        studies = []
        for uid in (GROUP + 1, GROUP + 2):
            study = clone(workflow, folder / str(uid))
            subprocess.run(["chown", "-R", f"{uid}:{uid}", study.folder], check=True)
            studies.append(study)
        # As a first run with umask 002 leaves a folder with the setgid bit.
        subprocess.run(["chown", "-R", f"{GROUP + 1}:{GROUP}", shared], check=True)
        subprocess.run(["chmod", "-R", "u=rwX,g=rwX,o=rX", shared], check=True)
        subprocess.run(
            ["find", shared, "-type", "d", "-exec", "chmod", "g+s", "{}", "+"], check=True
        )

        def call(number, *arguments):
            study = studies[number]
            home = {"HOME": str(study.folder), "XDG_CACHE_HOME": str(study.folder / "cache")}
            # These users are in no list of users, so nothing but the environment names them.
            home["LOGNAME"] = f"user{number}"
            return study.call(
                "--directory",
                str(shared),
                *arguments,
                environment=os.environ | home,
                wrapper=as_user(GROUP + 1 + number, GROUP),
            )

        yield studies, call, shared


@pytest.mark.skipif(not may_become_another_user(), reason="needs root, setpriv and a public Python")
def test_two_users_of_a_group_replace_and_use_each_others_files(users):
    (first, second), call, shared = users
    page = shared / "results/tiny/report.html"
    for number, title in ((1, "Of the second"), (0, "Of the first")):
        (first, second)[number].set(report__title=title)
        outcome = call(number)
        assert outcome.returncode == 0, outcome.text
        assert outcome.jobs == jobs("write_report")
        assert page.stat().st_uid == GROUP + 1 + number
        assert title in page.read_text(encoding="utf-8")

    folder = "results/tiny/models/small/seed0"
    for study in (first, second):
        study.set(architectures__small=SMALL)
    outcome = call(1, f"{folder}/weights.safetensors")
    assert outcome.returncode == 0, outcome.text
    assert outcome.jobs == {"train small 0"}
    outcome = call(0, f"{folder}/activations.h5")
    assert outcome.returncode == 0, outcome.text
    assert outcome.jobs == {"dump_activations small 0"}
