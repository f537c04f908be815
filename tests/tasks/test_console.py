"""What the terminal shows of the fits, alone and in a spawned process."""

import io
import pickle

import pytest
from rich.console import Console

from lcclassify.tasks.console import FitConsole


def shown(width=80, terminal=False):
    return Console(file=io.StringIO(), width=width, force_terminal=terminal)


def text(console):
    return console.file.getvalue()


def test_a_line_a_fit_in_a_file():
    console = shown()
    with FitConsole(console, 3) as reporter:
        reporter.kept("first")
        for name in ("second [a]", "third"):
            reporter.started(name, 10, 0)
            reporter.advanced(10, "epoch 1  loss 0.5, 100 objects/s")
            reporter.stopped()
            reporter.finished(name, "1 epochs, " + "long words " * 10)
    lines = text(console).splitlines()
    assert [line[:20].split(":")[0] for line in lines] == [
        "  1/3 first", "  2/3 second [a]", "  3/3 third"
    ]  # fmt: skip
    assert "\x1b" not in text(console)


@pytest.mark.parametrize("width", [80, 120])
def test_a_bar_in_a_terminal(width):
    console = shown(width, terminal=True)
    with FitConsole(console, 12) as reporter:
        reporter.started("bigru_second fold 4", 10, 5)
        reporter.advanced(2, "epoch 12  loss 0.5439, 1,100 objects/s")
        reporter._progress.refresh()
        frame = text(console)
        assert "fit 1/12 bigru_second fold 4" in frame
        assert "70%" in frame
        assert "epoch 12" in frame
        if width == 120:
            assert "1,100 objects/s" in frame
        reporter.stopped()
        reporter.stopped()  # twice does no harm
        reporter.finished("bigru_second fold 4", "done")
    assert "1/12 bigru_second fold 4: done" in text(console)


def test_steps_without_a_bar_are_nothing():
    console = shown()
    FitConsole(console, 1).advanced(1, "note")
    assert text(console) == ""


def test_it_survives_pickling():
    reporter = FitConsole(shown(), 7)
    reporter.kept("first")
    copy = pickle.loads(pickle.dumps(reporter))
    assert (copy.n_fits, copy.n_done) == (7, 1)
