import functools
import json
import re
import shutil
import sys
from pathlib import Path

SCRIPTS = WORKFLOW / "workflow_scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from repcompare.architectures import available
from repcompare.data.catalogue import DataError
from repcompare.data.catalogue import settings as data_settings
from repcompare.data.raw_files import raw_files
from repcompare.planning.jobs import Job
from repcompare.planning.resources import Network, asked, assumed_study
from repcompare.storage.links import symbolic_links
from repcompare.storage.seals import beside
from repcompare.study import config as study_config
from repcompare.study.code_digest import PACKAGE, code_digest, files_digest
from repcompare.study.config_file import read_config
from repcompare.study.networks import function_file
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

PAGE = SCRIPTS / "repcompare" / "report"
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
# What jobs ask of a cluster follows from these: the images as far as they are known, the networks
# that are there.
ASSUMED = assumed_study(STUDY)
NETWORKS = {}


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


def stage_settings(script, *modules, **settings):
    """The one param of a rule, as canonical JSON: its stage's settings and the digest of its code.

    One string, because Snakemake compares params as a set of values, in which two settings that
    swap their values look unchanged.
    """
    code = code_digest(SCRIPTS / script, *modules)
    return json.dumps({**settings, "code": code}, sort_keys=True, separators=(",", ":"))


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


def memory(rule):
    """A function: megabytes for a job of a rule, twice as many when it is tried again.

    The rule is named, for in a workflow that has this one as a module it may have another name.
    """

    def megabytes(wildcards, attempt):
        return asked_of(rule, wildcards).memory * 2 ** (attempt - 1)

    return megabytes


def minutes(rule):
    """A function: the run time for a job of a rule, twice as long when it is tried again."""

    def run_time(wildcards, attempt):
        return asked_of(rule, wildcards).minutes * 2 ** (attempt - 1)

    return run_time


def asked_of(rule, wildcards):
    """What a job asks for. Snakemake asks again when its inputs are there, the networks among them."""
    keys = ("architecture", "a", "b", "source", "target")
    names = tuple(wildcards[key] for key in keys if key in wildcards.keys())
    networks = {name: network for name in names if (network := network_there(name))}
    return asked(Job(rule, names), ASSUMED, networks, gpu=bool(gpus(wildcards)))


def network_there(architecture):
    """What the first record of an architecture says of its networks, None if there is none yet.

    One that is damaged or of another version says nothing: to refuse it is for the jobs that read it.
    """
    if architecture not in NETWORKS:
        seed = study_config.seeds(STUDY, architecture)[0]
        model = {"architecture": architecture, "seed": seed}
        record = rules.train.output.record.apply_wildcards(model)
        try:
            found = json.loads(Path(record).read_text(encoding="utf-8"))
            parameters = found["parameters"] or 0
            NETWORKS[architecture] = Network(found["representation_width"], parameters)
        except (OSError, ValueError, KeyError):
            return None
    return NETWORKS[architecture]


def gpus(wildcards):
    """How many GPUs a job of a network takes; 0 on a machine without one."""
    has_gpu = STUDY["device"] == "cuda" or shutil.which("nvidia-smi")
    return int(bool(has_gpu) and STUDY["device"] != "cpu")


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


def training_settings(wildcards):
    """The settings of a model's training, and the digest of the code that only some models use."""
    require_in_study(wildcards)
    return training_of("train.py", wildcards.architecture)


def training_of(script, architecture, seed=None, **changes):
    """The settings of an architecture's training by a script, but for the changes."""
    settings = study_config.training_settings(STUDY, architecture) | changes
    network = {key: settings.pop(key) for key in ("factory", "kwargs")}
    if seed is not None:
        network["seed"] = seed
    modules = [f"repcompare.architectures.{network['factory']}"]
    if settings["adversarial"]:
        modules.append("repcompare.attacks.adversarial_training")
    kinds = ("dataset", "images") if seed is not None else ("dataset",)
    return stage_settings(script, *modules, training=settings, **network, **made_by(*kinds))


