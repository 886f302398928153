import json
import shutil
from pathlib import Path

from repcompare.planning.jobs import Job
from repcompare.planning.resources import Network, asked, assumed_study

# What jobs ask of a cluster follows from these: the images as far as they are known, the networks
# that are there.
ASSUMED = assumed_study(STUDY)
NETWORKS = {}


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
