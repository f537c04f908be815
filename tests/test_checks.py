import re

import pytest

from lcclassify import checks
from lcclassify.errors import ConfigError

NO_NUMBERS = (float("nan"), float("inf"), None, "1", True, [1.0])


@pytest.mark.parametrize(
    ("check", "good", "bad", "words"),
    [
        (checks.check_flag, [True, False], [0, 1, None, "false"], "must be true or false"),
        (
            checks.check_whole,
            [0, 7],
            [-1, 1.0, "1", True, None],
            "must be a whole number of at least 0",
        ),
        (checks.check_number, [-1, 0.0, 2.5], [*NO_NUMBERS], "must be a finite number"),
        (
            checks.check_not_negative,
            [0, 0.0, 7],
            [-1e-9, *NO_NUMBERS],
            "must be a finite number of at least 0",
        ),
        (
            checks.check_below_one,
            [0, 0.5],
            [-0.1, 1, *NO_NUMBERS],
            "must be a number of at least 0 and below 1",
        ),
    ],
)
def test_a_check_returns_good_values_and_names_bad_ones(check, good, bad, words):
    for value in good:
        found = check("a.key", value)
        assert found == value
        assert isinstance(found, float | type(value))
    for value in bad:
        with pytest.raises(ConfigError, match=f"^a.key {words}, got {re.escape(repr(value))}$"):
            check("a.key", value)


def test_the_least_of_whole_numbers():
    assert checks.check_whole("a.key", 2, 2) == 2
    with pytest.raises(ConfigError, match=r"^a.key must be a whole number of at least 2, got 1$"):
        checks.check_whole("a.key", 1, 2)


def test_choices_and_keys():
    assert checks.check_choice("a.key", "one", ["one", "two"]) == "one"
    with pytest.raises(ConfigError, match=r"^a.key cannot be 'on': did you mean 'one'\? known: "):
        checks.check_choice("a.key", "on", ["one", "two"])
    checks.check_keys("a", {"one": 1}, ["one", "two"])
    with pytest.raises(ConfigError, match=r"^a has no key 'tow': did you mean 'two'"):
        checks.check_keys("a", {"one": 1, "tow": 2}, ["one", "two"])


@pytest.mark.parametrize(
    ("require", "good", "bad"),
    [
        (checks.require_finite, [-1, 0.0, 2.5], []),
        (checks.require_positive, [1, 1e-9], [0, 0.0, -1.0]),
        (checks.require_not_negative, [0, 0.0, 7], [-1e-9]),
        (checks.require_share, [0, 0.5, 1], [-0.1, 1.1]),
    ],
)
def test_a_check_lets_good_numbers_pass_and_names_bad_ones(require, good, bad):
    for number in good:
        require(depth=number)
    for number in (*bad, *NO_NUMBERS):
        with pytest.raises(ConfigError, match=f"depth must be .*, got {re.escape(repr(number))}"):
            require(width=0.5, depth=number)
