"""The tables of the page: their columns, and what is averaged over which models and pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from repcompare.report.columns import MISSING, Column, Table, table, whole
from repcompare.tables.attack_checks import attack_checks, resisting
from repcompare.tables.features import at_reference
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import (
    CONTROLS,
    DENOMINATORS,
    MAP_FAMILIES,
    PRIMARY,
    label_of,
    ordered_norms,
    preferred,
)

MODELS = (
    Column("architecture", "architecture"),
    Column("seed", "seed", "count"),
    Column("parameters", "parameters", "count"),
    Column("representation_width", "width", "count"),
    Column("origin", "origin"),
    Column("train_accuracy", "train accuracy, %", "percent", 2),
    Column("test_accuracy", "test accuracy, %", "percent", 2),
    Column("processor", "processor"),
    Column("precision", "precision"),
)
IMPORTED = (
    Column("architecture", "architecture"),
    Column("seed", "seed", "count"),
    Column("weights", "weights, or activations"),
    Column("input", "is shown images of"),
    Column("classifier", "classifier"),
)

ATTACK_CHECKS = (
    Column("attack", "attack"),
    Column("norm", "norm"),
    Column("epsilon_label", "ε"),
    Column("epsilon", "ε, decimal", "number", 4),
    Column("largest", "largest stored", "number", 4),
    Column("success_mean", "success, mean %", "percent", 1),
    Column("success_min", "lowest %", "percent", 1),
    Column("noise_mean", "noise, mean %", "percent", 1),
    Column("noise_max", "highest %", "percent", 1),
    Column("grows", "models where success grew"),
    Column("climbs", "models where the objective rose"),
    Column("zero_gradients", "zero gradients, %", "percent", 1),
)

ATTACK_GROWTH = (
    Column("norm", "norm"),
    Column("models", "models", "count"),
    Column("reached", "models where no image resists", "count"),
    Column("success_min", "lowest success, %", "percent", 1),
    Column("largest", "largest ε needed", "number", 3),
)

COSTS = (
    Column("stage", "stage"),
    Column("jobs", "jobs", "count"),
    Column("seconds", "seconds", "number", 1),
    Column("peak_mib", "peak memory, MiB", "count"),
)

NONROBUST = (
    Column("source_architecture", "source"),
    Column("target_architecture", "target"),
    Column("success", "images driven to their label, %", "percent", 1),
    Column("accuracy", "target's accuracy on clean images, %", "percent", 1),
    Column("chance", "chance, %", "percent", 1),
)

# The architectures of an ordered pair, the first columns of a table of their means.
ENDS = (Column("source_architecture", "source"), Column("target_architecture", "target"))

# The tables of pairs, whose notes the page counts.
PAIRED = ("maps", "geometry", "transfer", "features")

# A table longer than this is named and not shown: the browser would spend seconds laying it out.
LONGEST_TABLE = 2000


def section_tables(
    tables: Mapping[str, pd.DataFrame],
    attack: Strength | None,
    class_names: Sequence[str],
) -> dict[str, Table]:
    """The tables of the page's sections, by name."""
    models = tables["models"]
    shown = {
        "models": table(models, MODELS),
        "imported": table(models[models["origin"] != "trained"], IMPORTED),
        "adequacy": adequacy(models, tables.get("maps")),
        "notes": notes({name: tables[name] for name in PAIRED if name in tables}),
        "costs": table(tables["costs"], COSTS),
    }
    # What is not asked for has no table, and a study of one model has no pair.
    if len(maps := tables.get("maps", ())):
        family = preferred(maps["family"], "least_squares")
        shown["map_blocks"] = map_blocks(maps, family)
        shown["controls"] = control_means(tables["controls"], maps)
        shown["classes"] = class_means(tables["class_accuracies"], family, class_names)
    if len(geometry := tables.get("geometry", ())):
        shown["measures"] = measure_summary(geometry)
        shown["geometry_blocks"] = geometry_blocks(geometry)
    if len(features := tables.get("features", ())):
        shown["features"] = feature_means(features, attack)
    if "nonrobust" in tables:
        shown["nonrobust"] = table(tables["nonrobust"], NONROBUST)
    if "attacks" in tables:
        shown["attack_checks"] = checks_by_strength(tables["attacks"], tables["attack_steps"])
        shown["attack_growth"] = growth_by_norm(tables["attack_growth"])
    if attack is not None:
        transfer = tables["transfer"]
        shown["transfer_blocks"] = transfer_blocks(transfer)
        shown["denominators"] = denominators(transfer, attack)
        shown["transfer_attacks"] = transfer_attacks(transfer)
    return shown


