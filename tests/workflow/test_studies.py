"""One config file is one study: none reads another's settings or touches another's results."""

from itertools import combinations_with_replacement, product

import yaml
from workflow.study import ALL_RULES, jobs


def test_a_study_is_not_merged_with_the_default_one(new_study):
    solo = {"factory": "vgg", "kwargs": {"width": 4, "stages": 2}}
    new_study.set(architectures={"solo": solo}, geometry__layer_pairs=[])
    models, blocks = [("solo", 0), ("solo", 1)], [("solo", "solo")]
    assert new_study.due() == jobs(*ALL_RULES, models=models, blocks=blocks)


def test_without_a_config_file_the_default_study_is_run(new_study):
    path = new_study.folder / "config" / "config.yaml"
    default = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = sorted(default["architectures"])
    models = list(product(names, [0, 1, 2]))
    blocks = list(combinations_with_replacement(names, 2))
    planned = new_study.call("--dry-run", configfile=None)
    assert planned.jobs == jobs(*ALL_RULES, models=models, blocks=blocks)
    outputs = [file for record in planned.records for file in record["output"]]
    assert all(file.startswith(f"results/{default['study']}/") for file in outputs)


def test_a_second_study_leaves_the_results_of_the_first_alone(study):
    before = study.results()
    (study.folder / "other.yaml").write_text(
        yaml.safe_dump({**study.config, "study": "other"}), encoding="utf-8"
    )
    assert study.due(configfile="other.yaml") == jobs(*ALL_RULES)
    dataset = "results/other/data/dataset.h5"
    assert study.call(dataset, configfile="other.yaml").jobs == {"prepare_data"}
    assert (study.folder / dataset).exists()
    assert study.results() == before
    assert study.due() == set()


def test_mistakes_in_the_config_are_one_line_each_and_nothing_is_run(study):
    before = study.results()
    study.set(training__epoch=3, attack__steps=0)
    outcome = study.call()
    assert outcome.returncode != 0
    assert outcome.jobs == set()
    lines = outcome.text.splitlines()
    start = lines.index("The config cannot be run:")
    assert lines[start + 1 : start + 3] == [
        "training.epoch: unknown key, did you mean epochs?",
        "attack.steps: got 0, allowed: an integer from 1 to 100000",
    ]
    assert "Traceback" not in outcome.text
    assert study.results() == before
