"""Priors are a word or shares of classes, and what is neither is named."""

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError
from lcclassify.nn.priors import WORDS, Priors


@pytest.mark.parametrize("word", WORDS)
def test_words(word):
    priors = Priors.from_config(word)
    assert priors.kind == word
    assert dict(priors.shares) == {}
    assert priors.estimated == (word in ("estimated", "halfway"))


def test_there_are_four_words():
    assert set(WORDS) == {"training", "flat", "estimated", "halfway"}
    assert Priors() == Priors.from_config("training")


def test_shares():
    priors = Priors.from_config({"A": 0.25, 42: 0, "C": 0.75})
    assert priors.kind == "stated"
    assert priors.shares == {"A": 0.25, "42": 0, "C": 0.75}
    assert not priors.estimated
    assert Priors.from_config({"A": 1}).shares == {"A": 1}
    # Shares written with few digits may add up to a little more than 1.
    assert Priors.from_config({"A": 0.3333334, "B": 0.6666667}).kind == "stated"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("flatt", "priors is 'flatt': did you mean 'flat'"),
        (None, "priors is 'None'"),
        ("stated", "priors is 'stated'"),
        (0.5, r"priors is '0.5'.*or \{class: share\}"),
        (np.ones(2), r"priors is 'ndarray'.*or \{class: share\}"),
        (pl.Series([0.5]), r"priors is 'Series'.*or \{class: share\}"),
        ({"A": 1.2}, "priors.A must be between 0 and 1, got 1.2"),
        ({"A": 0.5, "B": -0.1}, "priors.B must be between 0 and 1, got -0.1"),
        ({"A": "0.5"}, "priors.A must be between 0 and 1, got '0.5'"),
        ({"A": True}, "priors.A must be between 0 and 1, got True"),
        ({"A": float("nan")}, "priors.A must be between 0 and 1"),
        ({"A": None}, "priors.A must be between 0 and 1"),
        ({"A": 0.6, "B": 0.5}, "at most 1 in all"),
        ({}, "at least one class"),
    ],
)
def test_impossible_priors_are_named(value, message):
    with pytest.raises(ConfigError, match=message):
        Priors.from_config(value)
