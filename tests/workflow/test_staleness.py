"""The staleness contract: what a change of the config or of the results reruns, job by job."""

import os
import shutil

import pytest
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
    onwards,
)

NOTHING = set()


def test_a_second_call_runs_nothing(study):
    assert study.due() == NOTHING


def test_a_new_architecture_runs_its_models_its_blocks_and_the_report(study):
    study.set(architectures__small={"factory": "resnet", "kwargs": {"blocks": [1], "width": 2}})
    assert study.due() == jobs(
        *MODEL_RULES,
        *BLOCK_RULES,
        *GALLERY,
        *REPORT,
        models=[("small", 0), ("small", 1)],
        blocks=[("resnet", "small"), ("small", "small"), ("small", "vgg")],
    )


def test_an_architecture_taken_out_reruns_only_the_report(study):
    study.set(architectures={"vgg": study.config["architectures"]["vgg"]})
    assert study.due() == jobs(*GALLERY, *REPORT)


def test_a_new_seed_of_an_architecture_runs_its_model_and_the_blocks_of_the_architecture(study):
    study.set(architectures__vgg__seeds=[0, 1, 2])
    assert study.due() == jobs(
        *MODEL_RULES,
        *BLOCK_RULES,
        *REPORT,
        models=[("vgg", 2)],
        blocks=[("resnet", "vgg"), ("vgg", "vgg")],
    )


@pytest.mark.parametrize(
    ("key", "value", "stage"),
    [
        ("data__train_samples", 150, "prepare_data"),
        ("training__epochs", 3, "train"),
        ("activations__layers", ["stage1"], "dump_activations"),
        ("activations__pool", "flatten", "dump_activations"),
        ("geometry__measures", ["cka_debiased"], "compare"),
        ("attack__variants", {"far": {"target": "random"}}, "attack"),
        ("evaluation__batch_size", 100, "evaluate"),
        ("features__steps", 4, "extract_features"),
        ("statistics__permutations", 499, "judge_findings"),
        ("report__title", "Another title", "write_report"),
    ],
)
def test_a_setting_reruns_its_stage_and_what_follows(study, key, value, stage):
    study.set(**{key: value})
    assert study.due() == onwards(stage)


def test_another_number_of_examples_redraws_both_galleries(study):
    study.set(report__examples=1)
    assert study.due() == onwards("draw_adversarial_examples", "draw_feature_gallery")


def test_non_robust_features_are_extra_jobs_and_a_new_summary(study):
    study.set(features__nonrobust={"epsilon": 0.5, "norm": "l2"})
    pairs = [(a, b) for a in ("resnet", "vgg") for b in ("resnet", "vgg")]
    extra = {f"train_nonrobust {a} {b}" for a, b in pairs} | {
        "make_nonrobust resnet",
        "make_nonrobust vgg",
    }
    assert study.run().jobs == extra | jobs(*REPORT)
    text = study.result("tables/nonrobust.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1 + len(pairs)
    assert study.due() == NOTHING


def test_other_families_of_maps_rerun_both_stages_that_fit_them(study):
    study.set(maps__families=["ridge"])
    assert study.due() == onwards("compare", "describe")


def test_other_models_compared_layer_by_layer_rerun_only_their_blocks(study):
    study.set(geometry__layer_pairs=[["vgg/seed0", "resnet/seed1"]])
    assert study.due() == onwards("compare", blocks=[("resnet", "vgg"), ("vgg", "vgg")])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kwargs", {"depth": 13, "width": 4}),
        ("training", {"momentum": 0.8}),
        ("training", {"adversarial": {"epsilon": "8/255"}}),
    ],
)
def test_a_setting_of_one_architecture_reruns_its_models_and_blocks(study, key, value):
    study.set(**{f"architectures__vgg__{key}": value})
    assert study.due() == onwards("train", **of("vgg"))


@pytest.mark.parametrize(
    ("first", "second", "stage"),
    [
        ("training__epochs", "training__batch_size", "train"),
        ("attack__steps", "attack__seed", "attack"),
    ],
)
def test_two_values_swapped_inside_a_stage_rerun_it(study, first, second, stage):
    section, key, other = *first.split("__"), second.split("__")[1]
    values = study.config[section]
    study.set(**{first: values[other], second: values[key]})
    assert study.due() == onwards(stage)