def source_of_model(wildcards):
    """An input function: the files that an existing network is read from."""
    require_in_study(wildcards)
    entry = STUDY["architectures"][wildcards.architecture]
    seed = int(wildcards.seed)
    files = {"source": study_config.source_file(STUDY, wildcards.architecture, seed)}
    if isinstance(entry.get("classes"), str) and entry["classes"] != "imagenet":
        files["classes"] = entry["classes"]
    return {name: local(file) for name, file in files.items() if file}


def import_settings(wildcards):
    """The settings of an existing network, and the digest of the code that builds it."""
    settings = study_config.import_settings(STUDY, wildcards.architecture)
    own = function_file(settings["factory"])
    family = f"repcompare.architectures.{settings['factory']}"
    modules = [own] if own else [family] if settings["factory"] in available() else []
    return stage_settings("import_model.py", *modules, **settings, **made_by("dataset"))


def activations_settings(wildcards):
    """What is stored of the activations of a network that is not here."""
    settings = study_config.activations_settings(STUDY, wildcards.architecture)
    return stage_settings("import_activations.py", **settings, **made_by("dataset"))


# What the files that a job is given must have been made by, as far as they say it themselves: a job
# does not take what another config has left at their place.
MADE_BY = {
    "dataset": data_settings(STUDY["data"]),
    "activations": {key: STUDY["activations"][key] for key in ("layers", "pool", "fit_samples")},
    "adversarial": section("attack"),
    # Where it runs decides the precision.
    "features": {
        key: value
        for key, value in study_config.feature_settings(STUDY).items()
        if key != "precision"
    },
    "images": study_config.nonrobust_settings(STUDY),
}


def made_by(*kinds, **others):
    """The setting of a rule that says what its inputs of some kinds must have been made by."""
    return {"inputs": {kind: MADE_BY[kind] for kind in kinds} | others}


def on_network(script, architecture, **settings):
    """The settings of a stage that runs one network, whose record must say how that was made."""
    network = study_config.made_by(STUDY, architecture)
    return stage_settings(script, **settings, **made_by(network=network))


def block_networks(wildcards):
    """What the records of a block's models must say of their networks, in the order of the models."""
    return [
        study_config.made_by(STUDY, architecture)
        for architecture in dict.fromkeys((wildcards.a, wildcards.b))
        for seed in study_config.seeds(STUDY, architecture)
    ]


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


def nonrobust_training(wildcards):
    """The settings of a target's training: its own, but for the accuracy it must reach."""
    seed = study_config.seeds(STUDY, wildcards.target)[-1]
    return training_of("train_nonrobust.py", wildcards.target, seed=seed, minimum_accuracy=0.0)


def comparison_settings(wildcards):
    """The settings of a block's comparison; of the pairs of layers only its own."""
    return stage_settings(
        "compare.py",
        families=study_config.families(STUDY),
        measures=study_config.measures(STUDY),
        layer_pairs=study_config.layer_pairs(STUDY, wildcards.a, wildcards.b),
        **made_by("activations", networks=block_networks(wildcards)),
    )


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


def reproducible_config():
    """The config without what says only where this machine computes and keeps its raw data."""
    data = {key: value for key, value in STUDY["data"].items() if key != "root"}
    return {key: value for key, value in STUDY.items() if key != "device"} | {"data": data}


def report_settings(wildcards):
    """The settings of the page. A function, for Snakemake would fill in a {seed} in the config's text."""
    files = [PAGE / name for name in ("template.html.j2", "page.css", "page.js")]
    page = files_digest([*files, *PAGE.glob("captions/*.rst")])
    config = reproducible_config()
    return stage_settings(
        "write_report.py", config=config, benchmarks=BENCHMARKS, page=page, **made_by("dataset")
    )
