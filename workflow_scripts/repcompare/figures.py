"""Figures of accuracy, attacks and transfer: the study's tables in, a matplotlib figure out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.findings import (
    joined,
    reference_attack,
    transfer_numbers,
    without_node_effects,
)
from repcompare.panels import (
    dot,
    kind_keys,
    legend_below,
    mark_mean,
    mean_tick,
    missing_kinds,
    name_rows,
    panel_grid,
    title_figure,
)
from repcompare.plot_style import (
    CROSS,
    KINDS,
    MEASURES,
    NOISE,
    NORMS,
    SAME,
    VECTOR_MARKS,
    WHITE_BOX,
    explain,
    explanation,
    few_ticks,
    jitter,
    ordered_norms,
    styled,
)
from repcompare.transfer_rates import PRIMARY

PANELS_PER_ROW = 3
MEASURES_PER_ROW = 5


@styled
def accuracies(models: pd.DataFrame) -> Figure:
    """Test accuracy of every model, by architecture; `models` is models.csv."""
    names = sorted(models["architecture"].unique())
    figure = Figure(figsize=(5.2, 0.9 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(names):
        of_name = 100 * models.loc[models["architecture"] == name, "test_accuracy"].to_numpy(float)
        axes.scatter(of_name, row + jitter(len(of_name), 0.3), s=18, color=CROSS, alpha=0.8)
        mark_mean(axes, of_name.mean(), row, 0.28)
    name_rows(axes, names)
    axes.set(xlabel="test accuracy (%)", title="Test accuracy")
    few_ticks(axes, x=6)
    legend_below(figure, [dot("one seed", CROSS, "o"), mean_tick()])
    return figure


@styled
def geometry_against_transfer(geometry: pd.DataFrame, transfer: pd.DataFrame) -> Figure:
    """Similarity of a pair against its adversarial transfer, the kind of pair marked.

    `geometry` is geometry.csv and `transfer` transfer.csv, read at `findings.reference_attack`.
    A measure has two panels: the raw rates with Spearman's correlation, and what is left of
    similarity and of the logit of transfer once the effects of each source and each target are
    removed, with the partial correlation and its line.
    """
    attack = reference_attack(transfer)
    table = joined(geometry, transfer, attack) if attack else pd.DataFrame()
    if table.empty:
        return explanation("no pair of models has both a similarity and a transfer rate")
    numbers = transfer_numbers(geometry, transfer, attack).set_index(["measure", "pairs"])
    measures = list(numbers.index.unique("measure"))
    per_row = min(len(measures), MEASURES_PER_ROW)
    bands = -(-len(measures) // per_row)
    figure = Figure(figsize=(max(2.1 * per_row, 4.2), 4.3 * bands), layout="constrained")
    grid = figure.subplots(2 * bands, per_row, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, measure in enumerate(measures):
        band, column = divmod(place, per_row)
        raw, left = grid[2 * band, column], grid[2 * band + 1, column]
        pairs = table[table["measure"] == measure]
        name = MEASURES.get(measure, measure)
        raw.set_axis_on()
        raw.set_title(name, pad=14)
        raw.set_xlabel("similarity")
        left.set_axis_on()
        left.set_xlabel("similarity, residual")
        if column == 0:
            raw.set_ylabel("transfer (%)")
            left.set_ylabel("logit transfer, residual")
        draw_raw(raw, pairs, numbers.loc[(measure, "all"), "spearman"])
        draw_residuals(left, pairs, numbers.loc[measure])
    strength = f"PGD, {NORMS.get(attack.norm, attack.norm)} ε = {attack.epsilon_label}"
    count = int(numbers["n"].max())
    notes = [f"{strength}; {count} ordered pairs", *missing_kinds(table["same_architecture"])]
    title_figure(figure, "Similarity of geometry against adversarial transfer", notes)
    legend_below(figure, kind_keys(table["same_architecture"]))
    return figure


def draw_raw(axes: Axes, pairs: pd.DataFrame, spearman: float) -> None:
    """Transfer in per cent against similarity."""
    if pairs.empty:
        explain(axes, "undefined for every pair")
        return
    scatter_kinds(axes, pairs["value"], 100 * pairs["fooled"], pairs["same_architecture"])
    print_number(axes, "Spearman", spearman)


def draw_residuals(axes: Axes, pairs: pd.DataFrame, numbers: pd.DataFrame) -> None:
    """What is left of transfer against what is left of similarity, with the fitted line.

    `numbers`: the measure's rows of `findings.transfer_numbers`, by kind of pairs.
    """
    partial, among_different = numbers.loc[["all", "cross"], "partial"]
    if not np.isfinite(partial):
        explain(axes, "too few models to remove\nsource and target effects")
        axes.set_xlabel("")
        axes.set_ylabel("")
        return
    x, y, _ = without_node_effects(pairs)
    scatter_kinds(axes, x, y, pairs["same_architecture"])
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, numbers.loc["all", "slope"] * ends, color="black", linewidth=1)
    # Same-architecture pairs alone can carry the pooled number.
    print_number(axes, "partial", partial, f"different {signed(among_different)}")


def scatter_kinds(axes: Axes, x, y, same: pd.Series) -> None:
    """Points of pairs, same-architecture ones above the others."""
    x, y, same = np.asarray(x, float), np.asarray(y, float), np.asarray(same, bool)
    for kind in (False, True):
        chosen = same == kind
        _, colour, marker = KINDS[kind]
        axes.scatter(
            x[chosen], y[chosen], s=11, color=colour, marker=marker, linewidth=0,
            alpha=0.7 if len(x) < 500 else 0.35, rasterized=len(x) > VECTOR_MARKS / 4,
        )  # fmt: skip
    axes.grid(True)
    axes.margins(0.07)
    few_ticks(axes, x=3, y=4)


def print_number(axes: Axes, name: str, value: float, beside: str = "") -> None:
    """A correlation above the panel, and what is to be read `beside` it."""
    text = f"{name} {signed(value)}" + (f" ({beside})" if beside else "")
    axes.text(0, 1.01, text, transform=axes.transAxes, va="bottom", fontsize=6.8)


def signed(value: float) -> str:
    """A correlation with its sign."""
    return f"{value:+.2f}".replace("-", "−") if np.isfinite(value) else "undefined"


@styled
def epsilon_curves(transfer: pd.DataFrame, attacks: pd.DataFrame) -> Figure:
    """White-box success, transfer and the noise control against ε, one panel a norm.

    `transfer` is transfer.csv (images that both models classify correctly) and `attacks`
    attacks.csv. Lines are means; whiskers hold the middle 80 % of the models or ordered pairs.
    """
    pairs = transfer[
        (transfer["denominator"] == PRIMARY) & (transfer["source"] != transfer["target"])
    ]
    same = pairs["source_architecture"] == pairs["target_architecture"]
    pgd, noise = pairs["attack"] == "pgd", pairs["attack"] == "noise"
    white = attacks.rename(columns={"success_rate": "fooled"})
    lines = (
        ("white box", white[white["attack"] == "pgd"], WHITE_BOX, "s", "-"),
        ("transfer, same architecture", pairs[pgd & same], SAME, "D", "-"),
        ("transfer, different architectures", pairs[pgd & ~same], CROSS, "o", "-"),
        ("noise, white box", white[white["attack"] == "noise"], NOISE, "v", "--"),
        ("noise, transfer", pairs[noise], NOISE, "^", ":"),
    )
    norms = ordered_norms(attacks["norm"])
    if not norms:
        return explanation("no attack was run")
    figure, panels = panel_grid(len(norms), PANELS_PER_ROW, (3.1, 2.7))
    for axes, norm in zip(panels, norms, strict=True):
        # Side by side, so that the whiskers of lines that agree can be told apart.
        step = 0.012 * np.ptp(attacks.loc[attacks["norm"] == norm, "epsilon"])
        for place, (_, table, colour, marker, dash) in enumerate(lines):
            of_norm = table[table["norm"] == norm]
            draw_curve(axes, of_norm, (place % 3 - 1) * step, colour, marker, dash)
        ticks = attacks.loc[attacks["norm"] == norm, ["epsilon", "epsilon_label"]]
        name_epsilons(axes, ticks.drop_duplicates("epsilon").sort_values("epsilon"))
        axes.set(ylim=(-3, 103), title=NORMS.get(norm, norm), xlabel="ε")
        axes.grid(True, axis="y")
        if axes is panels[0]:
            axes.set_ylabel("fooled (%)")
    keys = [
        Line2D([], [], color=colour, marker=marker, linestyle=dash, label=name, markersize=3.5)
        for name, table, colour, marker, dash in lines
        if not table.empty
    ]
    title_figure(figure, "Attack strength, transfer and the noise control", missing_kinds(same))
    legend_below(figure, keys, columns=2)
    return figure


def draw_curve(
    axes: Axes, table: pd.DataFrame, shift: float, colour: str, marker: str, dash: str
) -> None:
    """Mean of `fooled` against ε (drawn `shift` to the right), whiskers over the middle 80 %."""
    rates = table.dropna(subset="fooled").groupby("epsilon")["fooled"]
    if not len(rates):
        return
    mean = 100 * rates.mean()
    whiskers = [mean - 100 * rates.quantile(0.1), 100 * rates.quantile(0.9) - mean]
    axes.errorbar(
        mean.index + shift, mean, np.maximum(whiskers, 0), color=colour, marker=marker,
        linestyle=dash, markersize=3.5, linewidth=1.2, elinewidth=0.8,
    )  # fmt: skip


def name_epsilons(axes: Axes, ticks: pd.DataFrame) -> None:
    """Tick each ε of the sweep under its label, leaving out labels that would overlap."""
    values, labels = ticks["epsilon"].to_numpy(float), ticks["epsilon_label"].astype(str)
    gap, last, shown = 0.13 * max(np.ptp(values), 1e-12), -np.inf, []
    for value, label in zip(values, labels, strict=True):
        fits = value - last >= gap
        shown.append(label if fits else "")
        last = value if fits else last
    axes.set_xticks(values, shown)
