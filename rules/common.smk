import functools
import re
import sys
from pathlib import Path

SCRIPTS = WORKFLOW / "workflow_scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from repcompare.data.catalogue import DataError
from repcompare.data.raw_files import raw_files
from repcompare.storage.links import symbolic_links
from repcompare.storage.seals import beside
from repcompare.study import config as study_config
from repcompare.study.code_digest import PACKAGE
from repcompare.study.config_file import read_config
from repcompare.study.running import Call
from repcompare.study.schema import hint

if PACKAGE.parent != SCRIPTS:
    # The library is imported once: the digests would be of another version than the jobs run.
    raise WorkflowError(
        f"repcompare is used from {WORKFLOW} and from {PACKAGE.parents[1]}; allowed: one of them"
    )

try:
    # Snakemake has read the files, and says nothing of keys that are there twice. Another workflow's
    # are its own, and jobs are told what has been checked.
    if workflow.is_main_process and workflow.modifier.is_main_snakefile():
        for file in workflow.configfiles:
            read_config(file)
    STUDY = study_config.validate(config)
except study_config.ConfigError as error:
    raise WorkflowError(f"The config cannot be run:\n{error}") from None

if workflow.is_main_process:
    CALL = Call(STUDY["study"])
    if CALL.message:
        logger.warning(CALL.message)

RESULTS = f"results/{STUDY['study']}"
MODEL = f"{RESULTS}/models/{{architecture}}/seed{{seed}}"
BLOCK = f"{RESULTS}/blocks/{{a}}--{{b}}"
LOGS = f"{RESULTS}/logs"
# Local whatever the storage: the report shows them but cannot name them as its input.
BENCHMARKS = f"{RESULTS}/benchmarks"
if workflow.is_main_process:
    # What is written in place, and not beside and then renamed.
    for link in symbolic_links(LOGS, BENCHMARKS):
        raise WorkflowError(
            f"{link}: a symbolic link, and a job would write where it leads: delete it"
        )
DATASET = f"{RESULTS}/data/dataset.h5"
NONROBUST = f"{RESULTS}/nonrobust"


# Patterns and not the study's own names: a rule of one model must not know the other architectures.
NAME = r"[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*"


wildcard_constraints:
    architecture=NAME,
    a=NAME,
    b=NAME,
    source=NAME,
    target=NAME,
    seed=r"\d+",


# A limit on GPUs is of the machine that Snakemake runs on: on a cluster the scheduler hands them out.
resource_scopes:
    gpu="local",


def asks_for(section):
    """Whether the study asks for a section of the config: `maps`, `geometry`, `attack`, `features`."""
    return study_config.asked(STUDY, section)


def section(name):
    """A section of the config; empty where the study does not ask for it, nor for the rule that reads it."""
    return STUDY[name] or {}


def digests_of(files):
    """The files that hold the digests of tables, beside them."""
    return [str(beside(file)) for file in files if file.endswith(".csv")]


def digests(output):
    """Those of a rule's output that are digests of tables. They have no names, so no script sees them."""
    return [file for file in output if file.endswith(".sha256")]


def of_sections(**files):
    """The outputs of a rule, a dict a section, of the sections that the study asks for.

    All of them where it asks for none: then it does not ask for the rule, which needs some.
    """
    found = [name for name in files if asks_for(name)] or list(files)
    return {key: path for name in found for key, path in files[name].items()}


def every_model(patterns, *sections):
    """The files of `patterns` for each model, or for those that take part in one of the sections."""
    return [
        pattern.apply_wildcards({"architecture": architecture, "seed": seed})
        for architecture, seed in study_config.models(STUDY, *sections)
        for pattern in patterns
    ]


def every_network(patterns):
    """The files of `patterns` for each model that is a network, and not activations alone."""
    return [
        pattern.apply_wildcards({"architecture": architecture, "seed": seed})
        for architecture, seed in study_config.networks(STUDY)
        for pattern in patterns
    ]


def every_block(patterns, *sections):
    """The files of `patterns` for each block, or for those that take part in one of the sections."""
    return [
        pattern.apply_wildcards({"a": a, "b": b})
        for a, b in study_config.blocks(STUDY, *sections)
        for pattern in patterns
    ]


