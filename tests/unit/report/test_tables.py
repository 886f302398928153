"""What the page's tables count and average, against the same taken by hand."""

import pandas as pd
import pytest
from unit.support.synthetic_tables import tables

from repcompare.report.columns import Column
from repcompare.report.costs import read_costs
from repcompare.report.tables import (
    adequacy,
    class_means,
    control_means,
    denominators,
    feature_means,
    geometry_blocks,
    map_blocks,
    measure_summary,
    notes,
    transfer_attacks,
    transfer_blocks,
)
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import label_of


@pytest.fixture
def study():
    return tables(3, 2)


def shown(table):
    """The rows as the page shows them, each by the keys of its columns."""
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


def the_row(table, **wanted):
    (row,) = (row for row in shown(table) if wanted.items() <= row.items())
    return row


def percent(frame, column):
    return f"{100 * frame[column].mean():.1f}"


def with_white_box(transfer):
    """As transfer.csv has it: with the attack's effect on its own source, here on every image."""
    own = transfer.assign(target=transfer["source"], fooled=1.0, same_mistake=1.0)
    own["target_architecture"] = own["source_architecture"]
    keys = ["source", "attack", "norm", "epsilon", "denominator"]
    return pd.concat([transfer, own.drop_duplicates(keys)], ignore_index=True)


def test_transfer_between_architectures_is_that_of_pgd_on_other_models(study):
    transfer = with_white_box(study["transfer"])
    made = transfer_blocks(transfer)
    strengths = [column.key for column in made.columns[3:]]
    assert [key.split("@")[0] for key in strengths] == ["linf"] * 4 + ["l2"] * 3
    assert strengths[:4] == sorted(strengths[:4], key=lambda key: float(key.split("@")[1]))
    own = the_row(made, source_architecture="resnet20", target_architecture="resnet20")
    other = the_row(made, source_architecture="resnet20", target_architecture="densenet40")
    assert (own["pairs"], other["pairs"]) == ("2", "4")
    for row in (own, other):
        chosen = study["transfer"].query(
            "attack == 'pgd' and denominator == 'both_correct' and norm == 'l2' and epsilon == 0.5 "
            f"and source_architecture == 'resnet20' "
            f"and target_architecture == '{row['target_architecture']}'"
        )
        assert row["l2@0.5"] == percent(chosen, "fooled")


def test_every_attack_has_its_transfer_by_kind_of_pair(study):
    made = transfer_attacks(with_white_box(study["transfer"]))
    assert len(made.rows) == 2 * 7
    for attack in ("pgd", "noise"):
        chosen = study["transfer"].query(
            f"attack == '{attack}' and denominator == 'both_correct' and epsilon_label == '4/255'"
        )
        same = chosen["source_architecture"] == chosen["target_architecture"]
        row = the_row(made, attack=attack, epsilon_label="4/255")
        assert row["same_architecture"] == percent(chosen[same], "fooled")
        assert row["other_architecture"] == percent(chosen[~same], "fooled")
        assert row["same_mistake"] == percent(chosen, "same_mistake")


def test_denominators_are_compared_at_one_strength_of_pgd(study):
    transfer = with_white_box(study["transfer"])
    of_source = transfer["denominator"] == "source_fooled"
    transfer.loc[of_source, "fooled"] /= 2
    made = denominators(transfer, Strength("linf", 8 / 255, "8/255"))
    assert len(made.rows) == 4
    chosen = study["transfer"].query("attack == 'pgd' and epsilon_label == '8/255'")
    rates = sorted(row["fooled"] for row in shown(made))
    assert rates == [f"{50 * chosen['fooled'].mean():.1f}", *3 * [percent(chosen, "fooled")]]
    assert {row["n"] for row in shown(made)} == {"1 000"}


def test_features_of_an_architectures_own_pairs_stand_beside_those_of_different_ones(study):
    features = study["features"]
    made = feature_means(features, Strength("linf", 8 / 255, "8/255"))
    assert len(made.rows) == 6 * 4
    for measure, condition in (("stir", "noise"), ("mistake_agreement", "linf 8/255")):
        chosen = features.query(f"measure == '{measure}' and condition == '{condition}'")
        own = chosen.query("architecture_a == 'resnet20' and architecture_b == 'resnet20'")
        crossed = chosen.query("architecture_a != architecture_b")
        for pairs, part in (("resnet20", own), ("different architectures", crossed)):
            row = the_row(made, measure=label_of(measure), pairs=pairs)
            assert row["rows"] == str(len(part))
            assert row["value"] == f"{part['value'].mean():.3f}".replace("-", "−")


def test_measures_stand_beside_their_nulls_and_their_samples(study):
    geometry = study["geometry"]
    geometry.loc[geometry["measure"] == "svcca", "high"] += 0.02
    geometry.loc[geometry["measure"].eq("svcca").idxmax(), "null"] += 0.15
    made = measure_summary(geometry)
    row = the_row(made, label=label_of("svcca"))
    chosen = geometry[geometry["measure"] == "svcca"]
    same = chosen["architecture_a"] == chosen["architecture_b"]
    assert row["cross"] == f"{chosen.loc[~same, 'value'].mean():.3f}"
    assert row["same"] == f"{chosen.loc[same, 'value'].mean():.3f}"
    assert (row["null"], row["half"], row["n"], row["flag"]) == ("0.210", "0.020", "597", "none")
    assert row["class_null"] == f"{chosen['class_null'].mean():.3f}"
    assert row["bias"] == f"{chosen['bias'].median():.3f}"
    flagged = the_row(made, label=label_of("cca"))
    assert flagged["flag"] == f"{len(chosen)} of {len(chosen)} pairs"


