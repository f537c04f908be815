"""Spaces, settings and trials without training."""

import pytest

from lcclassify.search.grammar import read_space
from lcclassify.search.settings import SearchSettings


def config(**changes):
    return {
        "name": "tiny",
        "n_trials": 6,
        "n_jobs": 1,
        "repeats": 1,
        "objective": "val/loss",
        "include_default": False,
        "sampler": {"name": "random", "seed": 0},
        "pruner": {"name": "none"},
        "storage": "sqlite",
        "space": {},
        "layers": {},
    } | changes


@pytest.fixture
def search_config():
    return config


@pytest.fixture
def settings():
    def made(**changes):
        return SearchSettings.from_config(config(**changes))

    return made


@pytest.fixture
def space():
    """A space of 3 x 2 x (4 + 10) configurations: dropout, norm, one or two-layer units."""
    return read_space(
        {"dropout": "choice(0.0,0.1,0.2)", "norm": "choice(true,false)"},
        {"units": {"count": "range(1,3)", "choices": [1, 2, 3, 4], "narrowing": True}},
        [],
        [],
    )
