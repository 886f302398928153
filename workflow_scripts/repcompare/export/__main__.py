"""What a study found, as files for use elsewhere: images as PNG or .npy, and pairs as arrays.

Finished results are read, and nothing is computed. The folder then has the images of `clean`,
`adversarial` and `inversions`, an index of each as CSV, and `pairs.nc`, a netCDF file of every number
of every pair of models; of what the study does not ask for there is nothing.
"""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.data.dataset_file import Dataset
from repcompare.export.images import (
    FORMATS,
    MODES,
    adversarial_groups,
    clean_group,
    export_images,
    inversion_groups,
)
from repcompare.export.pairs import ARRANGED, pair_arrays
from repcompare.features.features_file import InputFeatures
from repcompare.storage.files import MismatchError
from repcompare.storage.hdf5 import ModelFile
from repcompare.storage.netcdf import write_netcdf
from repcompare.storage.seals import DamagedError
from repcompare.study.config import ConfigError, asked, models, validate
from repcompare.study.config_file import read_config
from repcompare.tables.files import read_tables
from repcompare.tables.schema import TABLES, summary_tables

# What has images of models: the section of the config, the file of each model, and its reader.
OF_MODELS: dict[str, tuple[str, type[ModelFile]]] = {
    "attack": ("adversarial.h5", AdversarialImages),
    "features": ("features.h5", InputFeatures),
}


class ExportError(ValueError):
    """A study that cannot be exported as it is asked for; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Export a study."""
    parser = argparse.ArgumentParser("python -m repcompare.export", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--to", type=Path, help="a new folder; results/{study}/export if left out")
    parser.add_argument("--format", choices=FORMATS, default="png", help="of images")
    options = parser.parse_args(arguments)
    try:
        config = validate(read_config(options.configfile))
        results = Path("results") / config["study"]
        to = options.to or results / "export"
        missing = [path for path in needed(config, results) if not path.exists()]
        if missing:
            raise ExportError(f"{missing[0]}: no such file; make run STUDY={options.configfile}")
        export(config, results, to, options.format)
    except (ConfigError, DamagedError, ExportError, MismatchError) as error:
        sys.exit(str(error))
    print(f"{to}: {', '.join(sorted(path.name for path in to.iterdir()))}")


def needed(config: Mapping[str, Any], results: Path) -> list[Path]:
    """The files of a study's results that an export reads. Raises ExportError if there are none."""
    images = [path for paths in model_files(config, results).values() for path in paths]
    data = [results / "data" / "dataset.h5"] if images else []
    found = [*data, *images, *table_files(config, results).values()]
    if not found:
        raise ExportError("nothing to export: maps, geometry, attack and features are null")
    return found


def model_files(config: Mapping[str, Any], results: Path) -> dict[str, list[Path]]:
    """The files that hold images of models, by the section that asks for them."""
    return {
        section: [
            results / "models" / architecture / f"seed{seed}" / name
            for architecture, seed in models(config, section)
        ]
        for section, (name, _) in OF_MODELS.items()
        if asked(config, section)
    }


def table_files(config: Mapping[str, Any], results: Path) -> dict[str, Path]:
    """The tables of pairs that the study has."""
    there = summary_tables(lambda section: asked(config, section))
    return {name: results / TABLES[name].path for name in ARRANGED if name in there}


def export(config: Mapping[str, Any], results: Path, to: Path, form: str) -> None:
    """Write everything to a new folder, which is whole or not there at all.

    Args:
        config: a validated one.
        results: the folder of the study, with the files that are `needed`.
        to: a folder that is not there, or empty.
        form: of images, see `FORMATS`.

    Raises:
        ExportError: the folder has something in it, or the format cannot hold the images.
        MismatchError: two files do not belong to one run.
    """
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise ExportError(f"{to} is there already: remove it, or name another folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.") as temporary:
        folder = Path(temporary, "export")
        folder.mkdir()
        if files := model_files(config, results):
            write_images(folder, files, results / "data" / "dataset.h5", form)
        if tables := table_files(config, results):
            write_pairs(folder, tables, config)
        folder.replace(to)


def write_images(
    folder: Path, files: Mapping[str, Sequence[Path]], dataset: Path, form: str
) -> None:
    """Write all images of the models, by section, and the clean ones that they were made from."""
    write = FORMATS[form]
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(Dataset(dataset))
        channels = data.image_shape[0]
        if form == "png" and channels not in MODES:
            raise ExportError(
                f"--format: png, but images have {channels} channels, not {' or '.join(map(str, MODES))}; "
                "allowed: npy"
            )
        opened: dict[str, list] = {
            section: [stack.enter_context(OF_MODELS[section][1](path)) for path in paths]
            for section, paths in files.items()
        }
        if form == "png" and not all(file.quantised for file in opened.get("attack", ())):
            raise ExportError(
                "--format: png, but it would round the images of attack.quantise: false; allowed: npy"
            )
        made = [file for section in opened.values() for file in section]
        export_images(folder, "clean", [clean_group(made, data)], write)
        if "attack" in opened:
            export_images(folder, "adversarial", adversarial_groups(opened["attack"]), write)
        if "features" in opened:
            export_images(folder, "inversions", inversion_groups(opened["features"]), write)


def write_pairs(folder: Path, files: Mapping[str, Path], config: Mapping[str, Any]) -> None:
    """Write the arrays of the tables of pairs."""
    names = [f"{architecture}/seed{seed}" for architecture, seed in models(config)]
    arrays = pair_arrays(read_tables(files), names)
    title = f"Every pair of models of the study {config['study']}"
    write_netcdf(folder / "pairs.nc", arrays, {"title": title, "study": config["study"]})


if __name__ == "__main__":
    main()
