"""Plain settings of a model: unknown keys and wrong values are refused by name."""

import math
import re
from itertools import pairwise

import pytest

from lcclassify.errors import ConfigError
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import FitSettings, MemberSettings, Schedule

FIT = {"epochs": 3, "batch_size": 8}
MEMBER = {"name": "m", "network": {}, "loss": {}, "optimizer": {}, "fit": FIT}


def test_cosine_with_warmup():
    factor = Schedule("cosine", 0.1).factor(100)
    values = [factor(step) for step in range(101)]
    assert values[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert values[10] == 1
    assert values[55] == pytest.approx(0.5)
    assert values[100] == pytest.approx(0, abs=1e-12)
    assert all(a > b for a, b in pairwise(values[10:]))


def test_constant():
    factor = Schedule().factor(10)
    assert [factor(step) for step in (0, 5, 100)] == [1, 1, 1]


def test_a_fit_of_no_steps_has_a_rate():
    assert math.isfinite(Schedule("cosine", 0.5).factor(0)(0))


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        ({"epochs": 0}, "fit.epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, "fit.epochs must be a whole number of at least 1, got 1.5"),
        ({"epochs": "ten"}, "fit.epochs must be a whole number of at least 1, got 'ten'"),
        ({"batch_size": True}, "fit.batch_size must be a whole number of at least 1, got True"),
        ({"patience": 0}, "fit.patience must be a whole number of at least 1, got 0"),
        ({"gradient_clip": 0}, "fit.gradient_clip must be a positive number or null, got 0"),
        ({"averaging": 0}, "fit.averaging must be a share above 0 and at most 1, or null, got 0"),
        ({"averaging": 1.5}, "fit.averaging must be a share above 0 and at most 1, or null"),
        ({"gradient_clip": "x"}, "fit.gradient_clip must be a positive number or null, got 'x'"),
        ({"checkpoint": "val/acc"}, "did you mean 'val/accuracy'?"),
        ({"schedule": {"kind": "cos"}}, "fit.schedule.kind is 'cos'"),
        ({"schedule": {"warmup": 1}}, "fit.schedule.warmup must be a number of at least 0"),
        ({"schedule": {"warmup": "x"}}, "fit.schedule.warmup must be a number of at least 0"),
        ({"schedule": {"gamma": 1}}, "fit.schedule has no key 'gamma'"),
        ({"schedule": "cosine"}, "fit.schedule must be a mapping, got 'cosine'"),
        ({"patiance": 3}, "fit has no key 'patiance': did you mean 'patience'?"),
    ],
)
def test_invalid_fits_are_refused(fit, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        FitSettings.from_config(FIT | fit)


def test_nulls_are_the_defaults():
    fit = FitSettings.from_config(FIT | {"patience": None, "gradient_clip": None, "schedule": None})
    assert fit == FitSettings(3, 8)


@pytest.mark.parametrize("key", ["epochs", "batch_size"])
def test_needed_keys_are_asked_for(key):
    with pytest.raises(ConfigError, match=f"needs the key '{key}'"):
        FitSettings.from_config({k: v for k, v in FIT.items() if k != key})


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ({"replicas": 0}, "replicas of the model 'm' must be a whole number of at least 1"),
        ({"name": "a/b"}, "name must be a plain word"),
        ({"name": ""}, "name must be a plain word"),
        ({"name": 3}, "name must be a plain word"),
        ({"netwrok": {}}, "model has no key 'netwrok': did you mean 'network'?"),
        ({"fit": 3}, "fit must be a mapping, got 3"),
    ],
)
def test_invalid_members_are_refused(member, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        MemberSettings.from_config(MEMBER | member)


@pytest.mark.parametrize("key", ["network", "loss", "optimizer", "fit"])
def test_a_members_parts_are_asked_for(key):
    with pytest.raises(ConfigError, match=f"'m' needs the key '{key}'"):
        MemberSettings.from_config({k: v for k, v in MEMBER.items() if k != key})


def test_another_name():
    assert MemberSettings.from_config(MEMBER, "third").name == "third"


def test_seeds_are_fixed_for_ever():
    # The outcome of every earlier run depends on these numbers.
    assert derive_seed(0, "split", "test") == 329358612
    assert derive_seed(0, "split", "test") != derive_seed(1, "split", "test")
    assert derive_seed(0, "a", "b") != derive_seed(0, "b", "a")
    assert all(0 <= derive_seed(seed, "x") < 2**31 for seed in range(200))
