"""What a job had done when it was killed is not done again."""

import os
import signal
import subprocess
import sys
import time

MODEL = "models/vgg/seed0"
PATIENCE = 120


def killed_at_its_first_checkpoint(study, target):
    """Start Snakemake on `target` and kill it, and all it has started, once a checkpoint is there."""
    command = [sys.executable, "-m", "snakemake", target, "--cores", "1"]
    command += ["--configfile", "tiny.yaml"]
    with (study.folder / "killed.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=study.folder, start_new_session=True, stdout=log, stderr=log
        )
    deadline = time.monotonic() + PATIENCE
    while not study.result(f"{MODEL}/checkpoint.bin").exists():
        assert process.poll() is None, (study.folder / "killed.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_training_that_was_killed_goes_on_and_ends_with_the_same_weights(new_study):
    new_study.edit(
        "workflow_scripts/repcompare/stages/train.py",
        lambda text: text.replace(
            "SECONDS_BETWEEN_CHECKPOINTS = 60", "SECONDS_BETWEEN_CHECKPOINTS = 0"
        ),
    )
    new_study.set(training__epochs=200)
    weights, record = (
        new_study.result(f"{MODEL}/{name}") for name in ("weights.safetensors", "record.json")
    )
    target = str(weights.relative_to(new_study.folder))
    new_study.run(target)
    undisturbed = weights.read_bytes()
    weights.unlink()
    record.unlink()

    killed_at_its_first_checkpoint(new_study, target)
    assert not weights.exists()
    new_study.call("--unlock")
    new_study.run(target)
    log = new_study.result("logs/train/vgg/seed0.log").read_text(encoding="utf-8")
    assert "going on from" in log
    assert weights.read_bytes() == undisturbed
    assert not new_study.result(f"{MODEL}/checkpoint.bin").exists()
