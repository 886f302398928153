"""The published verdicts are what today's code says of the published tables."""

from pathlib import Path

import pandas as pd
import pytest
from workflow.study import ROOT

from repcompare.stages.judge_findings import judge_findings
from repcompare.study.config import network_families, validate
from repcompare.study.config_file import read_config
from repcompare.tables.files import read_table

# Folders of docs/, and the config of each.
PUBLISHED = {"fashion_mnist": "fashion_mnist_published", "resnext": "resnext"}


@pytest.mark.slow
@pytest.mark.parametrize("folder", PUBLISHED)
def test_the_published_verdicts_follow_from_the_published_tables(folder, tmp_path):
    config = validate(read_config(ROOT / "config" / "studies" / f"{PUBLISHED[folder]}.yaml"))
    published = ROOT / "docs" / folder
    tables = {path.name.partition(".")[0]: path for path in (published / "judged").iterdir()}
    names = ("findings", "specifications")
    written = [Path(tmp_path, f"{name}.csv") for name in names]
    judge_findings(
        *written,
        tables=tables | {"models": published / "models.csv"},
        settings={
            "statistics": config["statistics"],
            "network_families": network_families(config),
        },
    )
    for name, path in zip(names, written, strict=True):
        expected = read_table(published / f"{name}.csv")
        pd.testing.assert_frame_equal(read_table(path), expected, rtol=1e-6)