def test_controls_stand_beside_maps_from_other_architectures_alone(study):
    made = control_means(study["controls"], study["maps"])
    assert [row["family"] for row in shown(made)] == [
        *4 * ["least squares"], *4 * ["ridge"], *4 * ["orthogonal"],
    ]  # fmt: skip
    crossed = study["maps"].query(
        "family == 'ridge' and source_architecture != target_architecture"
    )
    row = the_row(made, family="ridge", control="another network of the study")
    assert row["r2_test"] == f"{crossed['r2_test'].mean():.3f}"
    assert the_row(made, family="ridge", control="the pixels")["r2_test"] == "0.400"
    assert the_row(made, family="ridge", control="the untrained network")["r2_test"] == "0.500"


def test_accuracy_by_class_is_that_of_one_family_across_architectures(study):
    classes = study["class_accuracies"]
    same = classes["source_architecture"] == classes["target_architecture"]
    classes.loc[same, "stitched_accuracy"] = 0.0
    classes.loc[classes["family"] != "ridge", "stitched_accuracy"] = 0.1
    classes.loc[classes["label"] == 1, "target_accuracy"] = 0.99
    made = class_means(classes, "ridge", ["T-shirt", "Trouser", "Pullover"])
    assert [row["class"] for row in shown(made)] == ["T-shirt", "Trouser", "Pullover"]
    trouser = the_row(made, **{"class": "Trouser"})
    assert (trouser["stitched_accuracy"], trouser["target_accuracy"]) == ("90.0", "99.0")
    assert trouser["lost"] == "9.0"


def test_validity_is_samples_and_rank_for_each_dimension(study):
    study["models"].loc[0, "representation_width"] = 30
    first, second, *_ = shown(adequacy(study["models"], study["maps"]))
    assert (first["n_over_d"], first["fit_over_d"]) == ("15.6", "40.0")
    assert (first["rank_share"], first["dead_units"]) == ("2.00", "1")
    assert second["rank_share"] == "0.94"


def test_costs_are_summed_by_stage_and_unmeasured_memory_is_unknown(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tcpu_time\n"
    rows = {
        "train/a/seed0": "10.5\t0:00:10\t512.25\t-\t9",
        "train/a/seed1": "9.5\t0:00:09\t600.0\t-\t9",
        "compare/a--b": "0.1\t0:00:00\t-\t-\tNA",
        "summarise": "3\t0:00:03\tNA\tNA\tNA",
    }
    files = []
    for name, row in rows.items():
        files.append(tmp_path / "results" / "digits" / "benchmarks" / f"{name}.tsv")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_text(header + row + "\n", encoding="utf-8")
    costs = read_costs(files)
    assert list(costs["stage"]) == ["train", "summarise", "compare"]
    assert list(costs["jobs"]) == [2, 1, 1]
    assert list(costs["seconds"]) == [20.0, 3.0, 0.1]
    assert costs.loc[0, "peak_mib"] == 600.0
    assert costs["peak_mib"].isna().tolist() == [False, True, True]
    assert read_costs([]).empty


@pytest.mark.parametrize(
    "content", ["", "s\tmax_rss\n", "s\tmax_rss\nmany\t1\n", "\0\n\0", "12\n3"]
)
def test_a_damaged_benchmark_file_is_left_out_and_said_so(tmp_path, caplog, content):
    path = tmp_path / "benchmarks" / "train" / "a.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    assert read_costs([path]).empty
    assert "a.tsv: not a benchmark file, left out of the costs" in caplog.text


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("", "", "count"), 1234567.0, "1 234 567"),
        (Column("", "", "number", 2, signed=True), -0.5, "−0.50"),
        (Column("", "", "number", 2, signed=True), 0.5, "+0.50"),
        (Column("", "", "percent", 1), 0.9876, "98.8"),
        (Column("", "", "number"), float("nan"), "–"),
        (Column("", ""), None, "–"),
    ],
)
def test_cells_are_written_for_readers(column, value, text):
    assert column.show(value) == text


def test_block_means_count_and_average_the_right_pairs():
    maps = tables(3, 2)["maps"]
    shown = map_blocks(maps, "ridge").rows
    assert len(shown) == 9
    chosen = maps.query("source_architecture == 'resnet20' and target_architecture == 'densenet40'")
    mean = chosen.query("family == 'ridge'")["r2_test"].mean()
    row = next(row for row in shown if row[:2] == ("resnet20", "densenet40"))
    assert row[2:4] == ("4", f"{mean:.3f}")
    geometry = tables(3, 2)["geometry"]
    flipped = geometry.rename(
        columns={"model_a": "model_b", "model_b": "model_a"}
        | {"architecture_a": "architecture_b", "architecture_b": "architecture_a"}
    )
    assert geometry_blocks(flipped).rows == geometry_blocks(geometry).rows


def test_notes_are_counted():
    maps = tables(3, 2)["maps"]
    maps.loc[[1, 5], "note"] = "constant source representation"
    assert notes({"maps": maps}).rows == [("maps", "constant source representation", "2")]
