"""A small survey of three classes that are told apart with ease, and runs on it.

Everything lies under pytest's temporary folders; the networks have a few units and
are trained for a few epochs, so that a whole run takes a second or two.
"""

from __future__ import annotations

import gc
import importlib
import os

# Before NumPy and torch are imported: the tests' arrays and networks are too small to share
# out between threads, and the other processors have tests of their own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, settings
from tensorboard.summary.writer import event_file_writer

from lcclassify import codestamp
from lcclassify.build import config_dir
from lcclassify.cli import register_resolvers
from lcclassify.importing import uncollected

pytest_plugins = ["command_processes"]  # of tests/processes

CLASSES = ("flat", "fast", "slow")
BANDS = ("g", "r")
N_OBJECTS = 120

TINY_DENSE = ("network.units=[6]", "fit.epochs=3", "fit.batch_size=32", "optimizer.lr=0.03")
TINY_GRU = (
    "network.gru_units=[4]",
    "network.dense_units=[]",
    "fit.epochs=2",
    "fit.batch_size=32",
    "optimizer.lr=0.03",
)

# However busy the machine is, an example is not wrong because it took long.
settings.register_profile(
    "patient",
    parent=settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def make_survey(n_objects=N_OBJECTS, seed=0):
    """Objects of three classes in turn: constant, with a fast or with a slow decline."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n_objects):
        kind = CLASSES[number % len(CLASSES)]
        n_rows = int(rng.integers(8, 26))
        mjd = np.sort(rng.uniform(0, 60, n_rows))
        scale = {"flat": np.inf, "fast": 4.0, "slow": 25.0}[kind]
        light = 30 + rng.uniform(60, 140) * np.exp(-mjd / scale)
        rows.append(
            pl.DataFrame(
                {
                    "object_id": np.full(n_rows, 100 + number),
                    "mjd": 59000 + mjd,
                    "passband": rng.choice(BANDS, n_rows).tolist(),
                    "flux": light + rng.normal(0, 4, n_rows),
                    "flux_err": rng.uniform(2, 6, n_rows),
                }
            )
        )
    objects = pl.DataFrame(
        {
            "object_id": 100 + np.arange(n_objects),
            "type": [CLASSES[number % len(CLASSES)] for number in range(n_objects)],
            "photoz": rng.uniform(0.1, 1, n_objects),
        }
    )
    return pl.concat(rows), objects


def write_survey(folder, n_objects=N_OBJECTS, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    observations, objects = make_survey(n_objects, seed)
    observations.write_csv(folder / "observations.csv")
    objects.write_csv(folder / "objects.csv")
    return folder


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def accelerator(request):
    """Each device that a network may be on; tests of the GPU are skipped where there is none."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    return request.param


def pytest_collection():
    """Collect no garbage while modules are imported and tests are made: all of it stays."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():  # which the process that only shares tests out calls as well
    """Collect it from now on, without looking through all that there is again and again."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return how many processes `-n auto` makes: each needs a gigabyte of memory."""
    return min(os.cpu_count() or 1, 8)


@pytest.fixture(scope="session", autouse=True)
def _event_files_in_order():
    """Number event files with equally many digits.

    TensorBoard reads files of the same second by name, so that one with the number 10 would
    come before one with 9, as if it were older.
    """
    event_file_writer._global_uid = event_file_writer.AtomicCounter(10**9)


@pytest.fixture(scope="session", autouse=True)
def _texts_of_the_configuration_parsed_once():
    importlib.import_module("parsed_configuration")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """As in the other processes that tests start; small networks gain nothing by more."""
    torch.set_num_threads(1)


@pytest.fixture
def other_code(monkeypatch):
    """Return a function after which code stamps are those of another state of the code."""

    def change():
        monkeypatch.setattr(codestamp, "version", lambda name: "other")
        codestamp.code_stamp.cache_clear()

    yield change
    codestamp.code_stamp.cache_clear()


@pytest.fixture(scope="session")
def survey_folder(tmp_path_factory):
    """The survey as two CSV files; read only."""
    return write_survey(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="session")
def survey_words():
    """Return the overrides that read a folder's survey through `survey=table`."""

    def words(folder):
        return [
            "survey=table",
            f"survey.root={folder}",
            "survey.observations=observations.csv",
            "survey.objects=objects.csv",
            "survey.passbands=[g,r]",
            "survey.columns.label=type",
            "survey.metadata=[photoz]",
            "representation.sequences.redshift=photoz",
            f"paths.cache_dir={folder}/cache",
        ]

    return words


@pytest.fixture(scope="session")
def base_words(survey_folder, survey_words):
    """Overrides of a small, quick run on the survey, whatever the model."""
    return [
        *survey_words(survey_folder),
        "features=reference",
        "augment=none",
        "split.folds=2",
        "split.test_fraction=0.25",
        "split.validation_fraction=0.15",
        "stacking.refit=0",
        "trainer.accelerator=cpu",
        "trainer.workers=1",
        "evaluation.figures=false",
        "evaluation.report=false",
        "tensorboard=false",
    ]


@pytest.fixture(scope="session")
def dense_words(base_words):
    return [*base_words, "model=dense", *(f"model.{word}" for word in TINY_DENSE)]


@pytest.fixture(scope="session")
def gru_words(base_words):
    return [*base_words, "model=bigru", *(f"model.{word}" for word in TINY_GRU)]


@pytest.fixture(scope="session")
def stack_words(base_words):
    """A stack of one tiny dense and one tiny recurrent network."""
    return [
        *base_words,
        "~model.members.trees",
        "model.head.shrinkage.folds=2",
        *(f"model.members.dense.{word}" for word in TINY_DENSE),
        *(f"model.members.bigru.{word}" for word in TINY_GRU),
    ]


@pytest.fixture(scope="session")
def compose_config():
    """Compose a configuration as the commands do, without Hydra's own run folder."""

    def composed(*words, name="train"):
        register_resolvers()
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            return compose(name, overrides=list(words))

    return composed


@pytest.fixture(scope="session")
def run_train(compose_config):
    """Train in this process; returns the result and what the terminal showed."""
    with uncollected():
        from lcclassify.tasks.train import train
    from lcclassify.terminal import terminal

    def run(folder, *words):
        words = [*words] if folder is None else [*words, f"paths.output_dir={folder}"]
        with open(os.devnull, "w") as nowhere:
            return train(compose_config(*words), words, terminal(file=nowhere))

    return run


@pytest.fixture
def written(tmp_path):
    """Return a function that writes two tables, and the overrides that read them."""

    def write(observations, objects):
        observations.write_csv(tmp_path / "observations.csv")
        objects.write_csv(tmp_path / "objects.csv")
        return [
            "survey=table",
            f"survey.root={tmp_path}",
            "survey.observations=observations.csv",
            "survey.objects=objects.csv",
            "survey.passbands=[g,r]",
            "survey.metadata=[photoz]",
        ]

    return write
