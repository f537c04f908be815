"""Names are shown as they are, in a terminal that has their characters and in one that has not."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from rich.table import Table

from lcclassify.terminal import terminal, typed, working

NAMES = ("B[e]", "[WC]", "SN [/II]", "[red]", ":star:", "<b>x</b>", "$A^$", "[link=x]y[/]")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_markup(name):
    shown = io.StringIO()
    console = terminal(file=shown, width=80, force_terminal=True, color_system=None)
    console.print(f"class {name} here", highlight=False)
    table = Table(title=f"title {name}")
    table.add_column(f"column {name}")
    table.add_row(f"cell {name}")
    console.print(table)
    with working(console, f"reading {name}"):
        pass
    for word in ("class", "title", "column", "cell", "reading"):
        assert f"{word} {name}" in shown.getvalue()


def test_what_cannot_be_shown_is_substituted():
    program = (
        "from lcclassify.terminal import substitute_unprintable, terminal\n"
        "substitute_unprintable()\n"
        "terminal().print('Mira \\u2609, done')\n"
    )
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment, check=True
    )
    assert run.stdout == b"Mira ?, done\n"


@pytest.mark.parametrize(
    "path",
    ["runs/one", "a b", "run[1]", "it's", "x{y}", "k=v", "#%20", "é☉", "a,b", "$HOME", "a\\b",
     "end\\", "\\'", "q\"t", "(1)", "-1", "null", "True"],
)  # fmt: skip
def test_what_is_typed_comes_back(path):
    (word,) = shlex.split(typed("resume", Path(path)))
    assert str(OverridesParser.create().parse_override(word).value()) == path


def test_plain_paths_have_no_quotes():
    assert typed("resume", Path("outputs/2026-11-26/10-30-00")) == (
        "resume=outputs/2026-11-26/10-30-00"
    )
