"""The published verdicts are what today's code says of the published tables."""

from pathlib import Path

import pandas as pd
import pytest
from workflow.study import ROOT

from repcompare.stages.judge_findings import judge_findings
from repcompare.study.config import network_families, validate
from repcompare.study.config_file import read_config
from repcompare.tables.files import read_table

PUBLISHED = ROOT / "docs" / "fashion_mnist"


@pytest.mark.slow
def test_the_published_verdicts_follow_from_the_published_tables(tmp_path):
    config = validate(read_config(ROOT / "config" / "studies" / "fashion_mnist_published.yaml"))
    tables = {path.name.partition(".")[0]: path for path in (PUBLISHED / "judged").iterdir()}
    names = ("findings", "specifications")
    written = [Path(tmp_path, f"{name}.csv") for name in names]
    judge_findings(
        *written,
        tables=tables | {"models": PUBLISHED / "models.csv"},
        settings={
            "statistics": config["statistics"],
            "network_families": network_families(config),
        },
    )
    for name, path in zip(names, written, strict=True):
        published = read_table(PUBLISHED / f"{name}.csv")
        pd.testing.assert_frame_equal(read_table(path), published, rtol=1e-6)
