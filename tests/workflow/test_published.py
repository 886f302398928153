"""The published verdicts are what today's code says of the published tables."""

import itertools
import re
from pathlib import Path

import numpy as np
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


COLUMNS = [
    "cka_debiased",
    "cka_within_class",
    "stir_noise",
    "gradient_alignment",
    "transfer_linf_8_255",
]
GROUPS = [f"resnext_c{groups}" for groups in (1, 2, 4, 8, 16, 32)]
RESNEXT = ROOT / "docs" / "resnext"


def of_pairs(table, chosen):
    return table.loc[chosen, COLUMNS].mean().tolist()


def test_the_table_of_groups_follows_from_the_pairs():
    pairs = read_table(RESNEXT / "pairs.csv")
    ends = pairs[["source_architecture", "target_architecture"]]
    own, grouped = pairs["same_architecture"], ends.isin(GROUPS)
    expected = [of_pairs(pairs, own & (ends.iloc[:, 0] == "resnet"))]
    expected += [of_pairs(pairs, own & (ends.iloc[:, 0] == name)) for name in GROUPS]
    expected.append(of_pairs(pairs, ~own & grouped.all(axis=1)))
    expected.append(of_pairs(pairs, ends.eq("resnet").any(axis=1) & grouped.any(axis=1)))
    expected.append(of_pairs(pairs, own & (ends.iloc[:, 0] == "resnet_robust")))
    page = (RESNEXT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]+\|((?: [\d.]+ \|){5})$", page, re.MULTILINE)
    published = [[float(cell) for cell in row.split("|")[:-1]] for row in rows]
    rounding = np.array([0.0005, 0.005, 0.005, 0.005, 0.005]) * 1.001
    assert (np.abs(np.subtract(published, expected)) <= rounding).all()


@pytest.mark.parametrize(
    ("measure", "spearman", "p"),
    [
        ("cka_debiased", -0.09, 0.92),
        ("stir_noise", -0.89, 0.03),
        ("gradient_alignment", -0.94, 0.02),
        ("transfer_linf_8_255", -0.89, 0.03),
    ],
)
def test_the_trends_with_the_number_of_groups_follow_from_the_pairs(measure, spearman, p):
    pairs = read_table(RESNEXT / "pairs.csv")
    own = pairs[pairs["same_architecture"]].groupby("source_architecture")[measure].mean()
    ranks = own[GROUPS].rank().to_numpy()
    orders = np.array(list(itertools.permutations(range(6))))
    found = np.array([np.corrcoef(ranks, order)[0, 1] for order in orders])
    assert found[0] == pytest.approx(spearman, abs=0.005)
    assert np.mean(np.abs(found) >= abs(found[0]) - 1e-12) == pytest.approx(p, abs=0.005)
