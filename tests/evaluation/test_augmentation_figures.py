from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from lcclassify.errors import DataError
from lcclassify.evaluation.figures import (
    AugmentationExample,
    ComparedQuantity,
    LightCurvePanel,
    augmentation_examples_figure,
    augmentation_samples_figure,
    write_figures,
)
from lcclassify.evaluation.figures.augmentation import bin_edges

NOTHING = np.zeros(0)


def panel(title, *, n=20, line=False, band=True):
    rng = np.random.default_rng(n)
    times = np.linspace(-20, 60, 30) if line else NOTHING
    flux = 100 * np.exp(-((times / 30) ** 2))
    return LightCurvePanel(
        title,
        np.sort(rng.uniform(-20, 60, n)),
        rng.normal(50, 5, n),
        np.full(n, 5.0),
        np.arange(n) % 2,
        times,
        np.stack([flux, 2 * flux]) if line else np.zeros((0, 0)),
        "days",
        np.full((2, 30), 10.0) if line and band else None,
    )


def example(name, *, n_copies=2, line=True):
    copies = tuple(panel(f"copy {number}", n=5 + number) for number in range(n_copies))
    return AugmentationExample(panel(name, line=line), copies)


def samples(seed=0, n=(50, 900, 300), **more):
    rng = np.random.default_rng(seed)
    return ComparedQuantity(
        "brightness", *(rng.lognormal(i, 1, m) for i, m in enumerate(n)), **more
    )


