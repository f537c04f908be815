"""When an object is seen to be dark."""

from dataclasses import replace

import numpy as np

from lcclassify.augment.darkness import dark_sides


def plainly(curves, days):
    """Return the same, one observation after the other."""
    before, after = [], []
    for n in range(len(curves)):
        own = slice(curves.bounds[n], curves.bounds[n + 1])
        mjd, flux, noise = curves.mjd[own], curves.flux[own], curves.flux_err[own]
        bright = flux[np.argmax(flux / noise)] if len(mjd) else 0
        for now in mjd:
            # Of observations at the same time those before count as before.
            for side, window in (
                (before, (mjd >= now - days) & (mjd <= now)),
                (after, (mjd <= now + days) & (mjd >= now)),
            ):
                weight = noise[window] ** -2.0
                mean, error = np.average(flux[window], weights=weight), weight.sum() ** -0.5
                side.append(mean < 3 * error and max(mean, error) < 0.1 * bright)
    return before, after


def test_sums_over_windows(random_curves):
    curves = random_curves([40, 0, 1, 120, 3], span=200.0)
    daily = replace(curves, mjd=np.concatenate([np.arange(1.0 * n) for n in curves.counts]))
    for each in (curves, daily):  # the second with observations where windows end
        for days in (0.5, 12.0, 1e4):
            before, after = dark_sides(each, days)
            expected = plainly(each, days)
            assert before.tolist() == expected[0]
            assert after.tolist() == expected[1]


def test_an_explosion_is_dark_before_and_long_after(stack):
    mjd = np.arange(-100.0, 200, 2)
    light = 1000 * np.where(mjd < 0, np.exp(-0.5 * (mjd / 8) ** 2), np.exp(-mjd / 12))
    curves = stack([(mjd, 0 * mjd, light, np.full(150, 2.0), light > 10)])
    before, after = dark_sides(curves, 10.0)
    assert not before[(mjd > -15) & (mjd < 60)].any()
    assert before[(mjd < -30) | (mjd > 90)].all()
    assert not after[(mjd > -25) & (mjd < 60)].any()
    assert after[(mjd < -40) | (mjd > 80)].all()
    # What is faint but seen is not dark.
    assert light[(mjd > 30) & (mjd < 60)].max() < 100


def test_faint_objects_are_dark_where_that_can_be_told(stack):
    mjd = np.arange(0, 200, 2.0)
    flux = np.where(np.abs(mjd - 100) < 10, 100.0, 0.0)
    good, poor = (stack([(mjd, 0 * mjd, flux, np.full(100, e), mjd < 0)]) for e in (10.0, 60.0))
    assert dark_sides(good, 30.0)[0][(mjd > 30) & (mjd < 90)].all()
    assert not dark_sides(poor, 30.0)[0].any()


def test_no_days_say_nothing(random_curves):
    for side in dark_sides(random_curves([30, 30]), 0.0):
        assert not side.any()
