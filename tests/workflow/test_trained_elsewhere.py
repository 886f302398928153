"""Networks of a study, imported into another one from copies of their weights, give the same tables."""

import json
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
from workflow.study import BLOCK_RULES, GALLERY, IMPORTED_RULES, MODELS, REPORT, Study, copy, jobs

# Columns that say where a network comes from and what its training was.
OF_ORIGIN = {"origin", "weights", "train_accuracy", "epochs", "precision", "note"}


def as_safetensors(weights, path) -> None:
    """The file as it is, but for its name."""
    path.write_bytes(weights.read_bytes())


def as_saved_by_torch(weights, path) -> None:
    """A checkpoint of a wrapped network, as it is often saved."""
    state = safetensors.torch.load_file(weights)
    wrapped = {f"module.{name}": value for name, value in state.items()}
    torch.save({"state_dict": wrapped, "epoch": 2}, path)


@pytest.fixture(scope="module")
def both(finished, tmp_path_factory):
    """The tiny study, whose networks were trained, and a study of copies of them."""
    study = Study(tmp_path_factory.mktemp("elsewhere") / "study")
    copy(finished.folder, study.folder)
    (study.folder / "runs").mkdir()
    kinds = {"resnet": ("pt", as_saved_by_torch), "vgg": ("safetensors", as_safetensors)}
    for name, seed in MODELS:
        ending, saved = kinds[name]
        weights = finished.result(f"models/{name}/seed{seed}/weights.safetensors")
        saved(weights, study.folder / "runs" / f"{name}-{seed}.{ending}")
    for name, (ending, _) in kinds.items():
        study.set(**{f"architectures__{name}__weights": f"runs/{name}-{{seed}}.{ending}"})
    study.set(study="elsewhere", report__title="tiny")
    rules = ("prepare_data", *IMPORTED_RULES, *BLOCK_RULES, *GALLERY, *REPORT)
    assert study.run().jobs == jobs(*rules)
    return finished.folder / "results" / "tiny", study.folder / "results" / "elsewhere"


def test_the_weights_are_the_same_bytes_whatever_file_they_came_from(both):
    for name, seed in MODELS:
        model = f"models/{name}/seed{seed}"
        one, other = ((folder / model / "weights.safetensors").read_bytes() for folder in both)
        assert one == other
        records = [
            json.loads((folder / model / "record.json").read_text(encoding="utf-8"))
            for folder in both
        ]
        assert [record["origin"] for record in records] == ["trained", "imported"]
        assert records[0]["model_digest"] == records[1]["model_digest"]
        assert records[0]["test_accuracy"] == records[1]["test_accuracy"]


def test_every_table_is_the_same_but_for_where_the_networks_come_from(both):
    """So also the networks as they were before their training, and what attacks draw at random."""
    one, other = both
    names = sorted(path.relative_to(one) for path in one.rglob("*.csv"))
    assert names == sorted(path.relative_to(other) for path in other.rglob("*.csv"))
    assert len(names) > 20
    same = [name for name in names if (one / name).read_bytes() == (other / name).read_bytes()]
    of_models = Path("tables/models.csv")
    assert [name for name in names if name not in same] == [of_models]
    before, after = (pd.read_csv(folder / of_models) for folder in both)
    assert {column for column in before if not before[column].equals(after[column])} == OF_ORIGIN
