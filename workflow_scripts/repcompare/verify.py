"""Is every file of a finished study what was written, and do they belong together?

Nothing is computed and nothing is changed. One line a file that is not what it was, with the status 1;
else one line that says how many were read.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from repcompare.storage.files import MismatchError, read_json, require_equal
from repcompare.storage.hdf5 import StoredFile
from repcompare.storage.seals import DamagedError, file_digest, origin_of, place
from repcompare.study import config as study_config
from repcompare.study.config_file import read_config
from repcompare.tables.files import read_table
from repcompare.tables.schema import TABLES, summary_tables
from repcompare.tables.summary import DIGESTS, activation_digests, require_block_origins

# The attributes that say what a file was made from: the digest of one file, or one of each model.
MADE_FROM = {
    "data_digest": "data/dataset.h5",
    "model_digest": "models/{model}/weights.safetensors",
    "model_digests": "models/{model}/weights.safetensors",
    "activation_digests": "models/{model}/activations.h5",
    "adversarial_digests": "models/{model}/adversarial.h5",
    "features_digests": "models/{model}/features.h5",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Verify a study."""
    parser = argparse.ArgumentParser("python -m repcompare.verify", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    options = parser.parse_args(arguments)
    try:
        config = study_config.validate(read_config(options.configfile))
    except study_config.ConfigError as error:
        sys.exit(str(error))
    results = Path("results") / config["study"]
    found = Study(results)
    problems = [*found.problems(), *missing(config, results)]
    # Tables that are damaged or missing say nothing of what they were made from.
    problems = problems or list(of_others(config, results))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{results}: {len(found.files)} files are what was written, and belong together.")


def missing(config: Mapping[str, Any], results: Path) -> Iterator[str]:
    """A line for each file that the study asks for and that is not there."""
    tables = summary_tables(lambda section: study_config.asked(config, section))
    models = [f"models/{name}/seed{seed}" for name, seed in study_config.models(config)]
    networks = [f"models/{name}/seed{seed}" for name, seed in study_config.networks(config)]
    blocks = [f"blocks/{a}--{b}" for a, b in study_config.blocks(config, "maps")]
    wanted = ["data/dataset.h5", *(TABLES[name].path for name in (*tables, "findings"))]
    wanted += [f"{model}/{name}" for model in models for name in ("record.json", "activations.h5")]
    wanted += [f"{model}/weights.safetensors" for model in networks]
    if study_config.asked(config, "maps"):
        wanted += [f"{block}/maps.h5" for block in blocks]
    for name in wanted:
        if not (results / name).exists():
            yield f"{results / name}: no such file; call again"


def of_others(config: Mapping[str, Any], results: Path) -> Iterator[str]:
    """A line for each table of a block that is of other activations, and for tables of two studies."""
    models = {f"{name}/seed{seed}" for name, seed in study_config.models(config)}
    current = activation_digests(results / f"models/{name}/activations.h5" for name in models)
    for a, b in study_config.blocks(config):
        for path in sorted((results / "blocks" / f"{a}--{b}").glob("*.csv")):
            try:
                require_block_origins([path], current)
            except DamagedError as error:
                yield str(error)
    tables = summary_tables(lambda section: study_config.asked(config, section))
    paths = [results / TABLES[name].path for name in (*tables, "findings", "specifications")]
    try:
        require_equal("what the tables are made from", [(path, origin_of(path)) for path in paths])
    except MismatchError as error:
        yield str(error)


class Study:
    """The stored files of a study, each read once."""

    def __init__(self, results: Path) -> None:
        """`results` is the folder of the study."""
        self.results = results
        self.files = [
            path
            for path in sorted(results.rglob("*"))
            if place(path) and path.suffix in (".h5", ".json", ".csv", ".safetensors")
        ]
        # What every file is known by to those that were made from it.
        self.digests: dict[str, str] = {}
        # Of each file what it was made from: digests by the names of files.
        self.made_from: dict[Path, dict[str, str]] = {}

    def problems(self) -> Iterator[str]:
        """A line for each file that is not what it was, then for each of two that do not belong together."""
        readers = {".h5": self._hdf5, ".json": self._record, ".csv": self._table}
        for path in self.files:
            if path.suffix == ".safetensors":
                self.digests[self._name(path)] = file_digest(path)
                continue
            try:
                readers[path.suffix](path)
            except DamagedError as error:
                yield str(error)
        for path, made_from in self.made_from.items():
            for name, digest in made_from.items():
                # One that is damaged was told of, one that is missing is.
                if self.digests.get(name, digest) != digest:
                    yield f"{path}: not made from {self.results / name} as it is; delete it and call again"

    def _name(self, path: Path) -> str:
        return path.relative_to(self.results).as_posix()

    def _hdf5(self, path: Path) -> None:
        with StoredFile(path) as file:
            self.digests[self._name(path)] = file.digest
            attributes = dict(file.h5.attrs)
        models = attributes.get("models", [attributes.get("model")])
        made = self.made_from[path] = {}
        for key, name in MADE_FROM.items():
            if key in attributes:
                values = [attributes[key]] if isinstance(attributes[key], str) else attributes[key]
                for model, value in zip(models, values, strict=False):
                    made[name.format(model=model)] = value

    def _record(self, path: Path) -> None:
        record = read_json(path)
        if path.name == "record.json":
            weights = self._name(path.with_name("weights.safetensors"))
            made = {"data/dataset.h5": record["data_digest"], weights: record["model_digest"]}
            self.made_from[path] = made

    def _table(self, path: Path) -> None:
        table = read_table(path)
        made = self.made_from[path] = {}
        for digest, model in DIGESTS.items():
            if digest in table:
                for name, value in set(zip(table[model], table[digest], strict=True)):
                    made[f"models/{name}/activations.h5"] = value


if __name__ == "__main__":
    main()
