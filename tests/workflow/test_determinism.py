"""What a job makes depends on nothing but its inputs and settings."""

import os
import shutil

MODEL = "models/vgg/seed0"
ELSEWHERE = {
    "PYTHONHASHSEED": "12345",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "OMP_NUM_THREADS": "2",
}


def test_in_another_environment_a_model_and_its_block_are_the_same_bytes(study):
    remade = [study.result(MODEL), study.result("blocks/vgg--vgg")]
    before = {file: file.read_bytes() for folder in remade for file in folder.iterdir()}
    for folder in remade:
        shutil.rmtree(folder)
    targets = [str(file.relative_to(study.folder)) for file in before]
    outcome = study.call(*targets, "--cores", "1", environment=os.environ | ELSEWHERE)
    assert outcome.returncode == 0, outcome.text
    assert {"train vgg 0", "attack vgg 0", "compare vgg vgg", "evaluate vgg vgg"} <= outcome.jobs
    different = [file.name for file, content in before.items() if file.read_bytes() != content]
    assert different == []
