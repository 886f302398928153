"""A job that is asked to end cleans up, and one that was killed leaves nothing that stays."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from repcompare.storage.files import ABANDONED_SECONDS, replacing
from repcompare.storage.interruptions import SIGNALS, Interrupted, interruptible, postponed, whole
from repcompare.storage.logs import logging_to

HOST = socket.gethostname()
WRITER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from repcompare.storage.files import replacing
from repcompare.storage.logs import logging_to

with logging_to("log"), replacing("result") as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def signals_as_in_the_foreground():
    """Who runs the tests in the background or under nohup has SIGINT or SIGHUP ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def writer(folder):
    """A process in the midst of writing `result`."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=folder, stdout=subprocess.PIPE, env=paths()
    )
    assert process.stdout.readline() == b"writing\n"
    return process


def paths():
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def partial_files(folder):
    return [file.name for file in folder.iterdir() if file.name.endswith(".partial")]


def gone():
    """The id of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_job_with_its_status_a_line_in_the_log_and_no_partial_file(
    tmp_path, number
):
    process = writer(tmp_path)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert partial_files(tmp_path) == []
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert log[-1].endswith(f"ERROR ended by {number.name}")


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_the_file(tmp_path):
    process = writer(tmp_path)
    process.kill()
    process.wait()
    assert partial_files(tmp_path) == [f".result.{process.pid}@{HOST}.partial"]
    with replacing(tmp_path / "other") as temporary:
        assert len(partial_files(tmp_path)) == 1
        temporary.touch()
    with replacing(tmp_path / "result") as temporary:
        temporary.write_text("whole", encoding="utf-8")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "other", "result"]


def test_a_partial_file_of_a_process_that_lives_is_left_alone(tmp_path):
    process = writer(tmp_path)
    with replacing(tmp_path / "result") as temporary:
        temporary.touch()
        assert len(partial_files(tmp_path)) == 2
    assert partial_files(tmp_path) == [f".result.{process.pid}@{HOST}.partial"]
    process.kill()
    process.wait()


@pytest.mark.parametrize("writer", ["{gone}@elsewhere", "{gone}"])
def test_a_partial_file_of_another_machine_is_removed_when_it_is_old(tmp_path, writer):
    file = tmp_path / f".result.{writer.format(gone=gone())}.partial"
    for age, stays in ((ABANDONED_SECONDS / 2, True), (ABANDONED_SECONDS + 1, False)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
        with replacing(tmp_path / "result") as temporary:
            temporary.touch()
        assert file.exists() == stays


def test_a_partial_file_of_a_file_whose_name_goes_on_is_left_alone(tmp_path):
    file = tmp_path / f".result.csv.{gone()}@{HOST}.partial"
    file.touch()
    with replacing(tmp_path / "result") as temporary:
        temporary.touch()
    assert file.exists()


def test_a_job_waits_for_one_of_the_same_log_that_still_runs(tmp_path):
    first = writer(tmp_path)
    second = subprocess.Popen(
        [sys.executable, "-c", WRITER.replace("60", "0")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=paths(),
    )
    assert b"the job still runs that an earlier call began" in second.stderr.readline()
    assert not (tmp_path / "result").exists()
    first.kill()
    first.wait()
    assert second.wait() == 0
    assert f"process {second.pid} on" in (tmp_path / "log").read_text(encoding="utf-8")


def test_what_ends_a_process_without_an_exception_is_in_its_log(tmp_path):
    code = WRITER.replace("time.sleep(60)", "signal.raise_signal(signal.SIGBUS)")
    command = [sys.executable, "-c", "import signal\n" + code]
    done = subprocess.run(command, cwd=tmp_path, env=paths(), capture_output=True)
    assert done.returncode == -signal.SIGBUS
    assert "Fatal Python error: Bus error" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with logging_to(tmp_path / "log"):
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "ended by" not in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_postponed_signal_is_raised_after_the_block_also_if_that_is_left_by_return():
    done = []

    def work():
        with postponed() as come:
            signal.raise_signal(signal.SIGTERM)
            assert come == [signal.SIGTERM]
            done.append("all of it")
            return

    with interruptible(), pytest.raises(Interrupted, match="ended by SIGTERM"):
        work()
    assert done == ["all of it"]


def test_a_signal_in_a_function_that_c_calls_is_answered_after_it():
    done = []

    @whole
    def called_by_c():
        signal.raise_signal(signal.SIGTERM)
        done.append("all of it")

    with interruptible(), pytest.raises(Interrupted):  # noqa: PT012 (the signal comes again)
        called_by_c()
        time.sleep(10)
    assert done == ["all of it"]


def test_a_second_signal_does_not_cut_off_the_cleaning_up():
    cleaned = []
    with pytest.raises(Interrupted), interruptible():  # noqa: PT012 (what is cleaned up is the test)
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)
    assert cleaned == [True]
