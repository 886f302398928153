"""A finished study is verified file by file, and by what its files say that they were made from."""

import shutil

import pytest
import yaml
from unit.support.study_configs import config

from repcompare import verify
from repcompare.storage.files import read_json, write_json
from repcompare.storage.seals import beside, beside_text
from repcompare.study.config import validate
from repcompare.tables.schema import TABLES

MODEL, BLOCK = "models/resnet/seed0", "blocks/resnet--vgg"


@pytest.fixture
def small(results, files, tmp_path):
    """A copy of the small study."""
    assert files
    folder = tmp_path / "results" / "small"
    shutil.copytree(results, folder)
    return folder


def problems(folder):
    return list(verify.Study(folder).problems())


def test_a_whole_study_has_no_problem(small):
    assert problems(small) == []
    assert len(verify.Study(small).files) > 30


@pytest.mark.parametrize(
    "name",
    [
        "data/dataset.h5",
        f"{BLOCK}/maps.h5",
        f"{BLOCK}/evaluation.h5",
        f"{BLOCK}/geometry.csv",
        f"{MODEL}/activations.h5",
        f"{MODEL}/controls.csv",
        f"{MODEL}/record.json",
    ],
)
def test_one_bit_of_any_file_is_one_line_that_names_it(small, name):
    path = small / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (line,) = problems(small)
    assert line.startswith(f"{path}: damaged")


def test_weights_that_are_not_the_records_are_told(small):
    weights = small / MODEL / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    found = problems(small)
    assert found[-1].startswith(f"{small / MODEL / 'record.json'}: not made from {weights}")


def test_files_of_two_generations_are_told(small):
    """Each of them whole, at its place."""
    path = small / MODEL / "record.json"
    write_json(path, read_json(path) | {"data_digest": "other", "model_digest": "other"})
    found = problems(small)
    assert [line.partition(":")[0] for line in found] == [str(path)] * 2


def given_origin(path, origin):
    """The file beside a table, with another word of what the table was made from."""
    beside(path).write_text(beside_text(path, path, origin), encoding="utf-8")


def test_tables_of_other_activations_or_of_two_studies_are_told(small):
    seeds = {"resnet": [0, 1], "vgg": [0]}
    architectures = {name: {"factory": name, "seeds": own} for name, own in seeds.items()}
    study = validate(config() | {"architectures": architectures})
    for name, table in TABLES.items():
        if "/" not in name:
            (small / "tables").mkdir(exist_ok=True)
            (small / table.path).write_text("", encoding="utf-8")
            given_origin(small / table.path, "of one study")
    assert list(verify.of_others(study, small)) == []
    given_origin(small / BLOCK / "geometry.csv", "of other activations")
    given_origin(small / "tables" / "pairs.csv", "of another study")
    of_block, of_study = verify.of_others(study, small)
    assert of_block.startswith(f"{small / BLOCK / 'geometry.csv'}: not made from the activations")
    assert f"{small / 'tables' / 'pairs.csv'} has 'of another study'" in of_study


def test_what_is_missing_is_told(small):
    whole = {line.partition(":")[0] for line in verify.missing(validate(config()), small)}
    (small / "data" / "dataset.h5").unlink()
    more = {line.partition(":")[0] for line in verify.missing(validate(config()), small)}
    assert more - whole == {str(small / "data" / "dataset.h5")}


def test_the_command_ends_with_1_and_its_lines_where_something_is_wrong(
    small, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config()), encoding="utf-8")
    with pytest.raises(SystemExit) as error:
        verify.main(["--configfile", "small.yaml"])
    assert "results/small/tables/findings.csv: no such file; call again" in str(error.value.code)
    monkeypatch.setattr(verify, "missing", lambda *_: [])
    monkeypatch.setattr(verify, "of_others", lambda *_: ["pairs.csv: of another study"])
    with pytest.raises(SystemExit, match="of another study"):
        verify.main(["--configfile", "small.yaml"])
    monkeypatch.setattr(verify, "of_others", lambda *_: [])
    verify.main(["--configfile", "small.yaml"])
    number = len(verify.Study(small).files)
    assert capsys.readouterr().out.startswith(f"results/small: {number} files are what was written")