def require_in_study(wildcards):
    """Raise WorkflowError where a target names a model or a block that the study does not have."""
    names = dict(wildcards.items())
    if "seed" in names:
        given, known = f"{names['architecture']}/seed{names['seed']}", all_models()
    elif "a" in names:
        given, known = f"{names['a']}--{names['b']}", all_blocks()
    else:
        known = STUDY["architectures"]
        given = next((name for name in names.values() if name not in known), None)
    if given is not None and given not in known:
        raise WorkflowError(f"{STUDY['study']} has no {given}{hint(given, known)}")


@functools.cache
def all_models():
    """The models of the study, as targets name them."""
    models = study_config.models(STUDY)
    return dict.fromkeys(f"{architecture}/seed{seed}" for architecture, seed in models)


@functools.cache
def all_blocks():
    """The blocks of the study, as targets name them."""
    return dict.fromkeys(f"{a}--{b}" for a, b in study_config.blocks(STUDY))


def block_models(pattern, section=None):
    """An input function: the file of `pattern` for each model of a block; none if not asked for."""

    def files(wildcards):
        require_in_study(wildcards)
        if section is not None and not asks_for(section):
            return []
        return [
            pattern.apply_wildcards({"architecture": architecture, "seed": seed})
            for architecture in dict.fromkeys((wildcards.a, wildcards.b))
            for seed in study_config.seeds(STUDY, architecture)
        ]

    return files


def raw_data():
    """What tells whether images of one's own have changed: the folders of classes, or the files.

    If they are gone, the data file that was made of them stands as long as nothing else is asked of it.
    """
    try:
        return [local(path) for path in raw_files(STUDY["data"])]
    except DataError as error:
        root = STUDY["data"]["root"]
        if not workflow.is_main_process:
            return [local(root)]
        if Path(root).exists() or not Path(DATASET).exists():
            raise WorkflowError(f"The config cannot be run:\n{error}") from None
        logger.warning(f"{error}: {DATASET} is taken as it is")
        return [local(root)]


def source_of_model(wildcards):
    """An input function: the files that an existing network is read from."""
    require_in_study(wildcards)
    entry = STUDY["architectures"][wildcards.architecture]
    seed = int(wildcards.seed)
    files = {"source": study_config.source_file(STUDY, wildcards.architecture, seed)}
    if isinstance(entry.get("classes"), str) and entry["classes"] != "imagenet":
        files["classes"] = entry["classes"]
    return {name: local(file) for name, file in files.items() if file}


def only(architectures):
    """A constraint of a rule to some architectures; nothing matches it where there are none."""
    return "|".join(map(re.escape, architectures)) or "(?!)"


def all_but(architectures):
    """A constraint of a rule to other architectures."""
    return rf"(?!(?:{'|'.join(map(re.escape, architectures))})/){NAME}" if architectures else NAME


def nonrobust_records():
    """The accuracy of each architecture on the features of each; none unless they are asked for."""
    if not asks_for("nonrobust"):
        return []
    sources = dict.fromkeys(name for name, _ in study_config.models(STUDY, "features"))
    elsewhere = (study_config.imported_architectures, study_config.activations_architectures)
    targets = sorted(set(STUDY["architectures"]).difference(*(of(STUDY) for of in elsewhere)))
    return [f"{NONROBUST}/{source}--{target}.json" for source in sources for target in targets]


def first_model(pattern):
    """An input function: the file of `pattern` for the first model of the source architecture."""

    def file(wildcards):
        require_in_study(wildcards)
        seed = study_config.seeds(STUDY, wildcards.source)[0]
        return pattern.apply_wildcards({"architecture": wildcards.source, "seed": seed})

    return file


def in_report(name, section):
    """The SVG file of a figure, flagged for `snakemake --report`."""
    return report(
        f"{RESULTS}/figures/{name}.svg",
        caption=f"../workflow_scripts/repcompare/report/captions/{name}.rst",
        category=section,
        labels={"figure": name.replace("_", " ")},
    )


def first_models(pattern, section, count=5):
    """The file of `pattern` for the first model of each of the first architectures of a section."""
    first = {}
    for architecture, seed in study_config.models(STUDY, section):
        first.setdefault(architecture, {"architecture": architecture, "seed": seed})
    return [pattern.apply_wildcards(model) for model in list(first.values())[:count]]
