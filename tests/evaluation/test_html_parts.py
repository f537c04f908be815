"""Charts and tables of the HTML report: what is drawn, marked and said, by hand."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcclassify.evaluation.html import ReportObjects
from lcclassify.evaluation.html.curves import (
    accuracy_chart,
    learning_charts,
    precision_recall_chart,
    reliability_charts,
    risk_coverage_chart,
    roc_chart,
    top_probability_chart,
    wilson,
)
from lcclassify.evaluation.html.further import stack_warnings, worth_table
from lcclassify.evaluation.html.sections import evaluated_section, headline
from lcclassify.evaluation.html.svg import Axis, Series, xy_chart
from lcclassify.evaluation.html.tables import DASH, bar_table, class_table, models_table
from lcclassify.evaluation.metrics import evaluate
from lcclassify.schema import Taxonomy


def objects_of(p, targets, **quantities):
    p = np.asarray(p, dtype=float)
    names = [str(i) for i in range(len(p))]
    return ReportObjects("objects", names, p, np.asarray(targets), quantities=quantities)


def of_two(top, right):
    """Objects with a highest probability each, of the first of two classes."""
    top = np.asarray(top, dtype=float)
    return np.stack([top, 1 - top], axis=1), np.where(right, 0, 1)


def series(chart):
    """Names of what is drawn."""
    return re.findall(r'data-series="\d+"[^>]*><title>([^<]*)</title>', str(chart.svg))


def places(chart):
    """Where points are marked, in shares of the drawing's width and height."""
    marks = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', str(chart.svg))
    x, y = np.array(marks, dtype=float).reshape(-1, 2).T
    return (x - 58) / (460 - 58 - 12), 1 - (y - 10) / (330 - 46 - 10)


# --- charts -------------------------------------------------------------------------


