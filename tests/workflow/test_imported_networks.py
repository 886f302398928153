"""Networks that exist already: what of theirs changes reruns what hangs on it, and nothing else does."""

import shutil

import pytest
import safetensors.torch
from workflow.study import (
    BLOCK_RULES,
    GALLERY,
    IMPORTED_RULES,
    REPORT,
    Study,
    copy,
    jobs,
    onwards,
)

from repcompare.networks.factories import build_foreign

NOTHING = set()
MODELS = [("ours", 0), ("ours", 1), ("vgg", 0)]
BLOCKS = [("ours", "ours"), ("ours", "vgg")]
ALL_RULES = ("prepare_data", *IMPORTED_RULES, *BLOCK_RULES, *GALLERY, *REPORT)

ENCODER = '''"""A network of one's own."""

from collections import OrderedDict

from parts.blocks import averaged
from torch import nn


def encoder(width=4):
    """A convolution and a classifier."""
    parts = OrderedDict(first=nn.Conv2d(1, width, 3), second=nn.ReLU(), average=averaged())
    return nn.Sequential(OrderedDict(parts, head=nn.Linear(width, 10)))
'''
BLOCKS_BESIDE = '''"""A neighbour."""

from torch import nn


def averaged():
    """The mean over positions."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
'''
ARCHITECTURES = {
    "ours": {
        "factory": "networks/encoder.py:encoder",
        "weights": "runs/{seed}.safetensors",
        "input": {"mean": [0.5], "std": [0.25]},
        "layers": {"stage1": "first"},
    },
    "vgg": {
        "factory": "vgg",
        "kwargs": {"depth": 11, "width": 4, "stages": 2},
        "weights": "random",
        "classes": "classes.txt",
        "seeds": [0],
    },
}
NEIGHBOUR = "networks/parts/blocks.py"


def write_weights(folder, seed, drawn_from=None) -> None:
    """A checkpoint of a seed: weights as the factory draws them."""
    factory = f"{folder / 'networks' / 'encoder.py'}:encoder"
    module = build_foreign(factory, {}, seed=seed if drawn_from is None else drawn_from).module
    (folder / "runs").mkdir(exist_ok=True)
    safetensors.torch.save_file(module.state_dict(), folder / "runs" / f"{seed}.safetensors")


def write_classes(folder, names) -> None:
    """The file of what the outputs of `vgg` are called."""
    (folder / "classes.txt").write_text("\n".join(map(str, names)), encoding="utf-8")


@pytest.fixture(scope="module")
def imported(workflow, tmp_path_factory):
    """A study of existing networks: they are imported for real, the rest are files without content."""
    study = Study(tmp_path_factory.mktemp("imported") / "study")
    copy(workflow.folder, study.folder)
    (study.folder / "networks" / "parts").mkdir(parents=True)
    (study.folder / "networks" / "encoder.py").write_text(ENCODER, encoding="utf-8")
    (study.folder / NEIGHBOUR).write_text(BLOCKS_BESIDE, encoding="utf-8")
    for seed in (0, 1):
        write_weights(study.folder, seed)
    write_classes(study.folder, range(10))
    study.set(architectures=ARCHITECTURES, geometry__layer_pairs=[])
    study.run(*(f"results/tiny/models/{name}/seed{seed}/record.json" for name, seed in MODELS))
    planned = study.call("--dry-run", "--forceall")
    assert planned.jobs == jobs(*ALL_RULES, models=MODELS, blocks=BLOCKS)
    for output in (file for record in planned.records for file in record["output"]):
        (study.folder / output).parent.mkdir(parents=True, exist_ok=True)
        if not (study.folder / output).exists():
            (study.folder / output).touch()
    study.run("--touch", "--forceall")
    return study


@pytest.fixture
def study(imported, tmp_path):
    """A copy of it, to change."""
    copy(imported.folder, tmp_path / "study")
    return Study(tmp_path / "study")


