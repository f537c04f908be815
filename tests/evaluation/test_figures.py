import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from lcclassify.errors import DataError, OutputError
from lcclassify.evaluation import figures
from lcclassify.evaluation.figures.curves import thin
from lcclassify.evaluation.figures.style import class_style
from lcclassify.schema import Taxonomy

NAMES = {
    "confusion_matrix",
    "roc",
    "precision_recall",
    "reliability",
    "reliability_per_class",
    "risk_coverage",
}


def curve(name, n, best=3):
    epochs = list(range(n))
    accuracy = [0.5 - 0.01 * abs(epoch - best) for epoch in epochs]
    falling = [1 / (1 + epoch) for epoch in epochs]
    return figures.LearningCurve(
        name,
        epochs,
        {"train/loss": falling, "val/loss": falling, "val/accuracy": accuracy},
    )


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("k", "absent"), [(2, ()), (3, (1,)), (15, (14,))])
def test_saved_files_are_png(make_synthetic, tmp_path, k, absent):
    p, y = make_synthetic(k, 400, absent=absent)
    taxonomy = Taxonomy(tuple(f"class {i}" for i in range(k)))
    folder = tmp_path / "made" / "here"
    runs = [curve("fold 0", 6), curve("fold 1", 9)]
    paths = figures.save_figures(p, y, taxonomy, folder, learning=runs, title="a [model]")
    assert {path.stem for path in paths} == NAMES | {"learning_curves"}
    assert set(folder.iterdir()) == set(paths)  # nothing partial is left beside them
    for path in paths:
        image = imread(path)
        assert min(image.shape[:2]) > 300
        assert image[..., :3].std() > 0.01  # something is drawn
        # The outermost pixels are empty: no label is cut off.
        edge = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
        assert (edge[:, :3] == 1).all(), path.name


def test_one_class_only_is_drawn_as_undefined(tmp_path):
    taxonomy = Taxonomy(("a", "b"))
    drawn = figures.make_figures([[0.9, 0.1], [0.8, 0.2]], [0, 0], taxonomy)
    assert set(drawn) == NAMES
    for name in ("roc", "precision_recall"):
        labels = [text.get_text() for text in drawn[name].legends[0].get_texts()]
        assert {"a, undefined", "b, undefined"} <= set(labels)
    assert len(figures.write_figures(drawn, tmp_path)) == len(NAMES)


def test_confusion_matrix_is_normalised_by_row():
    counts = [[3, 1, 0], [0, 0, 0], [999, 0, 1]]
    axes = figures.confusion_figure(counts, ["a", "b", "c"]).axes[0]
    written = texts(axes)
    assert {"0.75", "0.25", "1.00", "0.00", "no objects"} <= set(written)
    assert written.count("0.00") == 1  # one object in a thousand; empty cells stay blank
    assert {"4", "0", "1,000"} <= set(written)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b", "c"]
    for axis in (axes.xaxis, axes.yaxis):  # lines between all rows and columns
        assert axis.get_minorticklocs().tolist() == [0.5, 1.5]
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown[0], [0.75, 0.25, 0.0])
    assert shown.mask[1].all()


def test_confusion_matrix_of_another_size_is_refused():
    with pytest.raises(DataError, match="2 x 2"):
        figures.confusion_figure([[1, 0, 0]] * 3, ["a", "b"])
    with pytest.raises(DataError, match="negative"):
        figures.confusion_figure([[-1, 0], [0, 1]], ["a", "b"])


def test_roc_areas_stand_in_the_legend_and_a_good_classifier_gets_an_inset(supernovae):
    y = np.repeat([0, 1, 2], 20)
    good = figures.roc_figure(np.eye(3)[y], y, supernovae)
    labels = [text.get_text() for text in good.legends[0].get_texts()]
    assert "SN Ia, 1.000" in labels
    assert len(good.axes[0].child_axes) == 1
    poor = figures.roc_figure(np.full((60, 3), 1 / 3), y, supernovae)
    assert "SN Ibc, 0.500" in [text.get_text() for text in poor.legends[0].get_texts()]
    assert not poor.axes[0].child_axes


@pytest.mark.parametrize(
    "name", ["roc", "precision_recall", "reliability", "reliability_per_class", "risk_coverage"]
)
def test_axes_of_shares_go_from_nothing_to_all_and_hardly_beyond(name, make_synthetic, supernovae):
    drawn = figures.make_figures(*make_synthetic(3, 60), supernovae)[name]
    for axes in drawn.axes:
        low, high = axes.get_xlim()
        assert -0.05 < low <= 0
        assert 1 <= high < 1.05


def test_the_title_stands_in_every_figure(make_synthetic, supernovae):
    drawn = figures.make_figures(*make_synthetic(3, 60), supernovae, title="of a model")
    for name, figure in drawn.items():
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        assert sum("of a model" in title for title in titles) == 1, name


def test_another_number_of_classes_is_refused(supernovae):
    with pytest.raises(DataError, match="3 classes"):
        figures.roc_figure([[0.5, 0.5]], [0], supernovae)
    with pytest.raises(DataError, match="no label"):
        figures.precision_recall_figure([[0.5, 0.3, 0.2]], [-1], supernovae)


def test_fifteen_classes_look_different():
    assert len({class_style(position) for position in range(28)}) == 28


