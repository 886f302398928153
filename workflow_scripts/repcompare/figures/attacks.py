"""Figures of how strong the attacks are, and how sound."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from repcompare.figures.panels import legend_below, missing_kinds, panel_grid, title_figure
from repcompare.figures.style import CROSS, NOISE, SAME, SEQUENTIAL, WHITE_BOX, explanation, styled
from repcompare.vocabulary import PRIMARY, label_of, ordered_norms

PANELS_PER_ROW = 3


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
    lines: tuple[tuple[str, pd.DataFrame, str, str, Literal["-", "--", ":"]], ...] = (
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
        axes.set(ylim=(-3, 103), title=label_of(norm), xlabel="ε")
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


@styled
def attack_checks(steps: pd.DataFrame, growth: pd.DataFrame) -> Figure:
    """Above, what `pgd` ascends against its steps; below, success in balls that grow. By norm.

    `steps` is attack_steps.csv, a line the mean of the models at one ε; `growth` is
    attack_growth.csv, a line a model.
    """
    steps = steps[steps["attack"] == "pgd"]
    norms = ordered_norms(steps["norm"])
    figure, panels = panel_grid(2 * len(norms), len(norms), (3.1, 2.3))
    for axes, norm in zip(panels, norms, strict=False):
        draw_paths(axes, steps[steps["norm"] == norm])
        axes.set(title=label_of(norm), xlabel="step")
    for axes, norm in zip(panels[len(norms) :], norms, strict=True):
        for _, of_model in growth[growth["norm"] == norm].groupby("model"):
            at = of_model.sort_values("epsilon")
            axes.plot(
                at["epsilon"], 100 * at["success_rate"], color=WHITE_BOX, alpha=0.45,
                linewidth=0.9, marker="o", markersize=2.5,
            )  # fmt: skip
        axes.set(xscale="log", ylim=(-3, 103), xlabel="ε")
        tried = np.unique(growth.loc[growth["norm"] == norm, "epsilon"].round(6))
        axes.set_xticks(tried, [f"{epsilon:.2g}" for epsilon in tried])
        axes.minorticks_off()
        axes.grid(True, axis="y")
    panels[0].set_ylabel("mean objective")
    panels[len(norms)].set_ylabel("images fooled (%)")
    title_figure(figure, "Does the attack climb, and does it succeed in the end?")
    return figure


def draw_paths(axes: Axes, steps: pd.DataFrame) -> None:
    """The objective before each step, one line an ε, the larger the darker."""
    sweep = steps.groupby(["epsilon", "epsilon_label"])
    for place, ((_, label), at_epsilon) in enumerate(sweep):
        mean = at_epsilon.groupby("step")["objective"].mean()
        shade = colormaps[SEQUENTIAL](0.85 * (1 - (place + 1) / len(sweep)))
        axes.plot(
            mean.index, mean, color=shade, linewidth=1.2, marker="o", markersize=2.5,
            label=f"ε = {label}",
        )  # fmt: skip
    axes.grid(True, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend()
