"""A call of Snakemake knows whether another lives, and only then are locks left as they are."""

import os
import re
import signal
import subprocess
import sys

import pytest

from repcompare.study.running import BusyError, Call

CALL = """
import sys
from pathlib import Path
from repcompare.study.running import Call

call = Call(sys.argv[1], Path(sys.argv[2]))
if sys.argv[3] == "run":
    call.start()
print(call.message, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def call(tmp_path):
    """A function: a process that has read a workflow, or runs its jobs as well."""
    processes = []

    def begin(study, does="run"):
        command = [sys.executable, "-c", CALL, study, str(tmp_path), does]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, env=environment, encoding="utf-8", **pipes)
        process.message = process.stdout.readline().strip()
        processes.append(process)
        return process

    yield begin
    for process in processes:
        killed(process)


def killed(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def lock(tmp_path, name, *files):
    """A lock of Snakemake's on files."""
    path = tmp_path / "locks" / f"{name}.lock"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    return path


def test_locks_of_a_call_that_was_killed_are_removed_by_the_next(tmp_path, call):
    killed(call("one"))
    stale = [
        lock(tmp_path, "0.input", "raw.gz", "results/one/data/dataset.h5"),
        lock(tmp_path, "0.output", "results/one/data/dataset.h5", "results/one/report.html"),
        lock(tmp_path, "1.output", "/shared/storage/results/one/report.html"),
    ]
    others = [lock(tmp_path, "2.output", "results/one_more/a"), lock(tmp_path, "3.input", "raw.gz")]
    assert call("one").message == ""
    assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("does", ["read", "run"])
def test_locks_are_left_alone_as_long_as_any_call_lives(tmp_path, call, does):
    first = call("one", does)
    held = lock(tmp_path, "0.output", "results/one/report.html")
    second = call("one", "read")
    assert held.exists()
    expected = f"process {first.pid}" if does == "run" else "a dry run, say; until it ends locks"
    assert expected in second.message
    killed(first)
    third = call("one", "read")
    assert held.exists()
    killed(second)
    killed(third)
    call("one", "read")
    assert not held.exists()


def test_a_lock_of_a_call_that_reads_another_studys_results_is_its_own(tmp_path, call):
    killed(call("one"))
    reader = call("two")
    read = lock(tmp_path, "0.input", "results/one/models/a/seed0/weights", "results/two/data/d.h5")
    killed(call("one", "read"))
    assert read.exists()
    killed(reader)
    call("one", "read")
    assert not read.exists()


def test_a_second_call_is_told_who_runs_the_study_since_when_and_may_not_start(tmp_path, call):
    first = call("one")
    message = (
        rf"results/one is being made by process {first.pid} of \S+ on \S+, since \d{{4}}-.+:\d\d"
    )
    second = Call("one", tmp_path)
    assert re.fullmatch(message, second.message)
    with pytest.raises(BusyError, match=message):
        second.start()
    other = Call("two", tmp_path)
    assert other.message == ""
    other.start()
    killed(first)
    second.start()


def test_locks_that_another_machine_left_are_for_the_user_to_judge(tmp_path, call):
    first = call("one")
    killed(first)
    record = tmp_path / "running" / "one.run"
    text = record.read_text(encoding="utf-8")
    text = re.sub('"host": "[^"]*", "boot": "[^"]*"', '"host": "elsewhere", "boot": "x"', text)
    record.write_text(text, encoding="utf-8")
    held = lock(tmp_path, "0.output", "results/one/report.html")
    second = call("one", "read")
    message = second.message
    assert f"process {first.pid}" in message
    assert "on elsewhere" in message
    assert held.exists()
    record.unlink()
    killed(second)
    call("one", "read")
    assert not held.exists()
