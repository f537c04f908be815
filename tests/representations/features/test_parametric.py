"""Fits of a rise and a fall: known functions found again, and what a set needs."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import ConfigError
from lcclassify.representations.features import sets
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands

pytest.importorskip("light_curve")

from lcclassify.representations.features import parametric

BANDS = Passbands(("g", "r"))
RISE, FALL, START = 4.0, 35.0, 12.0


def bazin(days, amplitude, baseline, t0=START, rise=RISE, fall=FALL):
    return amplitude * np.exp(-(days - t0) / fall) / (1 + np.exp(-(days - t0) / rise)) + baseline


def transient(n=80, *, noise=0.5, seed=0, start=59000.0):
    """Return observations of 100 and 200 times a Bazin function above 3 and 5."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.uniform(-100, 200, n))
    band = rng.integers(0, 2, n)
    flux = bazin(days, 100.0 * (1 + band), 3.0 + 2 * band) + noise * rng.normal(size=n)
    return start + days, band, flux, np.full(n, noise)


def observed(*curves, passbands=BANDS, redshift=np.nan):
    mjd, band, flux, flux_err = (
        np.concatenate([np.asarray(curve[k], dtype=float) for curve in curves]) for k in range(4)
    )
    sizes = [len(curve[0]) for curve in curves]
    return Observed(
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        mjd=mjd,
        passband=band.astype(np.uint8),
        flux=flux,
        flux_err=flux_err,
        detected=np.ones(len(mjd), dtype=bool),
        redshift=np.full(len(curves), redshift),
        passbands=passbands,
    )


def described(*curves, passbands=BANDS, redshift=None):
    """Return the features by name: numbers of one object, arrays of many."""
    known = redshift is not None
    data = observed(*curves, passbands=passbands, redshift=redshift if known else np.nan)
    table = parametric.matrix(data, with_redshift=known)
    names = parametric.names(passbands, with_redshift=known)
    assert table.shape == (len(curves), len(names))
    return dict(zip(names, table[0] if len(curves) == 1 else table.T, strict=True))


def test_what_is_long_before_or_after_the_peak_does_not_count():
    curve = transient(seed=3)
    peak = curve[0][np.argmax(curve[2])]
    far = peak + np.array([-400, -160, 310, 900])
    whole = [
        np.concatenate([values, more])
        for values, more in zip(curve, (far, [0, 1, 0, 1], [40.0] * 4, [0.5] * 4), strict=True)
    ]
    order = np.argsort(whole[0])
    assert described([values[order] for values in whole]) == described(curve)


def test_a_bazin_function_is_found_again():
    mjd, band, flux, flux_err = transient()
    found = described((mjd, band, flux, flux_err))
    origin = mjd[np.argmax(flux)] - 59000.0
    days = np.linspace(-50, 250, 300_001)
    for number, name in enumerate(BANDS.names):
        curve = bazin(days, 100.0 * (1 + number), 0.0)
        top = curve.argmax()
        above = days[curve > curve[top] / 2]
        wanted = {
            "amplitude": 100 * (1 + number),
            "rise_time": RISE,
            "fall_time": FALL,
            "peak": curve[top],
            "half_rise": days[top] - above[0],
            "half_fall": above[-1] - days[top],
        }
        for key, value in wanted.items():
            assert found[f"bazin_{key}_{name}"] == pytest.approx(value, rel=0.06), (key, name)
        assert found[f"bazin_baseline_{name}"] == pytest.approx(3 + 2 * number, abs=0.5)
        assert found[f"bazin_day_{name}"] == pytest.approx(START - origin, abs=0.5)
        assert found[f"bazin_peak_day_{name}"] == pytest.approx(days[top] - START, abs=0.5)
        assert found[f"bazin_chi_square_{name}"] == pytest.approx(1.0, abs=0.5)
    assert found["bazin_rise_time_together"] == pytest.approx(RISE, rel=0.15)
    assert found["bazin_fall_time_together"] == pytest.approx(FALL, rel=0.15)


