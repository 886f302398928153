import json

from repcompare.architectures import available
from repcompare.data.catalogue import settings as data_settings
from repcompare.study.code_digest import code_digest, files_digest
from repcompare.study.networks import function_file

PAGE = SCRIPTS / "repcompare" / "report"


def stage_settings(script, *modules, **settings):
    """The one param of a rule, as canonical JSON: its stage's settings and the digest of its code.

    One string, because Snakemake compares params as a set of values, in which two settings that
    swap their values look unchanged.
    """
    code = code_digest(SCRIPTS / script, *modules)
    return json.dumps({**settings, "code": code}, sort_keys=True, separators=(",", ":"))


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


def nonrobust_training(wildcards):
    """The settings of a target's training: its own, but for the accuracy it must reach."""
    seed = study_config.seeds(STUDY, wildcards.target)[-1]
    return training_of("train_nonrobust.py", wildcards.target, seed=seed, minimum_accuracy=0.0)


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


def comparison_settings(wildcards):
    """The settings of a block's comparison; of the pairs of layers only its own."""
    return stage_settings(
        "compare.py",
        families=study_config.families(STUDY),
        measures=study_config.measures(STUDY),
        layer_pairs=study_config.layer_pairs(STUDY, wildcards.a, wildcards.b),
        **made_by("activations", networks=block_networks(wildcards)),
    )


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