def test_thinned_curve_keeps_its_ends_and_shape():
    x = np.linspace(0, 1, 100_001)
    y = np.where(x < 0.3, x, 0.3 + np.sqrt(np.maximum(x - 0.3, 0)))
    few_x, few_y = thin(x, y, 500)
    assert few_x.size <= 501
    assert (few_x[0], few_y[0], few_x[-1], few_y[-1]) == (x[0], y[0], x[-1], y[-1])
    assert np.abs(np.interp(x, few_x, few_y) - y).max() < 0.01


def test_learning_curves_mark_each_best_epoch_and_average_common_epochs():
    runs = [curve("fold 0", 6, best=3), curve("fold 1", 9, best=7)]
    figure = figures.learning_figure(runs)
    loss, accuracy = figure.axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    stars = next(line for line in accuracy.lines if line.get_marker() == "*")
    assert list(stars.get_xdata()) == [3, 7]
    assert list(stars.get_ydata()) == [0.5, 0.5]
    mean = next(line for line in accuracy.lines if line.get_label() == "validation, mean of 2")
    assert list(mean.get_xdata()) == list(range(6))
    assert mean.get_ydata()[0] == pytest.approx((0.47 + 0.43) / 2)
    assert upright(accuracy) == []  # one line a run would be too many


def upright(axes):
    """Where lines go from the bottom to the top."""
    return [float(line.get_xdata()[0]) for line in axes.lines if list(line.get_ydata()) == [0, 1]]


def test_best_epoch_ignores_epochs_without_a_value():
    run = figures.LearningCurve("a", [0, 1, 2], {"val/loss": [float("nan"), 2.0, 3.0]})
    assert run.best_epoch("val/loss", "min") == 1
    figure = figures.learning_figure([run], monitor="val/loss", mode="min")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["validation", "best epoch (1)"]
    assert upright(figure.axes[0]) == [1]


@pytest.mark.parametrize(
    ("epochs", "values", "said"),
    [
        ([], {}, "at least one"),
        ([1, 1], {}, "rise"),
        ([0, 1], {"val/loss": [1.0]}, "one value an epoch"),
        ([0], {"loss": [1.0]}, "train/... or val/..."),
    ],
)
def test_unusable_learning_curves_are_refused(epochs, values, said):
    with pytest.raises(DataError, match=said):
        figures.LearningCurve("a", epochs, values)


def test_unknown_monitor_is_refused_with_a_suggestion():
    with pytest.raises(DataError, match="did you mean 'val/accuracy'"):
        figures.learning_figure([curve("a", 3)], monitor="val/acuracy")
    with pytest.raises(DataError, match="at least one"):
        figures.learning_figure([])


def test_the_lowest_axes_of_every_column_have_their_numbers(make_synthetic):
    taxonomy = Taxonomy(("a", "b", "c", "d"))
    drawn = figures.make_figures(*make_synthetic(4, 60), taxonomy)["reliability_per_class"]
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in drawn.axes]
    assert labelled[:4] == [False, True, True, True]  # three above one


def test_class_reliability_needs_a_curve_a_name():
    with pytest.raises(DataError, match="one curve a class"):
        figures.class_reliability_figure([], ["a"])


def test_importances_are_bars_with_the_highest_on_top():
    rises = {f"feature [{n}]$": rise for n, rise in enumerate([0.1, 0.3, -0.02, *[0.01] * 40])}
    figure = figures.importances_figure(rises, title="trees")
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(axes.patches) == len(names) == 25
    assert [name.partition(" ")[2].strip("\\$[]") for name in names[:3]] == ["1", "0", "3"]
    assert [bar.get_width() for bar in axes.patches[:3]] == [0.3, 0.1, 0.01]
    heights = axes.transData.transform([(0, bar.get_y()) for bar in axes.patches])[:, 1]
    assert (np.diff(heights) < 0).all()
    # Lines to read lengths by, and none that run along the bars.
    assert all(line.get_visible() for line in axes.get_xgridlines())
    assert not any(line.get_visible() for line in axes.get_ygridlines())
    with pytest.raises(DataError, match="at least one importance"):
        figures.importances_figure({})


def test_folder_that_cannot_be_made_is_refused(tmp_path, supernovae):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        figures.save_figures([[0.5, 0.3, 0.2]], [0], supernovae, blocked / "figures")
    assert blocked.read_text() == "in the way"


def test_pyplot_is_never_imported():
    program = (
        "import sys, lcclassify.evaluation.figures as f; from lcclassify.schema import Taxonomy;"
        "f.make_figures([[.9,.1],[.2,.8]], [0,1], Taxonomy(('a','b')));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_names_are_neither_mathematics_nor_hidden(make_synthetic, tmp_path):
    names = ("$A^$", "_hidden", "a_b^{c}", "100 $", "\\frac{")
    p, y = make_synthetic(len(names), 300)
    drawn = figures.make_figures(p, y, Taxonomy(names), title="$x^$ and _y")
    figures.write_figures(drawn, tmp_path)  # where mathematics would be parsed
    for name in ("roc", "precision_recall"):
        labels = [text.get_text() for text in drawn[name].legends[0].get_texts()]
        shown = [label.replace("\\$", "$").lstrip("\u200b") for label in labels]
        assert {label.rpartition(",")[0] for label in shown} >= set(names)