def complete_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, Table | int]:
    """Each large table in full, or its number of rows if it is too long for a page."""
    names = {name: name for name in ("findings", "specifications", "maps", "pairs", "transfer")}
    names["geometry"] = "layers_geometry"
    files = {name: tables[read] for name, read in names.items() if read in tables}
    return {
        name: whole(file) if len(file) <= LONGEST_TABLE else len(file)
        for name, file in files.items()
    }


def adequacy(models: pd.DataFrame, maps: pd.DataFrame | None) -> Table:
    """What each model's representation allows to be estimated: n/d, ranks and dead units."""
    frame = models.assign(rank_share=models["effective_rank"] / models["representation_width"])
    fits = []
    if maps is not None:
        fitted = frame["model"].map(maps.groupby("source")["n_fit"].max())
        frame["fit_over_d"] = fitted / frame["representation_width"]
        fits = [Column("fit_over_d", "fit images / d", "number", 1)]
    columns = [
        Column("model", "model"),
        Column("representation_width", "width d", "count"),
        Column("n_over_d", "test images / d", "number", 1),
        *fits,
        Column("effective_rank", "effective rank", "number", 0),
        Column("rank_share", "rank / d", "number", 2),
        Column("dead_units", "dead units", "count"),
    ]
    return table(frame, columns)


def checks_by_strength(attacks: pd.DataFrame, steps: pd.DataFrame) -> Table:
    """The attacks' sanity checks by attack, norm and ε."""
    checks = attack_checks(attacks, steps)
    place = {norm: place for place, norm in enumerate(ordered_norms(attacks["norm"]))}
    checks = checks.sort_values("norm", key=lambda norms: norms.map(place), kind="stable")
    for name in ("grows", "climbs"):
        checks[name] = [
            MISSING if np.isnan(count) else f"{count:.0f} of {models}"
            for count, models in zip(checks[name], checks["models"], strict=True)
        ]
    checks["norm"] = checks["norm"].map(label_of)
    return table(checks, ATTACK_CHECKS)


def growth_by_norm(growth: pd.DataFrame) -> Table:
    """How far `pgd` gets in balls that grow, by norm."""
    reached = resisting(growth)
    reached["norm"] = reached["norm"].map(label_of)
    return table(reached, ATTACK_GROWTH)


def notes(tables: dict[str, pd.DataFrame]) -> Table:
    """The notes that tables carry (why a value is missing or must be read with care), counted."""
    rows = [
        {"table": name, "note": note, "rows": count}
        for name, frame in tables.items()
        for column in ("note", "flag")
        if column in frame
        for note, count in frame[column]
        .dropna()
        .loc[lambda text: text != ""]
        .value_counts()
        .items()
    ]
    columns = [Column("table", "table"), Column("note", "note"), Column("rows", "rows", "count")]
    return table(pd.DataFrame(rows, columns=["table", "note", "rows"]), columns)


def map_blocks(maps: pd.DataFrame, family: str) -> Table:
    """Mean scores of one family of maps, by source and target architecture."""
    chosen = maps[(maps["family"] == family) & (maps["source"] != maps["target"])]
    grouped = chosen.groupby([column.key for column in ENDS], sort=False)
    scores = ["r2_test", "r2_floor", "r2_class_floor"]
    scores += ["stitched_accuracy", "recovered_accuracy", "agreement"]
    means = grouped[scores].mean().join(grouped.size().rename("pairs"))
    columns = [
        *ENDS,
        Column("pairs", "pairs", "count"),
        Column("r2_test", "held-out R²", "number"),
        Column("r2_floor", "its floor", "number"),
        Column("r2_class_floor", "classes alone", "number"),
        Column("stitched_accuracy", "stitched accuracy, %", "percent", 1),
        Column("recovered_accuracy", "recovered accuracy, %", "percent", 1),
        Column("agreement", "agreement, %", "percent", 1),
    ]
    return table(means.reset_index(), columns)


