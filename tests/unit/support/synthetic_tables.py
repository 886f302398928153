"""The tables of a study that was never run, with a structure known exactly."""

import numpy as np
import pandas as pd

from repcompare.figures import registry
from repcompare.findings.rows import Resampling
from repcompare.findings.table import findings_tables
from repcompare.stages.draw_figures import drawn, with_derived
from repcompare.tables.schema import TABLES

EPSILONS = {
    "linf": [("2/255", 2 / 255), ("4/255", 4 / 255), ("8/255", 8 / 255), ("16/255", 16 / 255)],
    "l2": [("0.25", 0.25), ("0.5", 0.5), ("1", 1.0)],
}
FAMILIES = {"least_squares": 0.0, "ridge": 0.01, "orthogonal": -0.15}
MEASURES = ("cka", "cka_debiased", "procrustes", "cca", "svcca")
ENDS = ["source", "target"]
DENOMINATORS = ("both_correct", "target_correct", "source_fooled", "all_correct")
NAMES = ("densenet40", "resnet20", "resnext29", "vgg", "wide_resnet16")


def tables(
    architectures: int = 5,
    seeds: int = 3,
    *,
    beta: float = 20.0,
    node_effects: float = 0.8,
    exception: float = 0.05,
    images: int = 1000,
    random_state: int = 0,
) -> dict[str, pd.DataFrame]:
    """The tables, by name, as the workflow's summary writes them.

    Transfer is logit T = level(ε) + source + target + beta · (similarity − 0.9), where every
    measure has the same similarity but for a shift. The third architecture's own pairs are more
    similar than the rest by `exception`; retraining changes nothing elsewhere.
    """
    random = np.random.default_rng(random_state)
    names = [*NAMES, *(f"net{place:02d}" for place in range(95))][:architectures]
    models = [f"{name}/seed{seed}" for name in names for seed in range(seeds)]
    architecture = {model: model.split("/")[0] for model in models}
    similarity = pairwise_similarity(models, architecture, exception, random)
    effects = node_effects * random.normal(size=(2, len(models)))
    geometry = geometry_table(models, architecture, similarity)
    maps = maps_table(models, architecture, similarity, random)
    transfer = transfer_table(models, architecture, similarity, effects, beta, images)
    return {
        "models": models_table(models, architecture, random),
        "controls": controls_table(models, architecture),
        "maps": maps,
        "class_accuracies": classes_table(maps),
        "geometry": geometry if len(geometry) else pd.DataFrame(columns=TABLES["geometry"].names),
        "convergence": convergence_table(models, architecture),
        "transfer": transfer,
        "features": features_table(models, architecture, similarity),
        "attacks": attacks_table(models, architecture),
        "attack_steps": steps_table(models, architecture),
        "attack_growth": growth_table(models, architecture),
        "pairs": pairs_table(maps, geometry, transfer),
    }


def findings(study, **settings) -> pd.DataFrame:
    """findings.csv of a study of `tables`, from few permutations unless `settings` say more."""
    return judged(study, **settings)[0]