def test_accuracy_is_that_of_bins_of_equally_many_objects():
    values = np.append(np.arange(40.0)[::-1], [np.nan] * 3)
    right = np.append(np.arange(40)[::-1] % 10 < np.arange(40)[::-1] // 10 * 3, [True] * 3)
    objects = objects_of(*of_two(np.full(43, 0.6), right), x=values)
    chart = accuracy_chart(objects, "x")
    assert chart.table == [
        ["from", "to", "objects", "right", "accuracy"],
        ["0", "9", "10", "0", "0.0000"],
        ["10", "19", "10", "3", "0.3000"],
        ["20", "29", "10", "6", "0.6000"],
        ["30", "39", "10", "9", "0.9000"],
    ]
    assert chart.note.endswith("68 % intervals. 3 objects have no value.")
    one_less = accuracy_chart(objects.take(np.arange(41)), "x")
    assert one_less.note.endswith("68 % intervals. 1 object has no value.")
    assert "Accuracy in 4 bins of x, from 0.00 at 4.5 to 0.90 at 34.5." in chart.svg
    across, up = places(chart)
    np.testing.assert_allclose(np.diff(across), 10 / (30 * 1.08), atol=2e-3)
    np.testing.assert_allclose(up, (np.array([0, 0.3, 0.6, 0.9]) + 0.01) / 1.02, atol=2e-3)
    without = accuracy_chart(objects.take(np.arange(20)), "x")
    assert len(without.table) == 1 + 2
    assert "no value" not in without.note


def test_accuracy_is_not_drawn_of_few_objects_or_of_one_value():
    p, targets = of_two(np.full(30, 0.6), np.arange(30) % 2)
    objects = objects_of(p, targets, x=np.arange(30.0), same=np.full(30, 7.0))
    assert accuracy_chart(objects, "x") is not None
    assert accuracy_chart(objects, "same") is None
    assert accuracy_chart(objects.take(np.arange(19)), "x") is None


def test_reliability_is_drawn_of_classes_with_objects_in_more_than_one_bin():
    """The second class has one probability, the third no objects, the fourth too few a bin."""
    few = np.where(np.arange(60) < 9, 0.15, 0.05)
    low = np.where(np.arange(60) < 30, 0.1, 0.5)
    p = np.stack([0.75 - few - low + 0.05, np.full(60, 0.2), low, few], axis=1)
    targets = np.where(np.arange(60) % 3 < 2, 0, np.where(np.arange(60) % 2, 1, 3))
    one, each = reliability_charts(objects_of(p, targets), ["a", "b", "c", "d"])
    assert series(each) == ["a"]
    assert one.table[0] == ["probability", "right", "objects"]
    assert sum(int(row[2]) for row in one.table[1:]) == 60
    (alone,) = reliability_charts(objects_of(p[:9], targets[:9]), ["a", "b", "c", "d"])
    assert alone.title == "Reliability of the predicted class"


def test_reliability_of_the_predicted_class_by_hand():
    top = np.repeat([0.6, 0.9], [10, 20])
    right = np.arange(30) % 10 < np.repeat([5, 8], [10, 20])
    chart = reliability_charts(objects_of(*of_two(top, right)), ["a", "b"])[0]
    assert chart.table[1:] == [["0.600", "0.500", "10"], ["0.900", "0.800", "20"]]
    assert "error 0.1000" in chart.note
    across, up = places(chart)
    np.testing.assert_allclose(across, (np.array([0.6, 0.9]) + 0.01) / 1.02, atol=2e-3)
    np.testing.assert_allclose(up, (np.array([0.5, 0.8]) + 0.01) / 1.02, atol=2e-3)
    # Bars are intervals of one standard deviation, by Wilson's formula; few objects have long ones.
    share, n = np.array([0.5, 0.8]), np.array([10, 20])
    half = np.sqrt(share * (1 - share) / n + 1 / (4 * n**2)) / (1 + 1 / n)
    bars = re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", re.search(r'"line" d="(.*?)"', chart.svg)[1])
    lengths = np.abs(np.diff(np.array(bars, dtype=float))[:, 0]) / (284 - 10) * 1.02
    np.testing.assert_allclose(lengths, 2 * half, atol=2e-3)


def test_a_line_shows_where_probabilities_are_what_they_say(make_synthetic):
    for chart in reliability_charts(objects_of(*make_synthetic(3, 300)), ["a", "b", "c"]):
        # From corner to corner.
        assert re.findall(r'class="guide" d="(.*?)"', chart.svg) == ["M58 284L448 10"]


def test_errors_of_the_surest_by_hand():
    top = 0.99 - 0.01 * np.arange(40)
    chart = risk_coverage_chart(objects_of(*of_two(top, np.arange(40) % 10 != 9)))
    assert chart.table == [
        ["kept", "probability of at least", "misclassified"],
        ["25%", "0.900", "10.00%"],
        ["50%", "0.800", "10.00%"],
        ["60%", "0.760", f"{2 / 24:.2%}"],
        ["70%", "0.720", f"{2 / 28:.2%}"],
        ["80%", "0.680", f"{3 / 32:.2%}"],
        ["90%", "0.640", f"{3 / 36:.2%}"],
        ["95%", "0.620", f"{3 / 38:.2%}"],
        ["100%", "0.600", "10.00%"],
    ]
    assert series(chart) == ["this classifier", "all errors left out first"]
    single = risk_coverage_chart(objects_of(*of_two([0.7], [True])))
    assert {tuple(row[1:]) for row in single.table[1:]} == {("0.700", "0.00%")}


def test_what_is_drawn_lies_within_the_axes(make_synthetic):
    p, targets = make_synthetic(3, 300, sharpness=1.0)
    objects = objects_of(p, targets, x=np.linspace(-5, 1e4, 300))
    names = ["a", "b", "c"]
    charts = [
        roc_chart(objects, names),
        precision_recall_chart(objects, names),
        *reliability_charts(objects, names),
        accuracy_chart(objects, "x"),
        risk_coverage_chart(objects),
    ]
    for chart in charts:
        paths = re.findall(r'<path class="(?:line|guide)"[^>]* d="([^"]*)"', str(chart.svg))
        points = re.findall(r"[ML]([\d.-]+) ([\d.-]+)(?:V([\d.-]+))?", " ".join(paths))
        across = np.array([float(x) for x, _, _ in points])
        down = np.array([float(y) for _, *ends in points for y in ends if y])
        assert len(across) > 5, chart.title
        assert across.min() >= 58, chart.title
        assert across.max() <= 448, chart.title
        assert down.min() >= 10, chart.title
        assert down.max() <= 284, chart.title


def test_highest_probabilities_are_counted_in_twentieths():
    chart = top_probability_chart(np.array([0.51, 0.52, 0.62, 0.97, 1.0]))
    filled = [row for row in chart.table[1:] if row[2] != "0"]
    assert len(chart.table) == 1 + 20
    assert filled == [["0.5", "0.55", "2"], ["0.6", "0.65", "1"], ["0.95", "1", "2"]]
    assert "of 5 objects, median 0.62." in chart.svg
    bars = re.findall(
        r'<rect class="bar" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', chart.svg
    )
    x, y, width, height = np.array(bars, dtype=float).T
    np.testing.assert_allclose(x[1:], x[:-1] + width[:-1] + 1, atol=0.2)  # a gap of 1
    np.testing.assert_allclose(y + height, 284, atol=0.11)  # down to the axis
    expected = np.array([int(row[2]) for row in chart.table[1:]]) / 2 / 1.05 * (284 - 10)
    np.testing.assert_allclose(height, expected, atol=0.051)


def test_what_fits_logged_is_drawn_by_epoch_from_one_on():
    epochs = [
        {"epoch": 0, "train/loss": 2.0, "val/loss": 3.0, "val/accuracy": 0.5},
        {"epoch": 1, "train/loss": 1.0, "val/loss": None, "val/accuracy": 0.75},
    ]
    fits = {"fold_0": {"best": 1, "epochs": epochs}, "fold_1": {"best": 0, "epochs": epochs[:1]}}
    loss, accuracy = learning_charts("net", fits)
    assert (loss.title, accuracy.title) == ("net: loss", "net: accuracy")
    assert loss.note == "2 fits. Epoch kept: 2, 1."
    assert series(loss) == ["training", "training", "validation", "validation"]
    assert [name for name, *_ in loss.legend] == ["training", "validation"]
    assert series(accuracy) == ["validation", "validation"]
    # One logged value is a mark, more are a line; there are margins of 4 % of the range.
    across, up = places(loss)
    assert across == pytest.approx([0.04 / 1.08] * 3, abs=2e-3)
    assert up == pytest.approx(np.array([1.08, 2.08, 2.08]) / 2.16, abs=2e-3)
    (alone,) = learning_charts("net", {"fit": {"best": None, "epochs": [{"epoch": 0, "val/x": 1}]}})
    assert alone.note == ""
    many = {str(k): {"best": k, "epochs": epochs} for k in range(9)}
    assert learning_charts("net", many)[0].note.endswith("kept: 1, 2, 3, 4, 5, 6, 7, 8, ….")
    assert learning_charts("net", {}) == []


def test_a_set_has_a_chart_of_each_quantity_that_tells_something(make_synthetic):
    p, targets = make_synthetic(2, 60)
    objects = objects_of(p, targets, x=np.arange(60.0), same=np.ones(60))
    models = {"net": evaluate(p, targets, Taxonomy(("a", "b"))).to_dict()}
    charts = evaluated_section("key", "title", models, objects)["charts"]
    assert [chart.title for chart in charts if "Accuracy" in chart.title] == ["Accuracy by x"]


@given(hits=st.integers(0, 50), more=st.integers(0, 50))
def test_wilson_ends_are_one_standard_error_away(hits, more):
    n = hits + more
    if n == 0:
        return
    low, high = wilson(np.array([float(hits)]), np.array([n]))
    for end in (low[0], high[0]):
        assert n * (hits / n - end) ** 2 == pytest.approx(end * (1 - end), abs=1e-9)
    assert -1e-12 <= low[0] <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high[0] <= 1 + 1e-12


@given(
    low=st.floats(-1e4, 1e4),
    span=st.floats(1e-3, 1e5),
    whole=st.booleans(),
)
def test_ticks_are_few_distinct_and_inside(low, span, whole):
    axis = Axis("x", low, low + span, whole=whole)
    ticks = axis.ticks()
    assert len(ticks) <= 8
    assert len({text for _, text in ticks}) == len(ticks)
    for value, _ in ticks:
        assert low - 1e-6 * span <= value <= low + span * (1 + 1e-6)
        assert not whole or value == round(value)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_a_path_passes_by_every_point(points):
    x, y = np.array(points).T
    chart = xy_chart("t", "s", Axis("x", 0, 1), Axis("y", 0, 1), [Series("", x, y)])
    path = re.search(r'class="line" d="([^"]*)"', str(chart.svg))[1]
    places = np.array([one.split() for one in re.findall(r"[ML]([^ML]+)", path)], dtype=float)
    left, top, width, height = 58, 10, 460 - 58 - 12, 330 - 46 - 10
    for a, b in zip(left + x * width, top + (1 - y) * height, strict=True):
        # The distance of a point to a piece of the path.
        best = np.hypot(*(places - [a, b]).T).min()
        for start, end in pairwise(places):
            piece = end - start
            share = np.clip(np.dot([a, b] - start, piece) / max(np.dot(piece, piece), 1e-12), 0, 1)
            best = min(best, np.hypot(*(start + share * piece - [a, b])))
        assert best <= 0.51


# --- tables -------------------------------------------------------------------------


def evaluated(accuracy, log_loss):
    return {
        "metrics": {"accuracy": accuracy, "log_loss": log_loss, "recall/a": 0.75},
        "undefined": {"macro_roc_auc": "one class"},
        "classes": ["a", "b"],
        "names": ["A", "B"],
        "objects_per_class": {"a": 1234, "b": 0},
        "confusion": [[925, 309], [0, 0]],
    }


def test_the_first_figures_are_those_that_are_defined():
    assert headline(evaluated(0.75, 0.5)) == [("right", "75.0%"), ("log-loss", "0.500")]


def test_the_best_of_each_column_is_marked_if_there_are_several():
    models = {
        "one": evaluated(0.75, 0.5),
        "two": evaluated(0.5, 0.25),
        "as one": evaluated(0.75, 1),
    }
    table = models_table(models, "", {"two": {"accuracy": [0.45, 0.55]}})
    accuracy, log_loss, auc = (
        [row[table.columns.index(name)] for row in table.rows]
        for name in ("accuracy", "log-loss", "macro AUC")
    )
    assert [cell.best for cell in accuracy] == [True, False, True]
    assert [cell.best for cell in log_loss] == [False, True, False]
    assert {(cell.text, cell.best, cell.why) for cell in auc} == {(DASH, False, "one class")}
    assert [cell.note for cell in accuracy] == ["", "0.4500\u20130.5500", ""]
    assert [row[0].best for row in table.rows] == [False] * 3
    assert table.note.endswith("without objects: b.")
    alone = models_table({"one": models["one"]}, "")
    assert not any(cell.best for row in alone.rows for cell in row)


def test_a_class_has_its_objects_its_predictions_and_bars():
    table = class_table(evaluated(0.75, 0.5), "", {"recall/a": [0.7, 0.8]})
    a, b = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert [a[name].text for name in ("class", "objects", "predicted")] == ["a A", "1,234", "925"]
    assert [b[name].text for name in ("class", "objects", "predicted")] == ["b B", "0", "309"]
    recall = a["recall"]
    assert (recall.text, recall.bar, recall.note) == ("0.7500", 0.75, "0.7000\u20130.8000")
    assert (b["recall"].text, b["recall"].bar, b["recall"].note) == (DASH, None, "")
    assert a["ROC AUC"].bar is None


def test_bars_are_in_shares_of_the_highest_value():
    rows = bar_table("", ["what", "value"], {"x": 0.5, "y": -1.0, "z": 0.25}, 2).rows
    assert [(row[1].text, row[1].bar) for row in rows] == [
        ("0.50", 0.5),
        ("-1.00", 0.0),
        ("0.25", 0.25),
    ]
    counts = bar_table("", ["what", "objects"], {"x": 2000, "y": 500}).rows
    assert [(row[1].text, row[1].bar) for row in counts] == [("2,000", 1.0), ("500", 0.25)]
    (nothing,) = bar_table("", ["what", "objects"], {"x": 0}).rows
    assert (nothing[1].text, nothing[1].bar) == ("0", 0.0)


def test_members_stand_beside_the_stack_without_each():
    def scores(log_loss, accuracy):
        return {"log_loss": log_loss, "accuracy": accuracy}

    gained = {"mean": 0.125, "error": 0.05}
    net = {"own": scores(0.5, 0.75), "without": scores(0.625, 0.5), "gained": gained}
    alone = {"own": scores(0.6, 0.7), "without": None, "gained": None}
    worth = {"n_objects": 60, "stack": scores(0.4, 0.8), "members": {"net": net, "alone": alone}}
    assert [[cell.text for cell in row] for row in worth_table(worth).rows] == [
        ["stack", "0.4000", "0.8000", DASH, DASH, DASH],
        ["net", "0.5000", "0.7500", "0.6250", "0.5000", "+0.1250 ± 0.0500"],
        ["alone", "0.6000", "0.7000", DASH, DASH, DASH],
    ]


def test_a_member_better_than_the_whole_is_named_with_by_how_much():
    models = {
        name: {"metrics": {"log_loss": loss}}
        for name, loss in (("one", 0.3), ("two", 0.2), ("three", 0.5), ("stack", 0.4))
    }
    lost = {"one": (0.1, 0.05), "two": (0.2, 0.05), "three": (-0.1, 0.01), "few": (0.3, None)}
    members = {
        name: {"lost": dict(zip(("mean", "error"), pair, strict=True))}
        for name, pair in lost.items()
    }
    assert len(stack_warnings(models, {"members": members})) == 1  # by chance, for all it knows
    few = {name: {"mean": 0.4 - loss, "error": 0.2} for name, loss in (("one", 0.3), ("two", 0.2))}
    models["stack"]["behind"] = {**few, "three": {"mean": -0.1, "error": None}}
    assert stack_warnings(models, None) == []
    models["stack"]["behind"]["two"]["error"] = 0.05
    best, beyond = stack_warnings(models, {"members": members})
    assert (
        "of stack (0.4000) is worse than that of two alone (0.2000), by 0.2000 ± 0.0500, more"
    ) in best
    assert beyond.startswith("two alone has a lower log-loss than the stack, by 0.2000 ± 0.0500 on")
    as_good = dict.fromkeys(("one", "stack"), models["stack"])
    assert stack_warnings(as_good, None) == []