def control_means(controls: pd.DataFrame, maps: pd.DataFrame) -> Table:
    """Maps from the controls beside maps between trained networks, means by family."""
    crossed = maps[maps["source_architecture"] != maps["target_architecture"]]
    trained = crossed.assign(control="another network of the study")
    both = pd.concat([trained, controls.assign(control=controls["control"].map(CONTROLS))])
    scores = ["r2_test", "recovered_accuracy", "agreement"]
    means = both.groupby(["family", "control"], sort=False)[scores].mean().reset_index()
    means["family"] = means["family"].map(label_of)
    order = {name: place for place, name in enumerate(MAP_FAMILIES.values())}
    means = means.sort_values("family", key=lambda names: names.map(order), kind="stable")
    columns = [
        Column("family", "map"),
        Column("control", "from"),
        Column("r2_test", "held-out R²", "number"),
        Column("recovered_accuracy", "recovered accuracy, %", "percent", 1),
        Column("agreement", "agreement, %", "percent", 1),
    ]
    return table(means, columns)


def class_means(accuracies: pd.DataFrame, family: str, class_names: Sequence[str]) -> Table:
    """Stitched accuracy by class across architectures, against the target's own."""
    crossed = accuracies["source_architecture"] != accuracies["target_architecture"]
    chosen = accuracies[(accuracies["family"] == family) & crossed]
    values = ["stitched_accuracy", "target_accuracy"]
    means = chosen.groupby("label")[values].mean().reset_index()
    means["class"] = [str(class_names[label]) for label in means["label"]]
    means["lost"] = means["target_accuracy"] - means["stitched_accuracy"]
    columns = [
        Column("class", "class"),
        Column("stitched_accuracy", "stitched accuracy, %", "percent", 1),
        Column("target_accuracy", "target's own, %", "percent", 1),
        Column("lost", "lost, points", "percent", 1),
    ]
    return table(means, columns)


def measure_summary(geometry: pd.DataFrame) -> Table:
    """Every measure by its mean over pairs, against its nulls and what training again leaves."""
    same = geometry["architecture_a"] == geometry["architecture_b"]
    grouped = geometry.assign(half=(geometry["high"] - geometry["low"]) / 2).groupby(
        "measure", sort=False
    )
    frame = pd.DataFrame(
        {
            "label": [label_of(name) for name in grouped.groups],
            "cross": geometry[~same].groupby("measure")["value"].mean(),
            "same": geometry[same].groupby("measure")["value"].mean(),
            "null": grouped["null"].mean(),
            "class_null": grouped["class_null"].mean(),
            "bias": grouped["bias"].median(),
            "half": grouped["half"].median(),
            "n": grouped["n"].max(),
            "flag": grouped["flag"].agg(lambda flags: share_flagged(flags)),
        },
        index=list(grouped.groups),
    )
    columns = [
        Column("label", "measure"),
        Column("cross", "different architectures, mean", "number"),
        Column("same", "same architecture, mean", "number"),
        Column("null", "shuffled samples", "number"),
        Column("class_null", "shuffled within classes", "number"),
        Column("bias", "bias of a pair, median", "number"),
        Column("half", "± of a pair, median", "number"),
        Column("n", "samples", "count"),
        Column("flag", "too few samples"),
    ]
    return table(frame, columns)


def share_flagged(flags: pd.Series) -> str:
    """In how many rows n is too small for the measure."""
    flagged = int(flags.fillna("").astype(bool).sum())
    return f"{flagged} of {len(flags)} pairs" if flagged else "none"


def geometry_blocks(geometry: pd.DataFrame) -> Table:
    """Mean of every measure, by unordered pair of architectures."""
    measures = list(geometry["measure"].unique())
    names = np.sort(geometry[["architecture_a", "architecture_b"]].to_numpy(dtype=str), axis=1)
    named = geometry.assign(a=names[:, 0], b=names[:, 1])
    means = named.pivot_table(index=["a", "b"], columns="measure", values="value", dropna=False)
    pairs = named.drop_duplicates(["model_a", "model_b"]).groupby(["a", "b"]).size()
    present = means.reindex(index=pairs.index, columns=measures).assign(pairs=pairs)
    columns = [
        Column("a", "architecture"),
        Column("b", "with"),
        Column("pairs", "pairs", "count"),
        *(Column(measure, label_of(measure), "number") for measure in measures),
    ]
    return table(present.reset_index(), columns)


