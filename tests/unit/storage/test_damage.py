"""A damaged file is refused by name by the stage that reads it: the short form of benchmarks/damage.py."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import pytest
from unit.support.damages import damages
from unit.support.small_study import FAMILIES, MEASURES

from repcompare.stages.attack import attack
from repcompare.stages.compare import compare
from repcompare.stages.compare_features import compare_features
from repcompare.stages.describe import describe
from repcompare.stages.evaluate import evaluate
from repcompare.stages.summarise import summarise
from repcompare.storage.files import MismatchError
from repcompare.storage.seals import DamagedError, beside
from repcompare.tables.files import read_table

MODEL, OTHER, BLOCK = "models/resnet/seed0", "models/resnet/seed1", "blocks/resnet--resnet"


class Small:
    """A copy of the small study, and its stages as the rules call them, on the damaged files."""

    def __init__(self, folder):
        self.folder = folder
        self.made = folder.parent / "made"

    def at(self, *names):
        return [self.folder / name for name in names]

    def of_models(self, name):
        return self.at(f"{MODEL}/{name}", f"{OTHER}/{name}")

    @property
    def dataset(self):
        return self.folder / "data/dataset.h5"

    def describe(self):
        (activations,) = self.at(f"{MODEL}/activations.h5")
        settings = {"families": FAMILIES}
        describe(self.made, activations=activations, dataset=self.dataset, settings=settings)

    def attack(self):
        weights, record = self.at(f"{MODEL}/weights.safetensors", f"{MODEL}/record.json")
        settings = {"batch_size": 50, "precision": "float32", "seed": 0, "quantise": True}
        attack(
            self.made, weights=weights, record=record, dataset=self.dataset, settings=settings,
            device="cpu", threads=1,
        )  # fmt: skip

    def compare(self):
        settings = {"families": [], "measures": MEASURES[:1], "layer_pairs": ()}
        activations, records = (self.of_models(name) for name in ("activations.h5", "record.json"))
        compare(geometry=self.made, activations=activations, records=records, settings=settings)

    def evaluate(self):
        files = {"weights": "weights.safetensors", "records": "record.json"}
        files |= {"adversarial": "adversarial.h5", "features": "features.h5"}
        evaluate(
            self.made, dataset=self.dataset, settings={"batch_size": 64}, device="cpu", threads=1,
            **{kind: self.of_models(name) for kind, name in files.items()},
        )  # fmt: skip

    def compare_features(self):
        files = {"activations": "activations.h5", "inputs": "features.h5"}
        files |= {"adversarial": "adversarial.h5"}
        compare_features(
            self.made, dataset=self.dataset, evaluation=self.folder / BLOCK / "evaluation.h5",
            settings={}, **{kind: self.of_models(name) for kind, name in files.items()},
        )  # fmt: skip

    def summarise(self):
        files = {"records": "record.json", "activations": "activations.h5"}
        files |= {"adversarial": "adversarial.h5", "layers": "layers.csv"}
        files = {kind: self.of_models(name) for kind, name in files.items()}
        files["evaluations"] = self.at(f"{BLOCK}/evaluation.h5")
        summarise({"models": self.made, "layers": self.folder.parent / "layers"}, files=files)


@pytest.fixture(scope="module")
def small(results, files, tmp_path_factory):
    """A copy of the small study, which is damaged and made whole again."""
    assert files
    folder = tmp_path_factory.mktemp("results") / "small"
    shutil.copytree(results, folder)
    return Small(folder)


@contextlib.contextmanager
def as_it_was(path):
    """Whatever is done to a file and to the digest beside it is undone, dates too."""
    before = {p: (p.read_bytes(), p.stat()) for p in (path, beside(path)) if p.exists()}
    yield
    for each, (content, stat) in before.items():
        each.write_bytes(content)
        os.utime(each, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def believed(path, donors, read) -> list[str]:
    """The damages of a file that are not refused by a line that names it."""
    whole, found = path.read_bytes(), []
    for damage in damages(path, donors, arrays=2):
        with as_it_was(path):
            stat = path.stat()
            damage.apply(path)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            if path.suffix == ".json" and same(path.read_bytes(), whole):
                continue
            try:
                read()
            except (DamagedError, MismatchError) as error:
                text = str(error)
                if str(path) in text and text.endswith("delete it and call again"):
                    continue
                found.append(f"{damage.name}: {text}")
            else:
                found.append(damage.name)
    return found


def same(one, other):
    """Whether two texts are one record; a bit may be of a space."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("name", "other", "stage"),
    [
        ("data/dataset.h5", None, "describe"),
        ("data/dataset.h5", None, "attack"),
        (f"{MODEL}/record.json", f"{OTHER}/record.json", "attack"),
        (f"{MODEL}/record.json", f"{OTHER}/record.json", "compare"),
        (f"{MODEL}/record.json", f"{OTHER}/record.json", "summarise"),
        (f"{MODEL}/weights.safetensors", f"{OTHER}/weights.safetensors", "evaluate"),
        (f"{MODEL}/activations.h5", f"{OTHER}/activations.h5", "compare"),
        (f"{MODEL}/activations.h5", f"{OTHER}/activations.h5", "describe"),
        (f"{MODEL}/adversarial.h5", f"{OTHER}/adversarial.h5", "evaluate"),
        (f"{MODEL}/features.h5", f"{OTHER}/features.h5", "compare_features"),
        (f"{BLOCK}/evaluation.h5", "blocks/resnet--vgg/evaluation.h5", "compare_features"),
        (f"{BLOCK}/evaluation.h5", "blocks/resnet--vgg/evaluation.h5", "summarise"),
    ],
)
def test_every_damage_is_refused_by_the_stage_that_reads_the_file(small, name, other, stage):
    donors = {"another model or block": small.folder / other} if other else {}
    assert believed(small.folder / name, donors, getattr(small, stage)) == []


@pytest.mark.parametrize(
    "name",
    [
        *(f"{MODEL}/{name}.csv" for name in ("layers", "controls")),
        *(
            f"{BLOCK}/{name}.csv"
            for name in ("maps", "class_accuracies", "geometry", "convergence", "features")
        ),
    ],
)
def test_every_damage_of_a_table_is_refused_by_its_reader(small, name):
    path = small.folder / name
    other = Path(str(path).replace(MODEL, OTHER).replace(BLOCK, "blocks/resnet--vgg"))
    assert believed(path, {"another model or block": other}, lambda: read_table(path)) == []


def test_weights_and_record_of_another_network_are_refused_together(small):
    paths = small.at(f"{MODEL}/weights.safetensors", f"{MODEL}/record.json")
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(as_it_was(path))
            shutil.copyfile(str(path).replace(MODEL, OTHER), path)
        with pytest.raises(DamagedError, match=r"seed0/record\.json: .* written as .*seed1/record"):
            small.attack()


def test_undamaged_files_are_read(small):
    for stage in ("describe", "compare", "compare_features", "summarise"):
        getattr(small, stage)()
        assert small.made.exists()
        small.made.unlink()
