"""What the terminal shows of the fits, alone, side by side and in a spawned process."""

import io
import pickle

import pytest

from lcclassify.tasks.console import FitConsole
from lcclassify.terminal import terminal


def shown(width=80, on_terminal=False):
    return terminal(file=io.StringIO(), width=width, force_terminal=on_terminal)


def text(console):
    return console.file.getvalue()


def frame(reporter, width=80):
    """Return what the terminal shows now, as lines."""
    console = terminal(file=io.StringIO(), width=width)
    console.print(reporter.render())
    return text(console).splitlines()


def test_a_line_a_fit_in_a_file():
    console = shown()
    with FitConsole(console, 3) as reporter:
        reporter.kept("first")
        for name in ("second [a]", "third"):
            reporter.started(name, 10, 0)
            reporter.advanced(name, 10, "epoch 1  loss 0.5, 100 objects/s")
            reporter.stopped(name)
            reporter.finished(name, "1 epochs, " + "long words " * 10)
    lines = text(console).splitlines()
    assert [line[:20].split(":")[0] for line in lines] == [
        "  1/3 first", "  2/3 second [a]", "  3/3 third"
    ]  # fmt: skip
    assert "\x1b" not in text(console)


@pytest.mark.parametrize("width", [80, 120])
def test_all_that_run_in_a_terminal(width):
    console = shown(width, on_terminal=True)
    with FitConsole(console, 12) as reporter:
        reporter.planned({"bigru_second fold 4": 300.0, "dense all 0": 100.0})
        reporter.started("bigru_second fold 4", 200, 100)
        reporter.started("dense all 0", 100, 0)
        reporter.advanced("bigru_second fold 4", 40, "epoch 12/14  loss 0.5439, 1,100 objects/s")
        reporter.advanced("dense all 0", 20, "epoch 3/40  ")
        whole, first, second = frame(reporter, width)
        assert whole.startswith("fits 0/12")
        assert "objects/s" in whole
        assert whole.rstrip().endswith("left")
        # 300 of cost at 70 %, 100 at 20 %
        assert " 57%" in whole or " 58%" in whole
        assert first.startswith("  bigru_second fold 4   70%  epoch 12/14")
        assert second.startswith("  dense all 0           20%  epoch 3/40")
        if width == 120:
            assert "1,100 objects/s" in first
        reporter.stopped("dense all 0")
        reporter.stopped("dense all 0")  # twice does no harm
        reporter.finished("dense all 0", "done")
        assert frame(reporter, width)[0].startswith("fits 1/12")
        assert len(frame(reporter, width)) == 2
        assert " 78%" in frame(reporter, width)[0]
    assert "1/12 dense all 0: done" in text(console)


def test_what_was_done_before_does_not_shorten_the_time_left():
    with FitConsole(shown(), 1) as reporter:
        reporter.planned({"only": 100.0})
        reporter.started("only", 100, 60)
        assert "60%" in frame(reporter)[0]
        assert "-:--:-- left" in frame(reporter)[0]
        reporter.advanced("only", 20, "")
        assert "-:--:--" not in frame(reporter)[0]


def test_objects_of_a_fit_that_does_not_run_are_nothing():
    console = shown()
    FitConsole(console, 1).advanced("other", 1, "note")
    assert text(console) == ""


def test_it_survives_pickling():
    reporter = FitConsole(shown(), 7)
    reporter.planned({"first": 1.0, "second": 3.0})
    reporter.kept("first")
    copy = pickle.loads(pickle.dumps(reporter))
    assert (copy.n_fits, copy.n_done) == (7, 1)
    assert "0%" in frame(copy)[0]
