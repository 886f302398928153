"""Jobs on one machine get a GPU each, as long as there are enough."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from repcompare.networks.gpu_leases import lease, visible_gpus

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow_scripts"
# A job: it takes a GPU, says which, and holds it until its standard input ends.
JOB = """
import sys
from pathlib import Path
from repcompare.networks.gpu_leases import lease
print(lease(sys.argv[2].split(","), Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def jobs(tmp_path):
    """Start jobs that share a folder of leases; all end with the test."""
    started = []

    def start(names):
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(tmp_path / "leases"), names],
            env={"PYTHONPATH": str(SCRIPTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        started.append(job)
        return job

    yield start
    for job in started:
        job.kill()
        job.wait()
        job.stdout.close()


def taken(job):
    return int(job.stdout.readline())


def test_jobs_at_one_time_take_different_gpus(jobs):
    running = [jobs("0,1,2") for _ in range(3)]
    assert {taken(job) for job in running} == {0, 1, 2}


def test_more_jobs_than_gpus_share_them_evenly(jobs):
    running = [jobs("0,1") for _ in range(4)]
    assert Counter(map(taken, running)) == {0: 2, 1: 2}


def test_a_gpu_is_free_again_when_its_job_ends_however_it_ends(jobs):
    first, second = jobs("0,1"), jobs("0,1")
    held = {taken(first): first, taken(second): second}
    held[1].kill()
    held[1].wait()
    assert taken(jobs("0,1")) == 1
    held[0].communicate()
    assert taken(jobs("0,1")) == 0


def test_a_gpu_is_the_same_one_under_whatever_number_a_job_sees_it(jobs):
    """CUDA numbers what is visible from 0."""
    assert taken(jobs("0,1")) == 0
    assert taken(jobs("3,0")) == 0
    assert taken(jobs("0,3,1")) == 2


@pytest.mark.parametrize(
    ("variable", "count", "names"),
    [
        (None, 2, ["0", "1"]),
        ("3", 1, ["3"]),
        ("2, 5", 2, ["2", "5"]),
        ("GPU-8f2a", 1, ["GPU-8f2a"]),
    ],
)
def test_what_the_scheduler_leaves_visible_is_what_there_is(monkeypatch, variable, count, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus(count) == names


def test_one_process_that_asks_again_is_another_user(tmp_path):
    assert [lease(["0", "1"], tmp_path) for _ in range(3)] == [0, 1, 0]
