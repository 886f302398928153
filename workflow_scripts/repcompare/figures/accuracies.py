"""The figure of the models' accuracies."""

import pandas as pd
from matplotlib.figure import Figure

from repcompare.figures.panels import dot, legend_below, mark_mean, mean_tick, name_rows
from repcompare.figures.style import CROSS, few_ticks, jitter, styled


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
