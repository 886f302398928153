"""A small study to run Snakemake on, and words for the jobs that a call of it would run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from repcompare.study.schema import study_schema

ROOT = Path(__file__).parents[2]
WORKFLOW = (
    "Snakefile",
    "workflow",
    "rules",
    "workflow_scripts",
    "config",
    "profiles",
    "report",
    "envs",
)

# The models and blocks of configs/tiny.yaml.
MODELS = [("resnet", 0), ("resnet", 1), ("vgg", 0), ("vgg", 1)]
BLOCKS = [("resnet", "resnet"), ("resnet", "vgg"), ("vgg", "vgg")]

MODEL_RULES = ("train", "dump_activations", "describe", "attack", "extract_features")
# The same of networks that exist already.
IMPORTED_RULES = ("import_model", *MODEL_RULES[1:])
BLOCK_RULES = ("compare", "evaluate", "compare_features")
REPORT = (
    "summarise",
    "judge_findings",
    "draw_figures",
    "draw_adversarial_examples",
    "write_report",
)
GALLERY = ("draw_feature_gallery",)
ALL_RULES = ("prepare_data", *MODEL_RULES, *BLOCK_RULES, *GALLERY, *REPORT)

ONWARDS = {
    "prepare_data": ALL_RULES,
    "train": (*MODEL_RULES, *BLOCK_RULES, *GALLERY, *REPORT),
    "import_model": (*IMPORTED_RULES, *BLOCK_RULES, *GALLERY, *REPORT),
    "dump_activations": (
        "dump_activations",
        "describe",
        "compare",
        "compare_features",
        *REPORT,
    ),
    "describe": ("describe", *REPORT),
    "attack": ("attack", "evaluate", "compare_features", *REPORT),
    "extract_features": ("extract_features", "evaluate", "compare_features", *GALLERY, *REPORT),
    "compare_features": ("compare_features", *REPORT),
    "draw_feature_gallery": ("draw_feature_gallery", "write_report"),
    "compare": ("compare", *REPORT),
    "evaluate": ("evaluate", "compare_features", *REPORT),
    "summarise": REPORT,
    "judge_findings": ("judge_findings", "draw_figures", "write_report"),
    "draw_figures": ("draw_figures", "write_report"),
    "draw_adversarial_examples": ("draw_adversarial_examples", "write_report"),
    "write_report": ("write_report",),
}


def jobs(*rules, models=MODELS, blocks=BLOCKS) -> set[str]:
    """The jobs of `rules`: a job is a rule and its wildcards, such as `attack vgg 0`."""
    found = set()
    for rule in rules:
        of_models = rule in (*MODEL_RULES, *IMPORTED_RULES, "import_activations")
        cases = models if of_models else blocks if rule in BLOCK_RULES else [()]
        found |= {" ".join(map(str, (rule, *case))) for case in cases}
    return found


def onwards(*rules, models=MODELS, blocks=BLOCKS) -> set[str]:
    """The jobs of `rules` and of the rules that follow from them."""
    following = {later for rule in rules for later in ONWARDS[rule]}
    return jobs(*following, models=models, blocks=blocks)


def of(architecture) -> dict[str, list[tuple]]:
    """The models and blocks of configs/tiny.yaml that hold an architecture."""
    return {
        "models": [model for model in MODELS if architecture in model],
        "blocks": [block for block in BLOCKS if architecture in block],
    }


def copy(source, folder) -> None:
    """Copy a folder as `cp -a` does, dates and all."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))


@dataclass(frozen=True)
class Outcome:
    """What a call of Snakemake did: `jobs` were started, or would be; `failed` ended in an error.

    `records` holds what the logger plugin wrote of each job.
    """

    jobs: set[str]
    failed: set[str]
    records: list[dict]
    returncode: int
    text: str


@dataclass(frozen=True)
class Study:
    """A folder with the workflow, the config `tiny.yaml` and, after a run, its results."""

    folder: Path

    def call(self, *arguments, configfile="tiny.yaml", environment=None, wrapper=()) -> Outcome:
        """Call Snakemake, without a default config if `configfile` is named.

        `wrapper` goes before the command, to run it as another user, say.
        """
        log = self.folder / "jobs.jsonl"
        log.unlink(missing_ok=True)
        log.touch()
        log.chmod(0o666)
        command = [*wrapper, sys.executable, "-m", "snakemake", "--cores", "2"]
        command += ["--logger", "jobs", "--logger-jobs-path", str(log), *arguments]
        if configfile:
            command += ["--configfile", configfile]
        environment = environment or os.environ
        environment = {k: v for k, v in environment.items() if not k.startswith("SNAKEMAKE_")}
        environment["PYTHONPATH"] = str(Path(__file__).parent)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        names = {record["jobid"]: _name(record) for record in records if "rule" in record}
        names = {jobid: name for jobid, name in names.items() if name != "all"}
        failed = {names[record["jobid"]] for record in records if "failed" in record}
        started = [record for record in records if record.get("rule", "all") != "all"]
        assert len(set(names.values())) == len(names), "two jobs of one name"
        return Outcome(set(names.values()), failed, started, done.returncode, done.stdout)

    def due(self, *arguments, configfile="tiny.yaml") -> set[str]:
        """The jobs that a call with `arguments` would run."""
        outcome = self.call("--dry-run", *arguments, configfile=configfile)
        assert outcome.returncode == 0, outcome.text
        return outcome.jobs

    def run(self, *arguments) -> Outcome:
        """Call Snakemake for real; it must succeed."""
        outcome = self.call(*arguments)
        assert outcome.returncode == 0, outcome.text
        return outcome

    @property
    def config(self) -> dict:
        """The config as it is in the file."""
        return yaml.safe_load((self.folder / "tiny.yaml").read_text(encoding="utf-8"))

    def defaults(self, section, key) -> list:
        """What the schema says a key of the config is if it is left out."""
        return study_schema()["properties"][section]["properties"][key]["default"]

    def write_config(self, config) -> None:
        """Replace the config, keys in the order that they are given in."""
        (self.folder / "tiny.yaml").write_text(
            yaml.safe_dump(config, sort_keys=False), encoding="utf-8"
        )

    def set(self, **changes) -> None:
        """Set keys of the config; `attack__steps=3` is its key `attack.steps`."""
        config = self.config
        for path, value in changes.items():
            *sections, key = path.split("__")
            section = config
            for name in sections:
                section = section.setdefault(name, {})
            section[key] = value
        self.write_config(config)

    def edit(self, path, change) -> None:
        """Replace the text of a file of the workflow by `change(text)`, which must differ."""
        file = self.folder / path
        before = file.read_text(encoding="utf-8")
        file.write_text(change(before), encoding="utf-8")
        assert file.read_text(encoding="utf-8") != before

    def result(self, path) -> Path:
        """A file of the results."""
        return self.folder / "results" / "tiny" / path

    def results(self) -> dict[Path, tuple[int, int]]:
        """Time of modification and size of every file of the results."""
        files = [path for path in self.result(".").rglob("*") if path.is_file()]
        return {file: (file.stat().st_mtime_ns, file.stat().st_size) for file in files}


def _name(record) -> str:
    wildcards = record["wildcards"]
    return " ".join([record["rule"], *(str(wildcards[key]) for key in sorted(wildcards))])
