"""What changes within days, and what a spectrum has by chance, by their definitions."""

import numpy as np
import pytest
from scipy import stats

from lcclassify.representations.features.onecurve import SOFTENING, fast_part
from lcclassify.representations.features.periodsearch import FOUND, search


def test_how_much_changes_within_days_and_how_surely():
    """Pairs within ten days tell it; neighbours farther apart, and unknown values, do not."""
    mjd = np.array([0.0, 1, 20, 21, 21, 21.5, 50, 59.9, 80, 90])
    value = np.array([1.0, -1, 2, 1, 9, 1, 0.5, 2, -1, 1])
    variance = np.array([0.2, 0.3, 0.1, 0.1, np.inf, 0.3, 0.2, 0.4, 0.3, 0.3])
    share, surely = fast_part(mjd, value, variance)
    first, second = np.array([[0, 1], [2, 3], [3, 5], [6, 7]]).T
    noise = variance[first] + variance[second]
    squares = (value[first] - value[second]) ** 2
    weights = 1 / (noise + 2)
    # By how much successive values differ, if they vary independently.
    both = value[first] ** 2 + value[second] ** 2
    expected = (weights @ (squares - noise)) / (weights @ (both - noise))
    assert share == pytest.approx(expected)
    # Squares of normal deviations have the mean 1 and the variance 2.
    assert surely == pytest.approx((squares / noise - 1).sum() / np.sqrt(2 * 4))


@pytest.mark.parametrize(("amplitude", "variance"), [(0.0, 0.0), (0.8, 0.0), (3.0, 1.5)])
def test_a_false_alarm_is_that_of_a_sine_at_any_of_as_many_frequencies_as_cycles(
    amplitude, variance
):
    rng = np.random.default_rng(1)
    n, span = 60, 80.0
    place = np.sort(rng.uniform(-0.5, 0.5, n))
    value = rng.normal(size=n) + amplitude * np.sin(2 * np.pi * span / 0.9 * place)
    out = np.full(len(FOUND), np.nan)
    weight = np.full(n, 1 / (variance + SOFTENING))
    search(place, value, weight, span, n, out)
    found = dict(zip(FOUND, out, strict=True))
    # The power is adjusted for the two numbers of a sine, and of what the errors do not explain.
    power = found["period_power_1"] * (1 - variance / value.var())
    unexplained = (1 - power) * (n - 3) / (n - 1)
    ratio = (1 - unexplained) / 2 / (unexplained / (n - 3))
    expected = np.log10(10 * span) + stats.f.logsf(ratio, 2, n - 3) / np.log(10)
    assert found["period_log_false_alarm"] == pytest.approx(expected, abs=1e-3)
