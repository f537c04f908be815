"""The error of the objects that are left, and its area."""

import numpy as np
import pytest

from lcclassify.errors import DataError
from lcclassify.evaluation import figures
from lcclassify.evaluation.html.curves import risk_coverage_chart
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.metrics import evaluate
from lcclassify.evaluation.risk_coverage import risk_coverage
from lcclassify.schema import Taxonomy


def test_it_is_the_error_of_the_surest_objects(make_synthetic):
    p, y = make_synthetic(4, 300)
    curve = risk_coverage(p, y)
    surest = np.argsort(-p.max(axis=1))
    wrong = p.argmax(axis=1) != y
    for kept in (1, 2, 57, 300):
        own = surest[:kept]
        assert curve.kept[kept - 1] == kept / 300
        assert curve.error[kept - 1] == pytest.approx(wrong[own].mean())
        assert curve.least[kept - 1] == pytest.approx(p[own].max(axis=1).min())
        assert curve.ideal[kept - 1] == pytest.approx(np.sort(wrong)[:kept].mean())
    assert curve.ideal_area < curve.area < wrong.mean()


def test_objects_of_one_probability_are_in_no_order():
    p = np.array([[0.9, 0.1]] * 2 + [[0.7, 0.3]] * 4)
    y = np.array([0, 0, 1, 1, 0, 0])
    expected = [0, 0, 0.5 / 3, 1 / 4, 1.5 / 5, 2 / 6]
    for order in (range(6), [0, 1, 5, 4, 3, 2], [5, 3, 1, 0, 2, 4]):
        rows = list(order)
        np.testing.assert_allclose(risk_coverage(p[rows], y[rows]).error, expected)


def test_nothing_better_than_all_errors_last():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    best = risk_coverage(p, [0, 0, 1, 1])
    assert best.area == best.ideal_area == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert risk_coverage(p, [1, 1, 0, 0]).area > best.area
    assert risk_coverage(p, [0] * 4).area == 0


def test_the_areas_are_metrics(make_synthetic, supernovae):
    p, y = make_synthetic(3, 200)
    scalars = evaluate(p, y, supernovae).scalars
    curve = risk_coverage(p, y)
    assert scalars["aurc"] == curve.area
    assert scalars["aurc_ideal"] == curve.ideal_area


def test_no_object_is_refused():
    with pytest.raises(DataError, match="at least one object"):
        risk_coverage(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize("n", [1, 4, 500])
def test_figure_and_chart_show_the_curve(make_synthetic, n):
    p, y = make_synthetic(3, n)
    curve = risk_coverage(p, y)
    axes = figures.risk_coverage_figure(p, y, title="a [model]").axes[0]
    drawn, ideal, _ = axes.lines
    assert f"area {curve.area:.4f}" in drawn.get_label()
    assert drawn.get_ydata()[-1] == curve.error[-1] == ideal.get_ydata()[-1]
    assert drawn.get_linestyle() != ideal.get_linestyle()
    objects = ReportObjects("test objects", [str(i) for i in range(n)], p, y)
    chart = risk_coverage_chart(objects)
    assert f"{curve.area:.4f}" in chart.note
    share, probability, error = chart.table[-1]
    assert (share, probability) == ("100%", f"{p.max(axis=1).min():.3f}")
    assert error == f"{curve.error[-1]:.2%}"
    assert len(chart.legend) == 2


def test_no_error_at_all_is_drawn():
    p = np.array([[0.9, 0.1], [0.8, 0.2]])
    figures.make_figures(p, [0, 0], Taxonomy(("a", "b")))["risk_coverage"].canvas.draw()
    objects = ReportObjects("x", ["1", "2"], p, np.zeros(2, dtype=np.int64))
    assert "NaN" not in str(risk_coverage_chart(objects).svg)
