"""Figures of learned input features other than heatmaps."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.panels import (
    draw_rows,
    kind_keys,
    legend_below,
    mean_tick,
    missing_kinds,
    name_rows,
    panel_grid,
    print_number,
    scatter_kinds,
    title_figure,
)
from repcompare.figures.style import (
    NOISE,
    explain,
    explanation,
    few_ticks,
    styled,
)
from repcompare.tables.directions import undirected
from repcompare.tables.features import at_reference
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import FEATURE_MEASURES, label_of, preferred

PANELS_PER_ROW = 3


@styled
def features_by_kind(features: pd.DataFrame, strength: Strength | None) -> Figure:
    """Each measure of pairs of one architecture, architecture by architecture, and of all others.

    Arguments and conditions as in `matrices.feature_similarity`; the grey line is the mean null.
    """
    table = undirected(at_reference(features, strength)).dropna(subset="value")
    measures = [name for name in FEATURE_MEASURES if (table["measure"] == name).any()]
    if not measures:
        return explanation("no pair of models has input features in common")
    same = table["architecture_a"] == table["architecture_b"]
    names = sorted(table.loc[same, "architecture_a"].unique())
    rows = [*names, "different"] if (~same).any() else names
    figure, panels = panel_grid(len(measures), PANELS_PER_ROW, (2.7, 0.9 + 0.26 * len(rows)))
    for axes, measure in zip(panels, measures, strict=True):
        chosen = table["measure"] == measure
        own = table[chosen & same]
        of_name = [own.loc[own["architecture_a"] == name, "value"] for name in names]
        draw_rows(axes, of_name, 0, True, spread=0.4, reach=0.3, size=12)
        different = table.loc[chosen & ~same, "value"]
        draw_rows(axes, [different], len(names), False, spread=0.4, reach=0.3, size=12)
        axes.axvline(table.loc[chosen, "null"].mean(), color=NOISE, linewidth=0.9, linestyle=":")
        name_rows(axes, rows, once=True)
        axes.set_title(label_of(measure))
        few_ticks(axes, x=4)
    title_figure(figure, "Input features of pairs of one architecture and of different ones")
    null = Line2D([], [], color=NOISE, linestyle=":", linewidth=0.9, label="mean null")
    legend_below(figure, [*kind_keys(same), mean_tick(), null])
    return figure


@styled
def features_against_geometry(
    features: pd.DataFrame, geometry: pd.DataFrame, strength: Strength | None
) -> Figure:
    """Each measure of input features against the similarity of geometry, the kind of pair marked.

    `geometry` as `tables.geometry.similarities` reads it: within classes where that was measured,
    for the class means alone make all networks alike.
    """
    table = undirected(at_reference(features, strength))
    measure = preferred(geometry["measure"], "cka_within_class")
    of_geometry = geometry.loc[geometry["measure"] == measure, ["model_a", "model_b", "value"]]
    joined = table.merge(of_geometry, on=["model_a", "model_b"], suffixes=("", "_geometry"))
    joined = joined.dropna(subset=["value", "value_geometry"])
    measures = [name for name in FEATURE_MEASURES if (joined["measure"] == name).any()]
    if not measures:
        return explanation("no pair of models has input features and a geometry")
    figure, panels = panel_grid(len(measures), PANELS_PER_ROW, (2.5, 2.3))
    name = label_of(measure)
    for axes, each in zip(panels, measures, strict=True):
        pairs = joined[joined["measure"] == each]
        same = pairs["architecture_a"] == pairs["architecture_b"]
        axes.set_title(label_of(each), pad=14)
        axes.set_xlabel(name)
        if len(pairs) < 2:
            explain(axes, "one pair")
            continue
        scatter_kinds(axes, pairs["value_geometry"], pairs["value"], same)
        spearman = pairs["value_geometry"].corr(pairs["value"], "spearman", min_periods=3)
        print_number(axes, "Spearman", spearman)
    same = joined["architecture_a"] == joined["architecture_b"]
    title_figure(figure, "Input features against geometry", missing_kinds(same))
    legend_below(figure, kind_keys(same))
    return figure