def test_derived_values_are_those_of_the_function():
    rise, fall = np.array([1.0, 5.0, 30.0, 30.0]), np.array([50.0, 20.0, 60.0, 10.0])
    fits = np.stack([[2.0] * 4, [7.0] * 4, [3.0] * 4, rise, fall, [1.0] * 4], axis=1)
    peak, day, before, after = parametric._derived(fits).T
    days = np.linspace(-400, 400, 800_001)
    for k in range(3):
        curve = bazin(days, 2.0, 0.0, 0.0, rise[k], fall[k])
        top = curve.argmax()
        above = days[curve > curve[top] / 2]
        assert peak[k] == pytest.approx(curve[top], rel=1e-6)
        assert day[k] == pytest.approx(days[top], abs=2e-3)
        assert before[k] == pytest.approx(days[top] - above[0], abs=4e-3)
        assert after[k] == pytest.approx(above[-1] - days[top], abs=4e-3)
    # What falls faster than it rises has no peak.
    assert np.isnan([peak[3], day[3], before[3], after[3]]).all()


def test_time_zero_does_not_matter_and_units_are_the_surveys():
    mjd, band, flux, flux_err = transient()
    one = described((mjd, band, flux, flux_err))
    other = described((mjd + 512.0, band, 4 * flux, 4 * flux_err))
    for name, value in one.items():
        is_flux = any(word in name for word in ("_amplitude_", "_baseline_", "_peak_"))
        is_flux = is_flux and "_day_" not in name and not name.endswith("together")
        assert other[name] == pytest.approx(4 * value if is_flux else value, rel=1e-3), name


def test_days_are_those_of_the_rest_frame():
    near, far = (described(transient(), redshift=z) for z in (0.0, 1.0))
    for name in ("bazin_fall_time_r", "bazin_half_fall_r", "bazin_rise_time_g"):
        assert far[name] == pytest.approx(near[name] / 2, rel=1e-3), name
    unknown = described(transient(), redshift=np.nan)
    np.testing.assert_array_equal(list(unknown.values()), list(near.values()))


def test_undefined_with_few_observations_and_the_same_in_company():
    few = tuple(values[:6] for values in transient())
    mjd, _, flux, flux_err = transient()
    alone = mjd, np.zeros(len(mjd)), flux, flux_err  # in the first passband only
    curves = [transient(seed=1), few, ([], [], [], []), alone]
    together = described(*curves)
    for name, values in together.items():
        assert np.isnan(values[1:3]).all(), name
        assert np.isnan(values[3]) or not name.endswith("_r"), name
        for n in (0, 3):
            np.testing.assert_array_equal(values[n], described(curves[n])[name])
    assert np.isfinite(together["bazin_chi_square_g"][3])


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 25),
    n_bands=st.sampled_from([1, 2, 7]),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-200, 1e-30, 1.0, 1e30, 1e200]),
    span=st.sampled_from([0.0, 1e-6, 100.0, 1e7]),
)
def test_absurd_values_give_values_or_nothing(n, n_bands, seed, scale, span):
    rng = np.random.default_rng(seed)
    mjd = np.sort(np.round(rng.uniform(0, 1, n), 1)) * span  # some at one time
    flux = scale * rng.choice([-1.0, 0.0, rng.normal()], n)
    passbands = Passbands(tuple("abcdefg"[:n_bands]))
    band = rng.integers(0, n_bands, n)
    found = described((mjd, band, flux, np.full(n, scale)), passbands=passbands)
    for name, value in found.items():
        if "half" in name:
            assert np.isnan(value) or value > 0


def test_a_set_that_needs_what_is_not_installed_is_refused_with_the_cure(monkeypatch):
    assert sets.check_installed(("reference", "parametric")) is None
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "light_curve" else real(name)
    )
    with pytest.raises(ConfigError, match=r'pip install "lcclassify\[parametric\]"'):
        Representation("mine", features=("reference", "parametric"))
    assert Representation("mine", features=("reference", "periodic", "gp")).features