def of_ours(*seeds) -> set[str]:
    """The jobs that hang on the import of so many of our own networks."""
    models = [("ours", seed) for seed in seeds or (0, 1)]
    return onwards("import_model", models=models, blocks=BLOCKS)


def test_a_second_call_runs_nothing(study):
    assert study.due() == NOTHING


def test_comments_docstrings_and_a_file_that_is_not_imported_rerun_nothing(study):
    for file in ("networks/encoder.py", NEIGHBOUR):
        study.edit(file, lambda text: "# A comment.\n" + text.replace('"""A ', '"""Some '))
    (study.folder / "networks" / "training.py").write_text("VALUE = 1\n", encoding="utf-8")
    assert study.due() == NOTHING


@pytest.mark.parametrize("file", ["networks/encoder.py", NEIGHBOUR])
def test_a_statement_in_ones_own_file_or_in_a_module_beside_it_reruns_its_networks(study, file):
    study.edit(file, lambda text: text + "\n\nCHANGED = True\n")
    assert study.due() == of_ours()


def test_code_that_computes_otherwise_reruns_what_follows_though_weights_and_accuracy_stay(study):
    study.edit(NEIGHBOUR, lambda text: text.replace("Flatten()", "Flatten(), nn.Softshrink(1e-6)"))
    models = [f"results/tiny/models/ours/seed{seed}" for seed in (0, 1)]
    study.run(*(f"{model}/record.json" for model in models))
    assert study.due() == of_ours() - jobs("import_model", models=MODELS)


def test_another_file_of_weights_reruns_its_network_and_blocks(study):
    """But not the gallery, which shows the first of each architecture."""
    write_weights(study.folder, 1, drawn_from=7)
    assert study.due() == of_ours(1) - jobs(*GALLERY)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input", {"mean": [0.4], "std": [0.25]}),
        ("layers", {"stage1": "second"}),
        ("classes", [str(digit) for digit in range(10)]),
        ("training", {"minimum_accuracy": 0.01}),
    ],
)
def test_how_a_network_is_used_reruns_it_and_what_follows(study, key, value):
    study.set(**{f"architectures__ours__{key}": value})
    assert study.due() == of_ours()


def test_a_file_of_what_outputs_are_called_reruns_the_networks_that_name_it(study):
    write_classes(study.folder, reversed(range(10)))
    assert study.due() == onwards("import_model", models=[("vgg", 0)], blocks=BLOCKS[1:])


def test_a_network_without_answers_is_neither_attacked_nor_fooled(study):
    study.set(architectures__vgg={**ARCHITECTURES["ours"], "classes": None, "seeds": [0]})
    due = {job for job in study.due() if "vgg" in job}
    assert due == {
        "import_model vgg 0",
        "dump_activations vgg 0",
        "describe vgg 0",
        "compare ours vgg",
    }


def test_a_new_architecture_runs_its_own_jobs_and_its_blocks(study):
    study.set(architectures__new={"factory": "resnet", "weights": "random", "seeds": [0]})
    assert study.due() == jobs(
        *IMPORTED_RULES,
        *BLOCK_RULES,
        *GALLERY,
        *REPORT,
        models=[("new", 0)],
        blocks=[("new", "ours"), ("new", "vgg")],
    )


def test_a_file_of_weights_that_is_gone_is_named_before_any_job(study):
    shutil.rmtree(study.folder / "runs")
    outcome = study.call("--dry-run")
    assert outcome.returncode != 0
    assert outcome.jobs == NOTHING
    assert "architectures.ours.weights: runs/0.safetensors: no such file" in outcome.text


def test_a_module_beside_ones_own_file_that_is_not_python_is_named(study):
    (study.folder / NEIGHBOUR).write_text("def averaged(:\n", encoding="utf-8")
    outcome = study.call("--dry-run")
    assert outcome.returncode != 0
    assert outcome.jobs == NOTHING
    said = f"architectures.ours.factory: {study.folder / NEIGHBOUR}: line 1 is not Python: "
    assert said in outcome.text