def feature_means(features: pd.DataFrame, attack: Strength | None) -> Table:
    """Mean input features of each architecture's own pairs, and of different architectures."""
    chosen = at_reference(features, attack)
    same = chosen["architecture_a"] == chosen["architecture_b"]
    frame = chosen.assign(pairs=chosen["architecture_a"].where(same, "different architectures"))
    means = frame.groupby(["measure", "pairs"], sort=False).agg(
        value=("value", "mean"),
        null=("null", "mean"),
        n=("n", "mean"),
        dropped=("dropped", "mean"),
        rows=("value", "size"),
    )
    means = means.reset_index()
    means["measure"] = means["measure"].map(label_of)
    columns = [
        Column("measure", "measure"),
        Column("pairs", "pairs of"),
        Column("rows", "pairs", "count"),
        Column("value", "mean", "number", 3),
        Column("null", "null", "number", 3),
        Column("n", "images", "count"),
        Column("dropped", "dropped", "number", 1),
    ]
    return table(means, columns)


def transfer_blocks(transfer: pd.DataFrame) -> Table:
    """Mean PGD transfer at every strength, by source and target architecture."""
    chosen = transfer[
        (transfer["attack"] == "pgd")
        & (transfer["denominator"] == PRIMARY)
        & (transfer["source"] != transfer["target"])
    ]
    strengths = chosen[["norm", "epsilon", "epsilon_label"]].drop_duplicates(["norm", "epsilon"])
    place = {norm: place for place, norm in enumerate(ordered_norms(chosen["norm"]))}
    strengths = strengths.sort_values("epsilon").sort_values(
        "norm", key=lambda norms: norms.map(place), kind="stable"
    )
    key = [column.key for column in ENDS]
    means = chosen.pivot_table(index=key, columns=["norm", "epsilon"], values="fooled")
    means.columns = [f"{norm}@{epsilon!r}" for norm, epsilon in means.columns]
    pairs = chosen.drop_duplicates(["source", "target"]).groupby(key).size().rename("pairs")
    columns = [*ENDS, Column("pairs", "pairs", "count")]
    for norm, epsilon, label in strengths.itertuples(index=False):
        name = f"{norm}@{epsilon!r}"
        if name in means:
            columns.append(Column(name, f"{label_of(norm)} {label}, %", "percent", 1))
    return table(means.join(pairs).reset_index(), columns)


def denominators(transfer: pd.DataFrame, attack: Strength) -> Table:
    """Transfer at one strength under each denominator, averaged over the ordered pairs."""
    chosen = transfer[
        (transfer["attack"] == "pgd")
        & (transfer["norm"] == attack.norm)
        & (transfer["epsilon_label"].astype(str) == attack.epsilon_label)
        & (transfer["source"] != transfer["target"])
    ]
    means = chosen.groupby("denominator", sort=False)[
        ["n", "fooled", "same_mistake", "other_mistake", "margin_drop"]
    ].mean()
    means = means.reset_index()
    means["denominator"] = [DENOMINATORS[name] for name in means["denominator"]]
    columns = [
        Column("denominator", "images counted"),
        Column("n", "images a pair", "count"),
        Column("fooled", "target fooled, %", "percent", 1),
        Column("same_mistake", "same mistake, %", "percent", 1),
        Column("other_mistake", "other mistake, %", "percent", 1),
        Column("margin_drop", "margin drop", "number", 2),
    ]
    return table(means, columns)


def transfer_attacks(transfer: pd.DataFrame) -> Table:
    """Mean transfer of every attack and of noise at every strength, by kind of pair."""
    chosen = transfer[
        (transfer["denominator"] == PRIMARY) & (transfer["source"] != transfer["target"])
    ]
    same = chosen["source_architecture"] == chosen["target_architecture"]
    keys = ["attack", "norm", "epsilon", "epsilon_label"]
    means = chosen.assign(
        same_architecture=chosen["fooled"].where(same),
        other_architecture=chosen["fooled"].where(~same),
    ).groupby(keys, sort=False)[["same_architecture", "other_architecture", "same_mistake"]]
    frame = means.mean().reset_index()
    frame["norm"] = frame["norm"].map(label_of)
    columns = [
        Column("attack", "attack"),
        Column("norm", "norm"),
        Column("epsilon_label", "ε"),
        Column("same_architecture", "same architecture fooled, %", "percent", 1),
        Column("other_architecture", "other architecture fooled, %", "percent", 1),
        Column("same_mistake", "same mistake, %", "percent", 1),
    ]
    return table(frame, columns)
