"""What is slow to import does not stand before help, nor before errors of the configuration."""

import os
import subprocess
import sys

import pytest

from lcclassify.verbs import VERBS

SLOW = (
    *("astropy", "light_curve", "lightning", "matplotlib", "numba", "optuna", "pandas", "polars"),
    *("scipy", "sklearn", "tensorboard", "torch", "torchmetrics"),
)
LIGHT = ()
TABLES = ("polars",)
NETWORKS = ("numba", "polars", "scipy", "torch")  # Numba looks for SciPy

SCRIPT = f"""
import atexit, sys
atexit.register(lambda: print("imported:", *(set(sys.modules) & set({SLOW}))))
from lcclassify import cli
getattr(cli, sys.argv.pop(1))()
"""


@pytest.fixture(scope="module")
def imported(interpreter, tmp_path_factory):
    """Run a command in a process of its own; what it said, and what slow things it imported.

    The process is forked from one that has imported the commands, and would tell what slow things
    those have imported, too.
    """
    folder = tmp_path_factory.mktemp("startup")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    with interpreter(os.environ, folder, ["lcclassify.cli", "parsed_configuration"]) as start:

        def run(command, words):
            done = start(script, command, *words)
            *_, last = done.stdout.splitlines()
            assert last.startswith("imported:"), done.stderr
            return done.stdout + done.stderr, set(last.split()[1:])

        yield run


@pytest.mark.parametrize("command", list(VERBS))
def test_help(imported, command):
    said, slow = imported(command, ["--help"])
    assert "debug: false" in said
    assert slow == set()


def test_the_list_of_verbs_needs_no_library(tmp_path):
    script = (
        "import sys; from lcclassify.verbs import main; main([]); "
        "print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    assert not set(last.split()) & {*SLOW, "hydra", "omegaconf", "rich", "yaml", "numpy"}


def test_the_list_of_verbs_may_be_cut():
    script = 'exec 3>&1; "$0" -m lcclassify 2>&3 | head -0; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", script, sys.executable], capture_output=True, text=True)
    assert done.stdout == "0\n"


@pytest.mark.parametrize(
    ("command", "words", "sentence", "allowed"),
    [
        ("train", ["survey=nosuch"], "survey has no choice 'nosuch'", LIGHT),
        ("train", ["model.network.dropuot=1"], "'model.network.dropuot' cannot be set", LIGHT),
        ("train", ["search=dense", "search.nosuch=1"], "search has no key 'nosuch'", LIGHT),
        (
            "train",
            ["search=dense", "+search.nosuch=1"],
            "search has no key 'nosuch'",
            ("optuna", *TABLES),
        ),
        ("train", ["survey=snphotcc", "survey.root=/nosuch"], "which does not exist", TABLES),
        (
            "train",
            ["model=stack", "+model.members.bigru.network.dropuot=1"],
            "did you mean 'dropout'?",
            NETWORKS,
        ),
        (
            "train",
            ["model=bigru", "model.network._target_=lcclassify.nn.bigru.BiGRUNt"],
            "did you mean 'lcclassify.nn.bigru.BiGRUNet'?",
            NETWORKS,
        ),
        ("predict", [], "bundle is missing", TABLES),
        (
            "predict",
            ["bundle=/nosuch", "survey=snphotcc", "survey.root=.", "output=out.csv"],
            "bundle='/nosuch' must be the folder of a bundle",
            TABLES,
        ),
        ("prepare", [], "survey is missing", TABLES),
        (
            "prepare",
            ["survey=snphotcc", "survey.root=/nosuch", "output=out"],
            "which does not exist",
            TABLES,
        ),
        ("simulate", ["output=out", "survey.training=-3"], "survey.training must be", TABLES),
        ("report", [], "run is missing", TABLES),
        ("export", [], "bundle is missing", TABLES),
        ("explain", [], "bundle is missing", TABLES),
        (
            "explain",
            ["bundle=/nosuch", "survey=snphotcc", "survey.root=.", "object=2", "output=out.png"],
            "bundle='/nosuch' must be the folder of a bundle",
            TABLES,
        ),
    ],
)
def test_errors_of_the_configuration(imported, command, words, sentence, allowed):
    said, slow = imported(command, words)
    assert sentence in said
    assert slow <= set(allowed)
