import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from lcclassify.errors import DataError, OutputError
from lcclassify.evaluation import published, report
from lcclassify.evaluation.metrics import evaluate
from lcclassify.schema import Taxonomy
from lcclassify.terminal import show_table


def ansi(table):
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.fixture
def evaluations(make_synthetic, supernovae):
    good, y = make_synthetic(3, 500, sharpness=4.0)
    poor, _ = make_synthetic(3, 500, sharpness=0.5)
    return {"dense [a]": evaluate(poor, y, supernovae), "stack": evaluate(good, y, supernovae)}


def test_comparison_holds_every_model_and_fits(evaluations):
    text = report.text_of(report.comparison_table(evaluations, "test [set]"))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "test [set]" in text
    assert "500 objects" in text
    for name, evaluation in evaluations.items():
        row = next(line for line in lines if name in line)
        for column in report.COMPARED:
            assert f"{evaluation.scalars[column.metric]:.4f}" in row
    assert "\x1b" not in text


def test_best_value_of_each_column_is_bold(evaluations):
    table = report.comparison_table(evaluations)
    lower = {"log_loss", "weighted_log_loss", "ece"}
    for column, shown in zip(report.COMPARED, table.columns[1:], strict=True):
        values = [evaluation.scalars[column.metric] for evaluation in evaluations.values()]
        best = min(values) if column.metric in lower else max(values)
        assert [cell.style == "bold" for cell in shown.cells] == [v == best for v in values]
    assert "\x1b[1m" in ansi(table)


def test_wide_names_and_undefined_values_still_fit():
    only = evaluate([[0.9, 0.1]], [0], Taxonomy(("a", "b")))
    text = report.text_of(report.comparison_table({"a very long model name " * 4: only}))
    assert max(map(len, text.splitlines())) <= 100
    assert "without objects: b" in text
    row = next(line for line in text.splitlines() if "0.1000" in line)
    assert " - " in row  # ROC AUC of a single class


def test_names_of_classes_change_nothing_in_a_terminal():
    taxonomy = Taxonomy(("\x1b[31mred", "a\nb", "[/]", "\u202ec"), names={"[/]": "x\ry"})
    assert taxonomy.display_names() == ["\ufffd[31mred", "a b", "x y", "\ufffdc"]
    text = report.text_of(report.per_class_table(evaluate(np.eye(4), range(4), taxonomy)))
    assert "\ufffd[31mred " in text
    assert "[/] x y" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_per_class_table(supernovae):
    p = [[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]
    text = report.text_of(report.per_class_table(evaluate(p, [0, 1, 1], supernovae)))
    row = next(line for line in text.splitlines() if "SN II" in line)
    assert re.split(r"\s{2,}", row.strip())[1:5] == [
        *("2", "1"),
        *("1.0000", "0.5000"),
    ]
    lines = text.splitlines()
    header = " ".join(lines[: next(i for i, line in enumerate(lines) if "──" in line)]).split()
    assert [word for word in header if word in {"class", "objects", "dicted", "recall"}] == [
        *("class", "objects", "dicted", "recall")
    ]
    absent = next(line for line in text.splitlines() if line.strip().startswith("SN Ibc"))
    assert re.split(r"\s{2,}", absent.strip())[3:] == ["-"] * 5


@pytest.mark.parametrize("width", [30, 66, 100])
def test_rows_are_single_lines_with_their_names_however_narrow_the_terminal(width, evaluations):
    console = Console(file=io.StringIO(), width=width)
    for table in (
        report.per_class_table(evaluations["stack"]),
        report.comparison_table(evaluations),
    ):
        with console.capture() as capture:
            show_table(console, table)
        text = capture.get()
        assert "…" not in text
        for name in list(table.columns[0].cells):
            assert str(name) in text
        has_figures = [re.search(r"\d\.\d", line) is not None for line in text.splitlines()]
        first = has_figures.index(True)
        assert has_figures[first:].count(True) == table.row_count
        assert all(has_figures[first : first + table.row_count])


def test_no_evaluation_is_refused():
    with pytest.raises(DataError, match="at least one evaluation"):
        report.comparison_table({})


def test_paper_comparison_shows_published_and_own(make_synthetic, plasticc):
    p, y = make_synthetic(15, 600, absent=(14,))
    evaluation = evaluate(p, y, plasticc)
    table = report.paper_comparison(evaluation, {"2DSubM": 0.771234, "other": 0.5})
    lines = report.text_of(table).splitlines()

    def cells(word):
        row = next(line for line in lines if word in line)
        return re.split(r"\s{2,}", row.strip())[1:]

    assert re.split(r"\s{2,}", next(line for line in lines if "this run" in line).strip()) == [
        *("figure", "published", "this run")
    ]
    assert cells("2DSubM") == ["0.77307", "0.77123"]
    assert cells("3DSubM") == ["0.76402", "-"]
    assert cells("accuracy, other") == ["-", "0.50000"]
    assert cells("test set, accuracy") == ["0.76243", f"{evaluation.scalars['accuracy']:.5f}"]
    assert cells("macro precision")[0] == "0.62266"
    assert cells("macro recall")[0] == "0.50290"
    assert cells("90 SN Ia") == ["0.94", f"{evaluation.scalars['recall/90']:.2f}"]
    assert cells("recall of 52")[0] == "-"
    assert cells("recall of 99") == ["0.02", "-"]
    assert report.text_of(report.paper_comparison(evaluation))


def test_paper_comparison_needs_plasticc_classes(supernovae):
    evaluation = evaluate(np.eye(3), [0, 1, 2], supernovae)
    with pytest.raises(DataError, match="15 classes"):
        report.paper_comparison(evaluation)


def test_published_figures_are_consistent():
    assert set(published.TEST_RECALL) <= set(published.PLASTICC_CLASSES)
    assert len(published.PLASTICC_CLASSES) == 15
    # The classes without a figure must leave room for recalls of 0..1 in the macro mean.
    rest = published.TEST_SCALARS["macro_recall"] * 15 - sum(published.TEST_RECALL.values())
    assert 0 <= rest <= 4


def test_metrics_file_is_whole_json(tmp_path, evaluations):
    path = tmp_path / "run" / "metrics.json"
    content = {"models": evaluations, "seed": np.int64(3), "areas": np.array([0.5, 1.0])}
    assert report.write_metrics(path, content) == path
    restored = json.loads(path.read_text())
    assert restored["models"]["stack"] == evaluations["stack"].to_dict()
    assert (restored["seed"], restored["areas"]) == (3, [0.5, 1.0])
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan"), object()])
def test_unwritable_metric_is_refused_and_the_old_file_kept(tmp_path, value):
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(DataError, match=r"metrics\.a\[1\]"):
        report.write_metrics(path, {"a": [1, value]})
    assert path.read_text() == "old"


def test_metrics_path_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "metrics.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        report.write_metrics(tmp_path / "metrics.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