def shown(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def of(axes, name):
    """The stairs of a sample: heights and edges."""
    found = next(patch for patch in axes.patches if patch.get_label() == name)
    return found.get_data()[:2]


TARGET = "objects to be classified"
OBSERVED = "training objects as observed"
DRAWN = "training objects as drawn"


def test_saved_files_are_png(tmp_path):
    figures = {
        "examples": augmentation_examples_figure(
            [example("SN Ia"), example("AGN", line=False)], ["g", "r"], "a [title]"
        ),
        "samples": augmentation_samples_figure(
            [samples(), samples(1, logarithmic=True), samples(2)]
        ),
    }
    for path in write_figures(figures, tmp_path):
        image = imread(path)
        assert image[..., :3].std() > 0.01
        edge = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
        assert (edge[:, :3] == 1).all(), path.name


def test_an_example_is_a_row_and_its_process_a_line_in_a_band():
    figure = augmentation_examples_figure(
        [example("SN Ia"), example("AGN", line=False), example("TDE", line=False)], ["g", "r"]
    )
    grid = np.reshape(shown(figure), (3, 3))
    assert len(figure.axes) == 9  # and no room for others
    assert [axes.get_title() for axes in grid[:, 0]] == ["SN Ia", "AGN", "TDE"]
    assert [axes.get_title() for axes in grid[0]] == ["SN Ia", "copy 0", "copy 1"]
    # Two bands of the first source, about two lines; error bars are other collections.
    bands = [len([c for c in axes.collections if "Fill" in type(c).__name__]) for axes in grid.flat]
    assert bands == [2] + [0] * 8
    first = next(c for c in grid[0, 0].collections if "Fill" in type(c).__name__)
    heights = first.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(100 + 10, abs=1)
    # The axis of time is named below each column only.
    assert [[bool(axes.get_xlabel()) for axes in row] for row in grid] == [[False] * 3] * 2 + [
        [True] * 3
    ]


def test_a_line_needs_no_band():
    one = AugmentationExample(panel("a", line=True, band=False), (panel("copy"),))
    left, right = shown(augmentation_examples_figure([one], ["g", "r"]))
    assert not any("Fill" in type(c).__name__ for c in left.collections)
    assert len(left.lines) > len(right.lines)


def test_names_are_never_mathematics(tmp_path):
    name = r"$\nosuch{$"
    figure = augmentation_examples_figure([example(name)], [name, "r"], "title")
    (quantity,) = [ComparedQuantity(name, np.arange(9.0), np.arange(9.0), NOTHING)]
    figures = {"a": figure, "b": augmentation_samples_figure([quantity], name)}
    assert len(write_figures(figures, tmp_path)) == 2


def test_a_significant_point_is_never_cut_off():
    points = panel("a")
    points.flux[3], points.flux_err[3] = 900.0, 200.0  # an error forty times the others'
    points.flux[4], points.flux_err[4] = 3000.0, 2000.0
    one = AugmentationExample(points, (panel("copy"),))
    low, high = shown(augmentation_examples_figure([one], ["g", "r"]))[0].get_ylim()
    assert low < 0
    assert 900 < high < 3000


def test_light_curves_fill_their_axes_in_any_unit_of_flux():
    limits = []
    for unit in (1.0, 1e-6):
        points = panel("a", line=True)
        scaled = replace(
            points,
            flux=unit * points.flux,
            flux_err=unit * points.flux_err,
            true_flux=unit * points.true_flux,
            true_err=None,
        )
        one = AugmentationExample(scaled, (scaled,))
        limits.append(shown(augmentation_examples_figure([one], ["g", "r"]))[0].get_ylim())
    assert limits[0][0] < 0 < 200 < limits[0][1] < 250
    assert limits[1] == pytest.approx(1e-6 * np.array(limits[0]))


@pytest.mark.parametrize("examples", [[], [example("a"), example("b", n_copies=1)]])
def test_examples_need_as_many_copies_each(examples):
    with pytest.raises(DataError, match="same number of copies"):
        augmentation_examples_figure(examples, ["g", "r"])


def test_shares_of_each_sample_sum_to_one():
    figure = augmentation_samples_figure([samples(), samples(logarithmic=True)])
    linear, logarithmic = shown(figure)
    assert (linear.get_xscale(), logarithmic.get_xscale()) == ("linear", "log")
    assert linear.get_ylabel() == "share of the sample"
    assert not logarithmic.get_ylabel()  # beside it
    for axes in (linear, logarithmic):
        assert axes.get_ylim()[0] == 0
        edges = [of(axes, name)[1] for name in (TARGET, OBSERVED, DRAWN)]
        assert (edges[0] == edges[1]).all()
        assert (edges[0] == edges[2]).all()
        assert axes.get_xlim() == (edges[0][0], edges[0][-1])
        for name in (TARGET, OBSERVED, DRAWN):
            assert of(axes, name)[0].sum() == pytest.approx(1)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [TARGET, OBSERVED, DRAWN]


def test_what_objects_do_not_have_is_left_out():
    rng = np.random.default_rng(1)
    nan = np.full(30, np.nan)
    nowhere = ComparedQuantity("photometric redshift", nan, nan, NOTHING)
    some = ComparedQuantity(
        "ratio",
        np.concatenate([nan, rng.uniform(1, 2, 70)]),
        np.concatenate([[0.0, -5.0], rng.uniform(1, 2, 70)]),
        NOTHING,
        logarithmic=True,
    )
    figure = augmentation_samples_figure([nowhere, some])
    (axes,) = shown(figure)
    assert axes.get_xlabel() == "ratio"
    for name in (OBSERVED, DRAWN):
        heights, edges = of(axes, name)
        assert heights.sum() == pytest.approx(1)  # of those that have it
        assert edges[0] >= 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [OBSERVED, DRAWN]  # there is nothing to be classified
    with pytest.raises(DataError, match="got none"):
        augmentation_samples_figure([nowhere])


def test_bins_fit_the_smallest_sample_and_leave_tails_to_the_outermost():
    rng = np.random.default_rng(0)
    large = np.append(rng.normal(size=10_000), 1e9)
    edges = bin_edges([large, rng.normal(5, 1, 100)])
    assert len(edges) == 16
    assert edges[0] == pytest.approx(-2.6, abs=0.2)
    assert edges[-1] == pytest.approx(7.5, abs=0.7)
    assert len(bin_edges([np.zeros(1)])) == 9
    assert np.ptp(bin_edges([np.full(5, 3.0)])) == 1
    steps = np.diff(np.log(bin_edges([np.array([1.0, 10.0])], logarithmic=True)))
    np.testing.assert_allclose(steps, steps[0])
