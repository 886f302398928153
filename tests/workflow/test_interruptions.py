"""What a job had done when it was asked to end or killed is not done again; the next call needs no help."""

import os
import signal
import subprocess
import sys
import time

MODEL = "models/vgg/seed0"
LOG = "logs/train/vgg/seed0.log"
PATIENCE = 120


def text_of(file):
    return file.read_text(encoding="utf-8") if file.exists() else ""


def interrupted(study, target, number, log, word):
    """Call Snakemake on `target`, and send all that it has started a signal once a log has a word."""
    command = [sys.executable, "-m", "snakemake", target, "--cores", "1"]
    command += ["--configfile", "tiny.yaml"]
    log.unlink(missing_ok=True)
    output = study.folder / "call.log"
    with output.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            command, cwd=study.folder, start_new_session=True, stdout=stream, stderr=stream
        )
    deadline = time.monotonic() + PATIENCE
    while word not in text_of(log):
        assert process.poll() is None, text_of(output)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.wait()


def test_a_training_that_is_asked_to_end_and_then_killed_ends_with_the_same_weights(new_study):
    new_study.set(training__epochs=200)
    weights, record, checkpoint = (
        new_study.result(f"{MODEL}/{name}")
        for name in ("weights.safetensors", "record.json", "checkpoint.bin")
    )
    target, log = str(weights.relative_to(new_study.folder)), new_study.result(LOG)
    new_study.run(target)
    undisturbed = weights.read_bytes()
    weights.unlink()
    record.unlink()

    interrupted(new_study, target, signal.SIGTERM, log, "epoch 3 ")
    assert "ended by SIGTERM" in text_of(log)
    assert list(weights.parent.iterdir()) == [checkpoint]
    killed = weights.with_name(f".{weights.name}.{2**22 + 1}@{os.uname().nodename}.partial")
    killed.touch()
    interrupted(new_study, target, signal.SIGKILL, log, "epoch 9")
    assert "going on from" in text_of(log)
    assert list(new_study.folder.glob(".snakemake/locks/*"))

    new_study.run(target)
    assert "going on from" in text_of(log)
    assert weights.read_bytes() == undisturbed
    assert sorted(weights.parent.iterdir()) == [record, weights]