def test_the_order_of_keys_architectures_and_lists_reruns_nothing(study):
    def reversed_(value):
        if isinstance(value, dict):
            return {key: reversed_(value[key]) for key in reversed(value)}
        return value

    study.set(
        seeds=[1, 0],
        maps__families=study.defaults("maps", "families")[::-1],
        geometry__measures=study.defaults("geometry", "measures")[::-1],
    )
    study.write_config(reversed_(study.config))
    assert next(iter(study.config["architectures"])) == "vgg"
    assert study.due() == NOTHING


def test_a_default_written_out_and_a_number_written_otherwise_rerun_nothing(study):
    study.set(training__momentum=0.9, training__weight_decay="5e-4", attack__epsilons__l2=["1.0"])
    assert study.due() == NOTHING


def test_another_device_reruns_nothing(study):
    study.set(device="cuda")
    assert study.due() == NOTHING


def test_another_number_of_threads_reruns_nothing(study):
    assert study.due("--cores", "1", "--set-threads", "train=2", "attack=2") == NOTHING


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_another_profile_reruns_nothing(study, option):
    profile = study.folder / "elsewhere"
    profile.mkdir()
    (profile / "config.yaml").write_text(
        "jobs: 8\nkeep-going: false\nscheduler: ilp\n"
        "set-threads: {train: 4}\ndefault-resources: {mem_mb: 1000, account: someone}\n"
        "set-resources: {attack: {runtime: 10}}\n",
        encoding="utf-8",
    )
    assert study.due(option, str(profile)) == NOTHING


def test_another_place_of_the_raw_data_reruns_nothing(new_study):
    new_study.set(data={"name": "fashion_mnist", "root": "here"})
    planned = new_study.call("--dry-run")
    assert planned.jobs == jobs(*ALL_RULES)
    # --touch records an empty file as the result of its job: no need for the data set itself.
    for output in (file for record in planned.records for file in record["output"]):
        (new_study.folder / output).parent.mkdir(parents=True, exist_ok=True)
        (new_study.folder / output).touch()
    new_study.run("--touch", "--forceall")
    new_study.set(data__root="elsewhere")
    assert new_study.due() == NOTHING
    new_study.set(data__train_samples=1000)
    assert new_study.due() == jobs(*ALL_RULES)


# What makes a deleted file is the stage that it is named with; `rule all` asks for every one.
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("report.html", onwards("write_report")),
        ("figures/similarity.svg", onwards("draw_figures")),
        ("tables/findings.csv", onwards("judge_findings")),
        ("models/vgg/seed0/controls.csv", onwards("describe", models=[("vgg", 0)])),
        ("blocks/resnet--vgg/geometry.csv", onwards("compare", blocks=[("resnet", "vgg")])),
        (
            "blocks/resnet--vgg/evaluation.h5",
            onwards("evaluate", blocks=[("resnet", "vgg")]),
        ),
        (
            "models/vgg/seed0/activations.h5",
            onwards("dump_activations", models=[("vgg", 0)], blocks=of("vgg")["blocks"]),
        ),
        (
            "models/vgg/seed0/adversarial.h5",
            onwards("attack", models=[("vgg", 0)], blocks=of("vgg")["blocks"]),
        ),
        (
            "models/vgg/seed0/weights.safetensors",
            onwards("train", models=[("vgg", 0)], blocks=of("vgg")["blocks"]),
        ),
        ("data/dataset.h5", onwards("prepare_data")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_deleted_file_reruns_what_makes_it_and_what_follows(study, path, expected):
    study.result(path).unlink()
    assert study.due() == expected


def test_deleted_logs_and_benchmarks_rerun_nothing(study):
    shutil.rmtree(study.result("logs"))
    shutil.rmtree(study.result("benchmarks"))
    assert study.due() == NOTHING


def test_a_fresh_clone_with_the_old_results_and_metadata_runs_nothing(workflow, finished, tmp_path):
    clone = Study(tmp_path / "clone")
    copy(workflow.folder, clone.folder)
    for file in clone.folder.rglob("*"):
        os.utime(file)
    for folder in ("results", ".snakemake/metadata"):
        copy(finished.folder / folder, clone.folder / folder)
    assert clone.due() == NOTHING
