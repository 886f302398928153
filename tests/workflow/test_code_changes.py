"""The staleness contract for code: what a change of a script, a module or a caption reruns."""

import os
import re

import pytest
from workflow.study import jobs, of, onwards

SCRIPTS = "workflow_scripts"
OPENING_QUOTES = re.compile(r'^(\s*""")(?=[^"\n])', re.MULTILINE)


def add_statement(text):
    return f"{text}\n\nCHANGED = True\n"


def reword(text):
    """Other comments, blank lines and docstrings; the same statements."""
    return "# A comment.\n\n" + OPENING_QUOTES.sub(r"\1Reworded. ", text) + "\n\n# Another.\n"


def test_comments_docstrings_and_blank_lines_rerun_nothing(study):
    files = sorted((study.folder / SCRIPTS).rglob("*.py"))
    assert len(files) > 30
    for file in files:
        study.edit(file, reword)
    assert study.due() == set()


def test_another_locale_reruns_nothing(study):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    planned = study.call("--dry-run", environment=os.environ | ascii_only)
    assert planned.returncode == 0, planned.text
    assert planned.jobs == set()


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("networks/training", ["train"]),
        ("figures/features", ["draw_figures"]),
        ("figures/feature_gallery", ["draw_feature_gallery"]),
        ("attacks/adversarial_training", []),
        ("geometry/similarity", ["compare", "compare_features"]),
        ("maps/families", ["compare", "describe"]),
        ("study/blocks", ["compare", "evaluate"]),
        ("vocabulary", ["compare", "describe", "compare_features"]),
        ("study/config", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_statement_in_a_module_reruns_the_stages_that_import_it(study, module, stages):
    study.edit(f"{SCRIPTS}/repcompare/{module}.py", add_statement)
    assert study.due() == onwards(*stages)


def test_a_statement_in_an_architecture_reruns_only_its_models_and_blocks(study):
    study.edit(f"{SCRIPTS}/repcompare/architectures/vgg.py", add_statement)
    assert study.due() == onwards("train", **of("vgg"))


def test_an_architecture_that_the_study_does_not_use_reruns_nothing(study):
    study.edit(f"{SCRIPTS}/repcompare/architectures/densenet.py", add_statement)
    assert study.due() == set()


def test_how_attacks_are_coded_is_part_of_the_training_of_a_robust_network_alone(study):
    study.set(architectures__vgg__training={"adversarial": {"epsilon": "8/255"}})
    study.run(*(f"results/tiny/models/vgg/seed{seed}/record.json" for seed in (0, 1)))
    assert not study.due() & jobs("train")
    study.edit(f"{SCRIPTS}/repcompare/attacks/pgd.py", add_statement)
    assert study.due() & jobs("train") == {"train vgg 0", "train vgg 1"}


def test_a_statement_in_a_script_reruns_its_stage(study):
    study.edit(f"{SCRIPTS}/dump_activations.py", add_statement)
    assert study.due() == onwards("dump_activations")


@pytest.mark.parametrize("file", ["captions/similarity.rst", "template.html.j2"])
def test_a_caption_or_the_template_rerun_the_page_alone(study, file):
    study.edit(f"{SCRIPTS}/repcompare/report/{file}", lambda text: text + "\nMore.\n")
    assert study.due() == jobs("write_report")
