"""Figures of the linear maps other than heatmaps."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.panels import (
    LANE,
    draw_rows,
    kind_keys,
    legend_below,
    mean_tick,
    missing_kinds,
    name_rows,
    panel_grid,
    title_figure,
)
from repcompare.figures.style import explanation, few_ticks, styled
from repcompare.vocabulary import CONTROLS, label_of

# The means of maps to the same targets from what was not trained.
MARKERS = {"untrained": "^", "untrained_batch_norm": "v", "pixels": "s"}


@styled
def maps_by_family(maps: pd.DataFrame, controls: pd.DataFrame) -> Figure:
    """Held-out R² and recovered accuracy of every map, by family, beside those of the controls.

    `maps` is maps.csv and `controls` controls.csv: maps from `vocabulary.CONTROLS`.
    The dashed mark is the floor of R², what a map fitted to unrelated representations of these
    sizes reaches on its own fit split; chance is 0 and the target's own accuracy 100 % on the
    scale of recovered accuracy.
    """
    families = list(maps["family"].unique())
    table = maps[maps["source"] != maps["target"]]
    if table.empty:
        return explanation("no linear maps: there is no pair of models")
    same = table["source_architecture"] == table["target_architecture"]
    figure, panels = panel_grid(2, 2, (3.4, 1.1 + 0.5 * len(families)))
    scores = (("r2_test", 1, "held-out R²"), ("recovered_accuracy", 100, "recovered accuracy (%)"))
    markers = {name: MARKERS[name] for name in CONTROLS if (controls["control"] == name).any()}
    for axes, (score, scale, label) in zip(panels, scores, strict=True):
        for kind in (False, True):
            chosen = table[same == kind].dropna(subset=score)
            lanes = [scale * chosen.loc[chosen["family"] == family, score] for family in families]
            draw_rows(axes, lanes, LANE[kind], kind, spread=0.28, reach=0.18)
        for row, family in enumerate(families):
            for control, marker in markers.items():
                chosen = (controls["family"] == family) & (controls["control"] == control)
                mean = scale * controls.loc[chosen, score].mean()
                axes.plot(mean, row, marker, color="black", markersize=5.5, mfc="none", zorder=5)
        name_rows(axes, [label_of(family) for family in families], once=True)
        axes.set(xlabel=label, title=label[0].upper() + label[1:].removesuffix(" (%)"))
        few_ticks(axes, x=5)
        bound_below(axes, scale * table[score], -scale)
    panels[0].set_xlim(left=min(0.0, panels[0].get_xlim()[0]))
    for row, family in enumerate(families):
        floor = table.loc[table["family"] == family, "r2_floor"].mean()
        panels[0].vlines(floor, row - 0.45, row + 0.45, color="black", linestyle="--", lw=0.9)
    panels[1].axvline(100, color="#999999", linewidth=0.8, zorder=0)
    floor_key = Line2D([], [], color="black", linestyle="--", linewidth=0.9, label="floor of R²")
    title_figure(figure, "Linear maps by family", missing_kinds(same))
    control_keys = [
        Line2D(
            [],
            [],
            color="black",
            marker=marker,
            mfc="none",
            linestyle="",
            label=f"from {CONTROLS[control]}, mean",
        )
        for control, marker in markers.items()
    ]
    legend_below(figure, [*kind_keys(same), mean_tick(), floor_key, *control_keys], columns=3)
    return figure


def bound_below(axes: Axes, values: pd.Series, limit: float) -> None:
    """Cut the axis at `limit` (a failed map has R² of −10⁶) and say how many points lie beyond."""
    beyond = int((values < limit).sum())
    if beyond:
        axes.set_xlim(left=limit)
        text = f"◂ {beyond} beyond"
        axes.text(0.01, 0.02, text, transform=axes.transAxes, fontsize=7, color="#555555")
