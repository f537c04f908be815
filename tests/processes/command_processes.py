"""Fixtures that run scripts in processes of their own, forked ones where these will do."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

import pytest

import lcclassify

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Seconds after which a process hangs for sure, however busy the machine is.
PATIENCE = 600

# Most of what commands import.
NEEDED = ("lcclassify.inference.loaded", "lcclassify.tasks.ensemble", "lcclassify.tasks.predict")


def command_environment():
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONFAULTHANDLER": "1",
        "COLUMNS": "80",
    }


class Started:
    """A command in a process of its own, with as much of `subprocess.Popen` as tests need."""

    def __init__(self, process, output, error):
        self._process, self.output, self.error = process, output, error

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def communicate(self, timeout=PATIENCE):
        """Wait for the end; return what the process wrote to stdout and stderr."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self.output), timeout)
        return self.output.read_text(), self.error.read_text()

    def send_signal(self, number):
        if self.returncode is None:
            os.kill(self._process.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


@pytest.fixture(scope="session")
def fork_server():
    """A process that has imported what commands need, and becomes any number of them.

    Of the seconds that a command takes to start nearly all go into imports. A process that
    is forked after them is as good as a new one to send signals to, and there at once.
    """
    context = multiprocessing.get_context("forkserver")
    # Functions import what is slow: all of it is named here, so that no process imports it.
    ours = pkgutil.walk_packages(lcclassify.__path__, "lcclassify.")
    context.set_forkserver_preload(
        ["uncollected"]
        + [module.name for module in ours]
        + ["hydra.main", "lightning.pytorch", "matplotlib.figure", "numba", "optuna", "pandas"]
        + ["polars", "scipy.stats", "sklearn.metrics", "sklearn.model_selection", "torch"]
        + ["torch._dynamo", "torch.utils.tensorboard", "torchmetrics"]
        + ["alembic.context", "optuna.importance", "optuna.storages._rdb.models"]
        + ["sqlalchemy.dialects.sqlite", "inherited_server", "parsed_configuration"]
    )
    environment = command_environment()
    environment["PYTHONPATH"] += f"{os.pathsep}{HERE}"
    with mock.patch.dict(os.environ, environment):
        forkserver.ensure_running()
    return context


@pytest.fixture(scope="session")
def command(fork_server, tmp_path_factory):
    """Start `train.py` or another script in a process of its own, as a user would.

    If it inherits its server, the processes that it starts itself are forked from what it has
    imported, and not from a server that imports for seconds.
    """
    shown = tmp_path_factory.mktemp("shown")
    numbers = itertools.count()

    def start(*words, folder, script="train.py", largest_file=None, inherits_server=False):
        number = next(numbers)
        given = {
            "script": str(ROOT / script),
            "words": [*map(str, words)],
            "folder": str(folder),
            "output": shown / f"{number}.out",
            "error": shown / f"{number}.err",
            "largest_file": largest_file,
            "inherits_server": inherits_server,
        }
        process = fork_server.Process(target=runpy.run_path, args=(str(HERE / "forked.py"), given))
        for path in (given["output"], given["error"]):
            path.touch()
        process.start()
        return Started(process, given["output"], given["error"])

    return start


@pytest.fixture(scope="session")
def new_command():
    """Start a script in an interpreter of its own, which takes seconds longer."""

    def start(*words, folder, script="train.py"):
        return subprocess.Popen(
            [sys.executable, str(ROOT / script), *map(str, words)],
            cwd=folder,
            env=command_environment(),
            # Tests that run in the background ignore ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory):
    """Start an interpreter with an environment of its own, that runs one script after another.

    Each is forked from it once it has imported some modules, and has what the interpreter chose
    as it started: its encodings, or the packages of another folder.
    """

    @contextlib.contextmanager
    def started(environment, folder, modules=NEEDED):
        process = subprocess.Popen(
            [sys.executable, str(HERE / "one_by_one.py"), *modules],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        shown = tmp_path_factory.mktemp("shown")
        output, error = shown / "out", shown / "err"

        def run(script, *words):
            given = {
                "script": str(script),
                "words": [*map(str, words)],
                "folder": str(folder),
                "output": str(output),
                "error": str(error),
                "largest_file": None,
                "inherits_server": False,
            }
            process.stdin.write(f"{json.dumps(given)}\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            return subprocess.CompletedProcess(
                words, code, output.read_text("utf-8"), error.read_text("utf-8")
            )

        try:
            yield run
        finally:
            process.communicate()

    return started


@pytest.fixture(scope="session")
def train_command(command, new_command):
    """Run `train.py` to its end in a process of its own, in a new interpreter if need be."""

    def run(*words, folder, script="train.py", new=False, **further):
        start = new_command if new else command
        process = start(*words, folder=folder, script=script, **further)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def wait_for():
    """Wait until something is true while a process goes on, or until the process has ended."""

    def wait(condition, process):
        end = time.monotonic() + PATIENCE
        while not condition() and process.poll() is None:
            assert time.monotonic() < end, "in vain"
            time.sleep(0.005)

    return wait
