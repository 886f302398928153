"""A job that failed in a rerun is still owed, although what was made from its output stands."""

import contextlib
import os

from workflow.study import jobs, of, onwards


@contextlib.contextmanager
def damaged(*files):
    """Cut files short for as long as the block lasts, in a way that no date tells."""
    before = [(file, file.read_bytes(), file.stat()) for file in files]

    def write(file, content, stat):
        file.write_bytes(content)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    for file, content, stat in before:
        write(file, content[: len(content) // 2], stat)
    yield
    for file, content, stat in before:
        write(file, content, stat)


def test_a_stage_that_failed_is_owed_when_the_cause_has_passed(study):
    study.set(maps__families=["ridge"])
    with damaged(*study.result("models").glob("*/*/activations.h5")):
        outcome = study.call()
    assert outcome.returncode != 0
    assert outcome.failed == outcome.jobs == jobs("compare", "describe")
    assert study.result("tables/maps.csv").exists()
    assert study.result("report.html").exists()
    assert study.due() == onwards("compare", "describe")


def test_an_attack_that_failed_is_owed_and_the_others_are_not_run_again(study):
    study.set(attack__steps=4)
    with damaged(study.result("models/vgg/seed0/weights.safetensors")):
        outcome = study.call()
    assert outcome.failed == {"attack vgg 0"}
    assert outcome.jobs == jobs("attack") | {
        "evaluate resnet resnet",
        "compare_features resnet resnet",
    }
    assert study.due() == onwards("attack", models=[("vgg", 0)], blocks=of("vgg")["blocks"])


def test_a_training_that_was_refused_is_owed_when_the_config_is_mended(study):
    change = {"learning_rate": 0.05}
    study.set(architectures__vgg__training={**change, "minimum_accuracy": 0.99})
    outcome = study.call()
    assert outcome.returncode != 0
    assert outcome.failed == outcome.jobs == {"train vgg 0", "train vgg 1"}
    log = study.result("logs/train/vgg/seed0.log").read_text(encoding="utf-8")
    assert "is below training.minimum_accuracy 0.99" in log
    assert not study.result("models/vgg/seed0/weights.safetensors").exists()
    assert study.result("models/vgg/seed0/activations.h5").exists()

    study.set(architectures__vgg__training=change)
    assert study.due() == onwards("train", **of("vgg"))


def test_a_stage_whose_code_failed_is_owed_when_the_code_is_mended(study):
    script = "workflow_scripts/dump_activations.py"
    study.edit(script, lambda text: "raise SystemExit(1)\n" + text)
    assert study.call().failed == jobs("dump_activations")

    study.edit(script, lambda text: text.replace("raise SystemExit(1)", "MENDED = True"))
    assert study.due() == onwards("dump_activations")


def test_the_call_after_a_failure_ends_in_a_finished_study(study):
    study.set(report__examples=1)
    with damaged(study.result("data/dataset.h5")):
        assert study.call().failed == {"draw_adversarial_examples", "draw_feature_gallery"}
    assert study.run().jobs == onwards("draw_adversarial_examples", "draw_feature_gallery")
    assert study.due() == set()
