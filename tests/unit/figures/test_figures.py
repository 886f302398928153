"""Figures show the tables' numbers in the right place, at every size of study."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from unit.support.drawn import texts
from unit.support.synthetic_tables import FIGURES, tables

from repcompare.figures import heatmaps
from repcompare.figures.attacks import name_epsilons
from repcompare.figures.geometry import similarity_by_layer
from repcompare.figures.panels import draw_rows
from repcompare.figures.style import save
from repcompare.tables import directions
from repcompare.tables.features import at_reference
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import architecture_of, ordered_models


def cells(figure):
    return figure.axes[0].findobj(QuadMesh)[0].get_array()


# The quick tests draw every figure once, in the tiny study.
@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("size", [(1, 1), (7, 2)])
def test_every_figure_is_drawn_of_one_model_and_of_many(name, size, tmp_path):
    save(FIGURES[name](tables(*size)), tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["similarity", "convergence", "features_by_kind"])
def test_the_marks_of_a_figure_that_has_many_are_images(name, tmp_path, monkeypatch):
    study, svg = tables(4, 2), tmp_path / f"{name}.svg"
    marks = (b"<use ", b"<path ")
    save(FIGURES[name](study), svg, tmp_path / "figure.png")
    drawn = svg.read_bytes()
    monkeypatch.setattr("repcompare.figures.style.VECTOR_MARKS", 20)
    save(FIGURES[name](study), svg, tmp_path / "figure.png")
    assert sum(map(svg.read_bytes().count, marks)) < sum(map(drawn.count, marks))
    assert svg.read_bytes().count(b"<image ") > drawn.count(b"<image ")


@pytest.mark.parametrize("name", ["stitched_accuracy", "geometry_against_transfer"])
def test_the_same_tables_give_the_same_bytes(name, tmp_path):
    study = tables(3, 2)
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        save(FIGURES[name](study), folder / "figure.svg", folder / "figure.png")
        written.append([(folder / f"figure.{kind}").read_bytes() for kind in ("svg", "png")])
    assert written[0] == written[1]
    assert b"dc:date" not in written[0][0]


def test_the_callers_style_neither_matters_nor_changes():
    with matplotlib.rc_context({"font.size": 30, "axes.titlesize": 40}):
        figure = FIGURES["accuracies"](tables(2, 2))
        assert matplotlib.rcParams["font.size"] == 30
    assert figure.axes[0].title.get_fontsize() == 9


def test_heatmap_rows_are_sources_and_columns_targets():
    maps = tables(3, 2)["maps"]
    shown = cells(heatmaps.stitched_accuracy(maps))
    models = ordered_models(maps["source"])
    chosen = maps[maps["family"] == "least_squares"].set_index(["source", "target"])
    for row, source in enumerate(models):
        for column, target in enumerate(models):
            if source == target:
                assert shown.mask[row, column]
            else:
                value = chosen.loc[(source, target), "stitched_accuracy"]
                assert shown[row, column] == pytest.approx(100 * value)


def test_similarity_is_drawn_on_both_sides_of_the_diagonal():
    shown = cells(heatmaps.similarity(tables(3, 2)["geometry"]))
    assert shown.count() == 30
    np.testing.assert_array_equal(shown.filled(-1), shown.T.filled(-1))


def test_heatmaps_name_each_architecture_once_a_side():
    axes = heatmaps.similarity(tables(4, 3)["geometry"]).axes[0]
    names = ["densenet40", "resnet20", "resnext29", "vgg"]
    assert [text.get_text() for text in axes.get_xticklabels()] == names
    assert list(axes.get_yticks()) == [1.5, 4.5, 7.5, 10.5]


def test_few_models_have_every_number_and_many_their_block_means():
    few = tables(2, 2)["geometry"]
    shown = texts(heatmaps.similarity(few))
    for value in few.loc[few["measure"] == "cka_debiased", "value"]:
        assert f"{value:.3f}" in shown or f"{value:.2f}" in shown
    many = tables(6, 6)["geometry"]
    chosen = many[(many["measure"] == "cka_debiased")]
    inner = chosen.query("architecture_a == architecture_b == 'resnext29'")["value"].mean()
    bold = [
        text.get_text()
        for text in heatmaps.similarity(many).axes[0].texts
        if text.get_fontweight() == "bold"
    ]
    assert len(bold) == 36
    assert f"{inner:.2f}" in bold or f"{inner:.3f}" in bold


def test_one_diverged_pair_does_not_flatten_the_colours_of_the_rest():
    values = np.append(np.linspace(0.8, 0.9, 50), -1e6)
    norm, extend = heatmaps.colour_range(values)
    assert 0 < norm.vmin < 0.8
    assert norm.vmax == 0.9
    assert extend == "min"
    assert heatmaps.colour_range(np.full(4, 0.5))[0].vmin < 0.5


def test_the_transfer_heatmap_says_at_which_strength_it_is_read():
    title = heatmaps.adversarial_transfer(tables(5, 3)["transfer"]).axes[0].get_title("left")
    assert title == "Adversarial transfer (PGD, L∞ ε = 8/255: mean nearest 50 %)"


def test_measures_and_families_that_were_not_computed_are_replaced_by_the_first():
    study = tables(2, 2)
    geometry = study["geometry"].query("measure in ['cca', 'svcca']")
    assert "Similarity of geometry: mean CCA" in texts(heatmaps.similarity(geometry))
    maps = study["maps"].query("family == 'ridge'")
    assert "Held-out R² (ridge maps)" in texts(heatmaps.held_out_r2(maps))


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("same_and_cross_architecture", (3, 1), "no same-architecture pairs: one seed of each"),
        ("same_and_cross_architecture", (1, 3), "no pairs of different architectures"),
        ("similarity", (1, 1), "there is no pair of models"),
        ("geometry_against_transfer", (1, 1), "no pair of models has both"),
        ("geometry_against_transfer", (3, 1), "too few models to remove"),
        ("epsilon_curves", (1, 1), "no pairs: one model"),
        ("maps_by_family", (1, 1), "there is no pair of models"),
    ],
)
def test_what_is_missing_is_explained(name, size, reason):
    assert any(reason in text for text in texts(FIGURES[name](tables(*size))))


def test_similarity_against_transfer_prints_both_correlations():
    shown = texts(FIGURES["geometry_against_transfer"](tables(5, 3, images=10**6)))
    assert shown.count("partial +1.00 (different +1.00)") == 5
    assert sum(text.startswith("Spearman +0.") for text in shown) == 5


def test_epsilon_curves_show_the_means_at_each_strength():
    study = tables(3, 2)
    axes = FIGURES["epsilon_curves"](study).axes[0]
    white_box = axes.containers[0].lines[0]
    assert white_box.get_ydata() == pytest.approx([30, 55, 80, 100])
    assert [text.get_text() for text in axes.get_xticklabels()][-1] == "16/255"


@pytest.mark.parametrize(("n", "hidden"), [(3, False), (200, True)])
def test_the_white_edge_of_a_mean_hides_points_of_a_crowd_alone(n, hidden):
    axes = Figure().subplots()
    draw_rows(axes, [np.linspace(0, 1, n)], 0, kind=False, spread=0.2, reach=0.1)
    points, edge, bar = axes.collections
    assert (points.zorder < edge.zorder) == hidden
    assert max(points.zorder, edge.zorder) < bar.zorder


def test_labels_of_crowded_strengths_are_left_out():
    axes = matplotlib.figure.Figure().subplots()
    ticks = pd.DataFrame({"epsilon": [0.01, 0.011, 1.0], "epsilon_label": ["a", "b", "c"]})
    name_epsilons(axes, ticks)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "", "c"]


def test_failed_maps_are_counted_beyond_the_axis():
    study = tables(2, 2)
    study["maps"].loc[0, "r2_test"] = -1e6
    figure = FIGURES["maps_by_family"](study)
    assert figure.axes[0].get_xlim()[0] == -1
    assert "◂ 1 beyond" in texts(figure)


def test_maps_stand_beside_those_of_the_controls():
    study = tables(2, 2)
    axes = FIGURES["maps_by_family"](study).axes[0]
    marks = {(line.get_marker(), *line.get_xdata()) for line in axes.lines}
    assert {("^", 0.5), ("s", 0.4)} <= marks


def marks_of(figure) -> dict[str, list[float]]:
    """Where the vertical marks stand, by their dashes."""
    dashes = {}
    for lines in figure.axes[0].collections:
        if lines.get_linestyle()[0][1] is not None:
            pattern = tuple(lines.get_linestyle()[0][1])
            dashes[pattern] = [segment[0][0] for segment in lines.get_segments()]
    return dashes


def test_every_measure_stands_beside_its_nulls():
    found = marks_of(FIGURES["measures_and_nulls"](tables(2, 2)))
    null, class_null = found.values()
    assert null == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert class_null == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3])


def test_without_labels_there_is_one_mark_and_without_intervals_there_are_none_drawn():
    study = tables(2, 2)
    study["geometry"][["class_null", "low", "high"]] = np.nan
    figure = FIGURES["measures_and_nulls"](study)
    (words,) = ({text.get_text() for text in each.get_texts()} for each in figure.legends)
    assert "shuffled samples" in words
    assert "shuffled within classes" not in words


def layered(geometry):
    parts = [
        geometry.assign(layer_a=one, layer_b=other)
        for one in ("stage1", "stage10", "penultimate")
        for other in ("stage1", "stage10", "penultimate")
    ]
    return pd.concat(parts, ignore_index=True).query("measure == 'cka_debiased'")


def test_layers_are_drawn_from_input_to_output():
    geometry = layered(tables(2, 1)["geometry"])
    axes = similarity_by_layer(geometry).axes[0]
    order = ["stage1", "stage10", "penultimate"]
    assert [text.get_text() for text in axes.get_xticklabels()] == order
    axes = heatmaps.layer_similarity(geometry).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == order
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("densenet40/seed0", "resnet20/seed0")
    assert cells(axes.figure).shape == (3, 3)


def test_layers_that_were_not_compared_are_explained():
    shown = texts(FIGURES["layer_similarity"](tables(2, 1)))
    assert any("no pair of models whose layers" in text for text in shown)


def test_models_are_ordered_by_architecture_and_then_by_number_of_seed():
    models = ["b/seed0", "a/seed10", "a/seed2"]
    assert ordered_models(models) == ["a/seed2", "a/seed10", "b/seed0"]
    assert architecture_of("wide_resnet-2.1/seed10") == "wide_resnet-2.1"


def test_features_are_read_at_the_attack_of_the_report_and_inversions_from_noise():
    study = tables(3, 2)
    read = at_reference(study["features"], Strength("l2", 0.5, "0.5"))
    conditions = read.groupby("measure")["condition"].unique().map(list).to_dict()
    assert conditions["perturbation_agreement"] == conditions["mistake_agreement"] == ["l2 0.5"]
    assert conditions["stir"] == conditions["inverted_cka"] == ["noise"]
    assert conditions["gradient_alignment"] == conditions["unit_matching"] == [""]
    both = directions.ordered(read)
    assert both.groupby("measure").size().eq(30).all()
    assert directions.undirected(read).groupby("measure").size().eq(15).all()