def judged(study, families=(), **settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """findings.csv and specifications.csv."""
    resampling = Resampling(**{"permutations": 199, "seed": 0} | settings)
    return findings_tables(study, dict(families), resampling)


def pairwise_similarity(models, architecture, exception, random):
    similarity = np.full((len(models), len(models)), np.nan)
    third = sorted(set(architecture.values()))[2:3]
    for a in range(len(models)):
        for b in range(a + 1, len(models)):
            one, other = architecture[models[a]], architecture[models[b]]
            bonus = exception if one == other and one in third else 0.0
            similarity[a, b] = similarity[b, a] = 0.9 + 0.012 * random.normal() + bonus
    return similarity


def models_table(models, architecture, random):
    rows = [
        {
            "architecture": architecture[model],
            "seed": int(model.split("/seed")[1]),
            "model": model,
            "factory": architecture[model].rstrip("0123456789"),
            "parameters": 50_000 + 1000 * len(architecture[model]),
            "representation_width": 64,
            "origin": "trained",
            "weights": "",
            "input": "",
            "classifier": "",
            "train_accuracy": 1.0,
            "test_accuracy": round(0.985 + 0.004 * random.normal(), 4),
            "epochs": 20,
            "device": "cpu",
            "processor": "A processor, AVX2",
            "precision": "float32",
            "n_over_d": 1000 / 64,
            "effective_rank": 60,
            "dead_units": 1,
            "note": "",
        }
        for model in models
    ]
    return pd.DataFrame(rows)


def ordered(models):
    return [(a, b) for a in range(len(models)) for b in range(len(models)) if a != b]


def ends(models, architecture, a, b):
    return {
        "source": models[a],
        "target": models[b],
        "source_architecture": architecture[models[a]],
        "target_architecture": architecture[models[b]],
    }


def maps_table(models, architecture, similarity, random):
    rows = []
    for a, b in ordered(models):
        for family, shift in FAMILIES.items():
            r2 = similarity[a, b] + shift + 0.005 * random.normal()
            stitched = 0.985 - 0.1 * (1 - r2)
            recovered = (stitched - 0.1) / 0.885
            rows.append(
                ends(models, architecture, a, b)
                | {"family": family, "n_fit": 1200, "n_test": 597, "d_source": 64, "d_target": 64}
                | {"rank": 64}
                | {"lambda": 1.0 if family == "ridge" else 0.0, "r2_fit": r2 + 0.01, "r2_test": r2}
                | {
                    "r2_floor": 64 / 1199,
                    "r2_class_floor": 0.4,
                    "stitched_accuracy": stitched,
                    "target_accuracy": 0.985,
                }
                | {"r2_test_low": r2 - 0.005, "r2_test_high": r2 + 0.005, "agreement": stitched}
                | {"recovered_accuracy": recovered, "recovered_accuracy_low": recovered - 0.01}
                | {"recovered_accuracy_high": recovered + 0.01, "note": ""}
            )
    return pd.DataFrame(rows, columns=TABLES["maps"].names)


def controls_table(models, architecture):
    rows = [
        {"control": control, "model": model, "architecture": architecture[model]}
        | {"family": family, "r2_test": r2, "recovered_accuracy": r2 + 0.1, "agreement": r2}
        for model in models
        for control, r2 in (("untrained", 0.5), ("untrained_batch_norm", 0.45), ("pixels", 0.4))
        for family in FAMILIES
    ]
    return pd.DataFrame(rows)


def classes_table(maps):
    keys = ["source_architecture", "target_architecture", "family"]
    parts = [maps[keys].drop_duplicates().assign(label=label) for label in range(3)]
    return pd.concat(parts).assign(stitched_accuracy=0.9, target_accuracy=0.95)


def convergence_table(models, architecture):
    first = {}
    for a, b in ordered(models):
        if a < b:
            key = (architecture[models[a]], architecture[models[b]])
            first.setdefault(key, (models[a], models[b]))
    rows = [
        {"model_a": a, "model_b": b, "measure": measure, "n": n}
        | {"value": 0.9 - 1 / n, "flag": "", "note": ""}
        for a, b in first.values()
        for measure in MEASURES
        for n in (75, 149, 299, 597)
    ]
    return pd.DataFrame(rows, columns=TABLES["convergence"].names)


def geometry_table(models, architecture, similarity):
    rows = [
        {
            "model_a": models[a],
            "model_b": models[b],
            "architecture_a": architecture[models[a]],
            "architecture_b": architecture[models[b]],
            "layer_a": "penultimate",
            "layer_b": "penultimate",
            "measure": measure,
            "value": similarity[a, b] - 0.1 * place,
            "low": similarity[a, b] - 0.1 * place - 0.01,
            "high": similarity[a, b] - 0.1 * place + 0.01,
            "bias": 0.002,
            "error": 0.01 / 2.13,
            "null": 0.05 * place,
            "class_null": 0.1 + 0.05 * place,
            "retraining_reference": 0.9,
            "n": 597,
            "flag": "n/d is 9.3, below 10" if measure == "cca" else "",
            "note": "",
        }
        for a, b in ordered(models)
        if a < b
        for place, measure in enumerate(MEASURES)
    ]
    return pd.DataFrame(rows, columns=TABLES["geometry"].names)


def level(norm, place):
    return -2.6 + (1.2 if norm == "linf" else 1.5) * place


def transfer_table(models, architecture, similarity, effects, beta, images):
    rows = []
    for a, b in ordered(models):
        tilt = effects[0, a] + effects[1, b] + beta * (similarity[a, b] - 0.9)
        for attack in ("pgd", "noise"):
            for norm, sweep in EPSILONS.items():
                for place, (label, epsilon) in enumerate(sweep):
                    logit = level(norm, place) + tilt if attack == "pgd" else -5.5 + 0.5 * place
                    fooled = round(images / (1 + np.exp(-logit))) / images
                    for denominator in DENOMINATORS:
                        rows.append(
                            ends(models, architecture, a, b)
                            | {"attack": attack, "norm": norm, "epsilon": epsilon}
                            | {"epsilon_label": label, "denominator": denominator, "n": images}
                            | {"fooled": fooled, "same_mistake": 0.6 * fooled}
                            | {"other_mistake": 0.4 * fooled, "margin_drop": 5 * fooled, "note": ""}
                        )
    return pd.DataFrame(rows, columns=TABLES["transfer"].names)


def attacks_table(models, architecture):
    rows = [
        {
            "model": model,
            "architecture": architecture[model],
            "attack": attack,
            "norm": norm,
            "epsilon": epsilon,
            "epsilon_label": label,
            "steps": 10 if attack == "pgd" else 0,
            "target": "none",
            "n": 300,
            "success_rate": min(1.0, 0.3 + 0.25 * place) if attack == "pgd" else 0.005 * place,
            "mean_loss": 2.0 + place,
            "max_linf": epsilon if norm == "linf" else 0.1,
            "max_l2": epsilon if norm == "l2" else 1.0,
        }
        for model in models
        for attack in ("pgd", "noise")
        for norm, sweep in EPSILONS.items()
        for place, (label, epsilon) in enumerate(sweep)
    ]
    return pd.DataFrame(rows)


def features_table(models, architecture, similarity):
    measures = [("gradient_alignment", ""), ("unit_matching", "")]
    measures += [
        (measure, f"{norm} {label}")
        for measure in ("perturbation_agreement", "mistake_agreement")
        for norm, sweep in EPSILONS.items()
        for label, _ in sweep
    ]
    directed = [(m, start) for m in ("stir", "inverted_cka") for start in ("noise", "image")]
    rows = []
    for a, b in ordered(models):
        names = {"model_a": models[a], "model_b": models[b]}
        names |= {
            "architecture_a": architecture[models[a]],
            "architecture_b": architecture[models[b]],
        }
        value = similarity[a, b] - 0.5
        for place, (measure, condition) in enumerate([*measures, *directed]):
            if a < b or (measure, condition) in directed:
                rows.append(
                    names
                    | {"measure": measure, "condition": condition, "value": value - 0.01 * place}
                    | {"low": value - 0.1, "high": value + 0.1, "null": 0.0, "n": 90}
                    | {"dropped": 3, "note": ""}
                )
    return pd.DataFrame(rows, columns=TABLES["features"].names)


def steps_table(models, architecture):
    rows = [
        {"model": model, "architecture": architecture[model], "attack": "pgd", "norm": norm}
        | {"epsilon": epsilon, "epsilon_label": label, "step": step}
        | {"objective": 0.1 + place * step, "zero_gradients": 0.25 if step else 0.0}
        for model in models
        for norm, sweep in EPSILONS.items()
        for place, (label, epsilon) in enumerate(sweep)
        for step in range(4)
    ]
    return pd.DataFrame(rows)


def growth_table(models, architecture):
    rows = [
        {"model": model, "architecture": architecture[model], "norm": norm}
        | {"epsilon": sweep[0][1] * 2**place, "success_rate": (0.3, 0.7, 0.95, 1.0)[place]}
        for number, model in enumerate(models)
        for norm, sweep in EPSILONS.items()
        for place in range(4 - (number == 1))
    ]
    return pd.DataFrame(rows)


def pairs_table(maps, geometry, transfer):
    key = ["source", "target", "source_architecture", "target_architecture"]
    pairs = maps[key].drop_duplicates(ignore_index=True)
    same = pairs["source_architecture"] == pairs["target_architecture"]
    pairs = pairs.assign(same_architecture=same)
    for score in ("r2_test", "stitched_accuracy", "recovered_accuracy", "agreement"):
        for family in FAMILIES:
            chosen = maps.loc[maps["family"] == family, ["source", "target", score]]
            chosen = chosen.rename(columns={score: f"{score}_{family}"})
            pairs = pairs.merge(chosen, on=["source", "target"], how="left")
    for measure in MEASURES:
        chosen = geometry.loc[geometry["measure"] == measure, ["model_a", "model_b", "value"]]
        there = chosen.set_axis(["source", "target", measure], axis=1)
        back = chosen.set_axis(["target", "source", measure], axis=1)
        pairs = pairs.merge(pd.concat([there, back]), on=["source", "target"], how="left")
    rates = transfer[(transfer["attack"] == "pgd") & (transfer["denominator"] == "both_correct")]
    for (norm, label), chosen in rates.groupby(["norm", "epsilon_label"]):
        name = f"transfer_{norm}_{label.replace('/', '_')}"
        chosen = chosen[["source", "target", "fooled"]].rename(columns={"fooled": name})
        pairs = pairs.merge(chosen, on=["source", "target"], how="left")
    return pairs.assign(disagreement=0.02)


def drawn_from(name):
    """A function that draws a figure of the registry from `tables`."""

    def draw(study):
        if name == "specifications":
            study = {"specifications": judged(study)[1], **study}
        return drawn(name, with_derived(study))

    return draw


FIGURES = {name: drawn_from(name) for name in registry.FIGURES}

# Resampling that is enough for a verdict.
MANY = {"permutations": 999}


def decided(table):
    """The rows of findings.csv that have a verdict, by finding."""
    return table[table["verdict"] != ""].set_index("finding")


# The columns of the tables of pairs that may be empty, and those that tell a pair.
EMPTIED = {
    "maps": (["r2_test", "r2_test_low", "r2_test_high", "stitched_accuracy", "agreement"], ENDS),
    "geometry": (
        ["value", "low", "high", "bias", "error", "null", "class_null", "retraining_reference"],
        ["model_a", "model_b"],
    ),
    "transfer": (["fooled", "same_mistake", "other_mistake", "margin_drop"], ENDS),
    "features": (["value", "low", "high", "null"], ["model_a", "model_b"]),
}


def with_holes(study, kind, random_state: int = 0) -> dict[str, pd.DataFrame]:
    """The tables with a third of the pairs without values, or without rows if `kind` is `rows`.

    Which pairs is drawn for each table, and the same whichever model comes first.
    """
    random = np.random.default_rng(random_state)
    found = dict(study)
    for name, (columns, ends) in EMPTIED.items():
        table = study[name].copy()
        pairs = table[ends].apply(lambda row: tuple(sorted(row)), axis=1)
        names = sorted(set(pairs))
        chosen = {names[place] for place in random.permutation(len(names))[: len(names) // 3]}
        empty = pairs.isin(chosen)
        if kind == "rows":
            table = table[~empty].reset_index(drop=True)
        else:
            table.loc[empty, [column for column in columns if column in table]] = np.nan
            table.loc[empty, "note"] = "a network without answers"
        found[name] = table
    return found
