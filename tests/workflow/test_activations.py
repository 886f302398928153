"""Networks that are known by their activations: alone, beside trained ones, and when they change."""

import csv
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from workflow.study import REPORT, Study, copy, jobs

# Of the tiny study, whose activations are taken to be somebody's.
THINGS = {
    "study": "things",
    "data": {"name": "ids", "root": "things/images.csv"},
    "seeds": [0, 1],
    "architectures": {
        "resnet": {"activations": "things/resnet{seed}.h5"},
        "vgg": {"activations": "things/vgg/features.npy", "seeds": [0]},
    },
    "activations": {"layers": ["stage1"]},
    "attack": None,
    "features": None,
}
MODELS = [("resnet", 0), ("resnet", 1), ("vgg", 0)]
BLOCKS = [("resnet", "resnet"), ("resnet", "vgg")]


def activations(finished, name) -> dict[str, np.ndarray]:
    """Ids, labels and layers of a model of the tiny study, fit images first, in another order."""
    with h5py.File(finished.result(f"models/{name}/activations.h5")) as file:
        both = {
            key: np.concatenate([file[f"{split}/{key}"][:] for split in ("fit", "test")])
            for key in ("ids", "labels", "stage1", "penultimate")
        }
        both["split"] = np.repeat(
            ["train", "test"], [len(file[f"{s}/ids"]) for s in ("fit", "test")]
        )
    order = np.random.default_rng(len(name)).permutation(len(both["ids"]))
    return {key: values[order] for key, values in both.items()}


def write_hdf5(path, found) -> None:
    with h5py.File(path, "w") as file:
        for key in ("ids", "stage1", "penultimate"):
            file[key] = found[key]


@pytest.fixture(scope="module")
def things(finished, tmp_path_factory):
    """The tiny study's activations as files of one's own, and the study of nothing but them."""
    folder = tmp_path_factory.mktemp("things") / "study"
    copy(finished.folder, folder)
    shutil.rmtree(folder / "results")
    (folder / "things" / "vgg").mkdir(parents=True)
    for seed in range(2):
        found = activations(finished, f"resnet/seed{seed}")
        write_hdf5(folder / "things" / f"resnet{seed}.h5", found)
    found = activations(finished, "vgg/seed0")
    np.save(folder / "things" / "vgg" / "features.npy", found["penultimate"])
    names = "".join(f"{i}\n" for i in found["ids"])
    (folder / "things" / "vgg" / "file_names.txt").write_text(names, encoding="utf-8")
    with (folder / "things" / "images.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", "split"])
        rows.writerows(zip(found["ids"], found["labels"], found["split"], strict=True))
    study = Study(folder)
    study.write_config(THINGS)
    done = study.run()
    expected = jobs("import_activations", "describe", models=MODELS)
    expected |= jobs("prepare_data", "compare", *REPORT, blocks=BLOCKS)
    assert done.jobs == expected - {"draw_adversarial_examples"}
    return study


def table(study, name, of="things") -> pd.DataFrame:
    path = study.folder / "results" / of / "tables" / f"{name}.csv"
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_they_are_as_similar_as_the_networks_that_computed_them(things, finished):
    keys = ["model_a", "model_b", "layer_a", "layer_b", "measure"]
    found = table(things, "geometry").set_index(keys)["value"]
    before = table(finished, "geometry", of="tiny").set_index(keys)["value"]
    # A network's answers are not among its activations; neighbours are of a part of the images.
    same = found.dropna().index.intersection(before.index)
    assert {measure for *_, measure in same} >= {"cka", "cka_within_class", "procrustes", "pwcca"}
    assert len(same) > 2 * 10
    np.testing.assert_allclose(found[same], before[same], rtol=1e-6, atol=1e-9)


def test_maps_between_them_explain_as_much_and_what_needs_a_classifier_says_so(things, finished):
    keys = ["source", "target", "family"]
    found, before = (table(s, "maps", of) for s, of in ((things, "things"), (finished, "tiny")))
    assert (found["note"] == "the target has no linear classifier").all()
    assert found["stitched_accuracy"].isna().all()
    both = found.merge(before, on=keys, suffixes=("", "_before"))
    assert len(both) == len(found)
    # The rank of a map is chosen by leaving out parts of the images, which are in another order.
    both = both[both["family"] != "reduced_rank"]
    np.testing.assert_allclose(both["r2_test"], both["r2_test_before"], rtol=1e-5)


def test_the_page_says_what_they_are_and_what_was_not_asked(things):
    page = (things.folder / "results" / "things" / "report.html").read_text(encoding="utf-8")
    assert "ids (10 classes: test 597, train 200)" in page
    assert "<td>things/vgg/features.npy</td>" in page
    assert 'id="figure-accuracies"' not in page
    assert "attack is null in the config" in page


def test_another_file_reruns_its_architecture_and_what_hangs_on_it(things, tmp_path):
    copy(things.folder, tmp_path / "study")
    study = Study(tmp_path / "study")
    assert study.due() == set()
    with h5py.File(study.folder / "things" / "resnet1.h5", "a") as file:
        file["penultimate"][0] += 1
    expected = jobs("import_activations", "describe", models=[("resnet", 1)])
    expected |= jobs("compare", *REPORT, blocks=BLOCKS)
    assert study.due() == expected - {"draw_adversarial_examples"}
    study.set(activations__fit_samples=100)
    expected |= jobs("import_activations", "describe", models=MODELS)
    assert study.due() == expected - {"draw_adversarial_examples"}


def test_beside_trained_networks_they_take_part_in_what_needs_no_network(study, finished):
    write_hdf5(study.folder / "stored.h5", activations(finished, "vgg/seed1"))
    stored = {"activations": "stored.h5", "seeds": [7]}
    study.set(architectures={**study.config["architectures"], "stored": stored})
    blocks = [("resnet", "stored"), ("stored", "vgg")]
    expected = jobs("import_activations", "describe", models=[("stored", 7)])
    expected |= jobs("compare", *REPORT, blocks=blocks)
    # Six examples of attacks are of the same networks, and of the transfer between them.
    assert study.run().jobs == expected
    pairs = table(study, "pairs", of="tiny").set_index(["source", "target"])
    twin = pairs.loc[("stored/seed7", "vgg/seed1")]
    assert twin["cka"] == pytest.approx(1)
    assert twin["stitched_accuracy_least_squares"] > 0
    assert "transfer_linf_32_255" in twin["note"]
    assert not table(study, "transfer", of="tiny")["source"].str.contains("stored").any()
    models = table(study, "models", of="tiny").set_index("model")
    assert models.loc["stored/seed7", "note"] == "known by its activations alone; has no answers"


def test_ids_that_a_file_lacks_are_named_and_nothing_else_is_lost(study, finished):
    found = activations(finished, "vgg/seed1")
    write_hdf5(study.folder / "stored.h5", {key: values[5:] for key, values in found.items()})
    stored = {"activations": "stored.h5", "seeds": [7]}
    study.set(architectures={**study.config["architectures"], "stored": stored})
    done = study.call()
    assert done.returncode != 0
    assert done.failed == {"import_activations stored 7"}
    assert "architectures.stored.activations: stored.h5: " in done.text
    assert " ids missing (" in done.text
