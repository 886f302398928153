"""`python -m repcompare.export` says in one line what it lacks, before it writes anything."""

import dataclasses

import numpy as np
import pytest
import xarray
import yaml
from unit.support.resealed import resealed
from unit.support.small_study import COMPUTATION, LINF
from unit.support.synthetic_tables import tables

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.attacks.suite import Attack
from repcompare.export.__main__ import ExportError, main, write_images
from repcompare.stages.attack import attack_model
from repcompare.tables.files import write_table

NETWORK = {"factory": "resnet", "kwargs": {"blocks": [1], "width": 4}}
CONFIG = {
    "study": "small",
    "data": {"name": "digits"},
    "seeds": [0, 1],
    "architectures": {"densenet40": NETWORK, "resnet20": NETWORK},
    "attack": None,
    "features": None,
}


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """What an export of a study of two tables prints, or ends with."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "small"
    found = tables(2, 2)
    for name in ("maps", "geometry"):
        write_table(results / "tables" / f"{name}.csv", name, found[name])

    def called(*arguments, **changes) -> str:
        config = yaml.safe_dump({**CONFIG, **changes})
        (tmp_path / "study.yaml").write_text(config, encoding="utf-8")
        try:
            main(["--configfile", "study.yaml", *arguments])
        except SystemExit as end:
            return str(end) if isinstance(end.code, str) else capsys.readouterr().err
        return capsys.readouterr().out

    return called


def test_a_study_without_attacks_and_features_has_its_pairs_alone(exported, tmp_path):
    assert exported() == "results/small/export: pairs.nc\n"
    with xarray.open_dataset(tmp_path / "results/small/export/pairs.nc") as found:
        assert {"maps_r2_test", "geometry_value"} <= set(found)
        assert found.attrs["study"] == "small"


def test_of_a_section_that_is_null_there_is_nothing(exported, tmp_path):
    assert exported("--to", "elsewhere", maps=None) == "elsewhere: pairs.nc\n"
    with xarray.open_dataset(tmp_path / "elsewhere/pairs.nc") as found:
        assert {name.split("_")[0] for name in found.data_vars} == {"geometry"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"attack": {"samples": 10}},
            "results/small/data/dataset.h5: no such file; make run STUDY=study.yaml",
        ),
        (
            {"maps": None, "geometry": None},
            "nothing to export: maps, geometry, attack and features are null",
        ),
        (
            {"seeds": [0]},
            "tables/maps.csv has densenet40/seed1, which the study does not; call snakemake again",
        ),
        ({"seeds": [-1]}, "seeds[0]: got -1"),
    ],
)
def test_what_is_lacking_is_said_and_nothing_is_written(exported, tmp_path, changes, said):
    assert exported("--to", "new/folder", **changes).startswith(said)
    assert not list((tmp_path / "new").glob("*"))


def test_a_damaged_file_is_named_and_nothing_is_written(exported, tmp_path):
    table = tmp_path / "results/small/tables/maps.csv"
    table.write_bytes(table.read_bytes()[:-10])
    said = exported("--to", "new/folder")
    assert said.startswith("results/small/tables/maps.csv: damaged: its bytes are not those of its")
    assert not list((tmp_path / "new").glob("*"))


def test_a_folder_that_has_something_in_it_is_left_alone(exported, tmp_path):
    (tmp_path / "mine").mkdir()
    assert exported("--to", "mine") == "mine: pairs.nc\n"
    file = tmp_path / "mine" / "pairs.nc"
    file.write_text("mine", encoding="utf-8")
    assert exported("--to", "mine") == "mine is there already: remove it, or name another folder"
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_format_that_there_is_not_is_refused(exported):
    assert "argument --format: invalid choice: 'tiff'" in exported("--format", "tiff")


def test_png_is_refused_where_it_would_change_or_cannot_hold_the_images(study, dataset, tmp_path):
    attack_model(
        tmp_path / "adversarial.h5",
        study["vgg/seed0"].model,
        dataset,
        20,
        [Attack("noise", None, (LINF,))],
        dataclasses.replace(COMPUTATION, quantise=False),
    )
    files = {"attack": [tmp_path / "adversarial.h5"]}
    with pytest.raises(ExportError, match=r"would round .* attack\.quantise: false; allowed: npy"):
        write_images(tmp_path, files, dataset.path, "png")
    write_images(tmp_path, files, dataset.path, "npy")
    (array,) = (tmp_path / "adversarial").rglob("*.npy")
    with AdversarialImages(files["attack"][0]) as file:
        (stored,) = file.attacks.values()
        np.testing.assert_array_equal(np.load(array), stored.images[:])
    with resealed(tmp_path / "two.h5") as file:
        file["train/images"] = np.zeros((1, 2, 8, 8), np.uint8)
    with pytest.raises(ExportError, match="images have 2 channels, not 1 or 3; allowed: npy"):
        write_images(tmp_path, {}, tmp_path / "two.h5", "png")
