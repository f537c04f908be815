"""What a smooth light curve is like, against slow definitions on tables of every size."""

from itertools import pairwise

import numpy as np
import pytest

from lcclassify.representations.features.smooth import OF_BAND, describe


def on_line(flux, place):
    """The flux between two times; None where the times do not reach."""
    if not 0 <= place <= len(flux) - 1:
        return None
    return float(np.interp(place, np.arange(len(flux)), flux))


def by_definition(table, step):
    n_bands = table.shape[1]
    peak = int(table.sum(axis=1).argmax())
    found = {}
    for band, flux in enumerate(table.T):
        top, highest = int(flux.argmax()), flux.max()
        found["peak", band], found["lowest", band] = highest, flux.min()
        found["peak_day", band] = (top - peak) * step
        if highest <= 0:
            continue
        low = np.flatnonzero(flux <= highest / 2)
        if (low < top).any():
            found["rise", band] = (top - low[low < top].max()) * step
        if (low > top).any():
            found["fall", band] = (low[low > top].min() - top) * step
        found["fluence_days", band] = flux[flux > 0].sum() / highest * step
        for days in (-20, 20, 50):
            value = on_line(flux, peak + days / step)
            if value is not None:
                found[f"at_{days}", band] = value / highest
    expected = [found.get((name, band), np.nan) for name in OF_BAND for band in range(n_bands)]
    for days in (0, 10, 20, 50):
        fluxes = [on_line(flux, peak + days / step) for flux in table.T]
        for blue, red in pairwise(fluxes):
            none = blue is None
            expected.append(np.nan if none else (blue - red) / (abs(blue) + abs(red)))
    return peak, expected


def described(table, step):
    out = np.full(len(OF_BAND) * table.shape[1] + 4 * (table.shape[1] - 1), np.nan)
    return describe(table, step, out), out


@pytest.mark.parametrize("step", [2.0, 10.0, 20.0, 7.3])
@pytest.mark.parametrize("n_bands", [1, 3])
def test_it_is_as_defined(n_bands, step):
    rng = np.random.default_rng(n_bands)
    for n_times in (1, 2, 3, 6, 30):
        for level in (-30.0, 0.0, 10.0):
            table = rng.normal(level, 10, (n_times, n_bands)).cumsum(axis=0)
            peak, found = described(table, step)
            expected_peak, expected = by_definition(table, step)
            assert peak == expected_peak
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("peak", [0, 1, 2, 3])
def test_days_that_the_times_just_reach(peak):
    """Times are ten days apart: 20 days before the peak are the third time or a later one."""
    table = np.zeros((8, 2))
    table[peak], table[peak + 1] = [8.0, 4.0], [2.0, 1.0]
    _, found = described(table, 10.0)
    before = found[6 * 2]
    assert np.isnan(before) == (peak < 2)
    assert np.isfinite(found[[8 * 2]]).all() == (peak <= 2)  # and 50 after
    np.testing.assert_allclose(found[[18, 19]], 1 / 3)  # colours at the peak, and ten days on


def test_half_of_the_peak_itself_is_where_it_is_reached():
    table = np.array([[0.0], [2.0], [4.0], [2.0], [0.0]])
    _, found = described(table, 1.0)
    assert found[[3, 4]].tolist() == [1, 1]
    assert found[5] == 2  # (2 + 4 + 2) / 4


def test_the_first_of_equal_peaks_counts():
    table = np.array([[1.0, 0.0], [3.0, -1.0], [3.0, -1.0], [0.0, 0.0]])
    peak, found = described(table, 1.0)
    assert peak == 1
    assert found[[4, 5]].tolist() == [0, -1]
