"""The figure of the models' accuracies."""

import pandas as pd
from matplotlib.figure import Figure

from repcompare.figures.panels import dot, draw_rows, legend_below, mean_tick, name_rows
from repcompare.figures.style import CROSS, few_ticks, styled


@styled
def accuracies(models: pd.DataFrame) -> Figure:
    """Test accuracy of every model, by architecture; `models` is models.csv."""
    names = sorted(models["architecture"].unique())
    figure = Figure(figsize=(5.2, 0.9 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    rows = [100 * models.loc[models["architecture"] == name, "test_accuracy"] for name in names]
    draw_rows(axes, rows, 0, False, spread=0.3, reach=0.28, size=18)
    name_rows(axes, names)
    axes.set(xlabel="test accuracy (%)", title="Test accuracy")
    few_ticks(axes, x=6)
    legend_below(figure, [dot("one seed", CROSS, "o"), mean_tick()])
    return figure
