"""The smooth light curve of a Gaussian process: its shape, and the process another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.augment.curves import Curves
from lcclassify.augment.fitting import fit_processes
from lcclassify.representations.features import gp, quickfit, smooth
from lcclassify.representations.features.observed import Observed
from lcclassify.schema import Passbands

BANDS = Passbands(("g", "r", "i"), (480.0, 620.0, 750.0))
SIZES = np.array([2.0, 5.0, 4.0])
N_BANDS = 3


def transient(n=90, *, seed=0, start=59580.0, noise=0.5):
    """Return observations of what rises in 15 days and falls in 30, redder with time."""
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, 200, n))
    band = rng.integers(0, N_BANDS, n)
    flux = light(mjd, band) + noise * rng.normal(size=n)
    return start + mjd, band, flux, np.full(n, noise)


def light(days, band):
    """Return the flux at days after the start, brightest after 80."""
    phase = days - 80
    fall = np.array([20.0, 30.0, 40.0])[band]
    width = np.where(phase < 0, 15.0, fall)
    return 20 * SIZES[band] * np.exp(-0.5 * (phase / width) ** 2)


def described(*curves, passbands=BANDS, redshift=None):
    """Return the features by name: numbers of one object, arrays of many."""
    mjd, band, flux, flux_err = (
        np.concatenate([np.asarray(curve[k], dtype=float) for curve in curves]) for k in range(4)
    )
    sizes = [len(curve[0]) for curve in curves]
    known = redshift is not None
    data = Observed(
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        mjd=mjd,
        passband=band.astype(np.uint8),
        flux=flux,
        flux_err=flux_err,
        detected=np.ones(len(mjd), dtype=bool),
        redshift=np.full(len(curves), np.nan if redshift is None else redshift),
        passbands=passbands,
    )
    table = gp.matrix(data, with_redshift=known)
    names = gp.names(passbands, with_redshift=known)
    assert table.shape == (len(curves), len(names))
    return dict(zip(names, table[0] if len(curves) == 1 else table.T, strict=True))


# --- the shape of a table of fluxes -------------------------------------------------


def test_shape_of_known_curves():
    days = np.arange(0, 201, 2.0)
    table = np.stack([light(days, np.full(len(days), band)) for band in range(N_BANDS)], axis=1)
    out = np.full(len(smooth.OF_BAND) * N_BANDS + 4 * (N_BANDS - 1), np.nan)
    assert smooth.describe(table, 2.0, out) == 40
    found = out[: len(smooth.OF_BAND) * N_BANDS].reshape(-1, N_BANDS)
    half = np.sqrt(2 * np.log(2))
    falls = np.array([20.0, 30.0, 40.0])
    np.testing.assert_allclose(found[0], 20 * SIZES)
    np.testing.assert_array_equal(found[2], 0.0)
    # Up to the next of the times.
    assert (abs(found[3] - half * 15 - 1) <= 1).all()
    assert (abs(found[4] - half * falls - 1) <= 1).all()
    np.testing.assert_allclose(found[5], np.sqrt(np.pi / 2) * (15 + falls), rtol=0.01)
    np.testing.assert_allclose(found[6], np.exp(-0.5 * (20 / 15) ** 2))
    np.testing.assert_allclose(found[7], np.exp(-0.5 * (20 / falls) ** 2))
    colours = out[len(smooth.OF_BAND) * N_BANDS :].reshape(4, 2)
    for row, day in zip(colours, (0, 10, 20, 50), strict=True):
        f = 20 * SIZES * np.exp(-0.5 * (day / falls) ** 2)
        np.testing.assert_allclose(row, (f[:-1] - f[1:]) / (f[:-1] + f[1:]))


def test_days_from_and_until_half_of_the_highest_by_hand():
    """Half is reached exactly, one step before the first of two equal peaks and four after it."""
    out = np.full(len(smooth.OF_BAND), np.nan)
    table = np.array([-1.0, 0.0, 2.0, 4.0, 4.0, 3.0, 3.0, 2.0, 1.0])[:, None]
    assert smooth.describe(table, 10.0, out) == 3
    found = dict(zip(smooth.OF_BAND, out, strict=True))
    assert found == {
        "peak": 4.0,
        "lowest": -1.0,
        "peak_day": 0.0,
        "rise": 10.0,
        "fall": 40.0,
        "fluence_days": 10 * 19 / 4,
        "at_-20": 0.0,
        "at_20": 3 / 4,
        "at_50": 1 / 4,
    }


def test_what_the_times_do_not_reach_is_undefined():
    table = np.linspace(0.0, 1.0, 6)[:, None] * np.array([1.0, -1.0, 2.0])
    out = np.full(len(smooth.OF_BAND) * N_BANDS + 8, np.nan)
    assert smooth.describe(table, 5.0, out) == 5  # still rising at the end
    found = dict(zip(smooth.OF_BAND, out.reshape(-1)[: 9 * 3].reshape(9, 3), strict=True))
    assert np.isnan(found["fall"]).all()
    assert np.isnan(found["at_20"]).all()
    np.testing.assert_allclose(found["at_-20"][[0, 2]], 0.2)
    assert np.isnan([found[name][1] for name in ("rise", "fluence_days", "at_-20")]).all()
    assert np.isfinite(out[27:29]).all()
    assert np.isnan(out[29:]).all()


# --- the process --------------------------------------------------------------------


@pytest.mark.parametrize("passbands", [BANDS, Passbands(BANDS.names)], ids=["known", "unknown"])
def test_the_mean_is_that_of_the_dense_process(passbands):
    mjd, band, flux, flux_err = transient()
    found = described((mjd, band, flux, flux_err), passbands=passbands)
    amplitude, scale = found["gp_amplitude"], found["gp_time_scale"]

    def matern(r):
        return (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r)

    coupling = 0.5 + 0.5 * np.eye(N_BANDS)  # of passbands of which nothing is known
    if passbands.wavelengths:
        wavelengths = np.array(passbands.wavelengths)
        coupling = matern(abs(wavelengths[:, None] - wavelengths) / 600)

    def covariance(t, b, s, c):
        return amplitude**2 * matern(abs(t[:, None] - s) / scale) * coupling[b[:, None], c]

    noisy = covariance(mjd, band, mjd, band) + np.diag(flux_err**2)
    weights = np.linalg.solve(noisy, flux)
    residual = flux - covariance(mjd, band, mjd, band) @ weights
    assert found["gp_chi_square"] == pytest.approx(((residual / flux_err) ** 2).mean(), rel=1e-6)
    grid = mjd[0] + 2.0 * np.arange(int((mjd[-1] - mjd[0]) / 2) + 1)
    for number, name in enumerate(BANDS.names):
        mean = covariance(grid, np.full(len(grid), number), mjd, band) @ weights
        assert found[f"gp_peak_{name}"] == pytest.approx(mean.max(), rel=1e-6)
        assert found[f"gp_lowest_{name}"] == pytest.approx(mean.min(), rel=1e-6)


def test_a_transient_is_seen_as_it_is():
    found = described(transient())
    for number, name in enumerate(BANDS.names):
        assert found[f"gp_peak_{name}"] == pytest.approx(20 * SIZES[number], rel=0.05)
        assert found[f"gp_rise_{name}"] == pytest.approx(1.177 * 15, abs=5)
        assert found[f"gp_fall_{name}"] == pytest.approx(1.177 * (20 + 10 * number), abs=7)
    assert found["gp_colour_0_g_r"] == pytest.approx(-3 / 7, abs=0.05)
    assert found["gp_colour_0_g_r"] > found["gp_colour_20_g_r"] > found["gp_colour_50_g_r"]
    assert found["gp_colour_0_r_i"] > found["gp_colour_50_r_i"]


def test_time_zero_does_not_matter_and_units_are_the_surveys():
    mjd, band, flux, flux_err = transient()
    one = described((mjd, band, flux, flux_err))
    other = described((mjd + 1024.0, band, 8 * flux, 8 * flux_err))
    for name, value in one.items():
        is_flux = name.startswith(("gp_amplitude", "gp_peak_", "gp_lowest")) and not any(
            word in name for word in ("day", "share")
        )
        factor = 8 if is_flux else 1
        np.testing.assert_allclose(other[name], factor * value, rtol=1e-6, err_msg=name)


def test_days_are_those_of_the_rest_frame():
    near, far = (described(transient(), redshift=z) for z in (0.0, 1.0))
    for name in ("gp_time_scale", "gp_rise_r", "gp_fall_r", "gp_fluence_days_g"):
        assert far[name] == pytest.approx(near[name] / 2), name
    # Ten days there are twenty here.
    assert far["gp_colour_10_g_r"] == pytest.approx(near["gp_colour_20_g_r"])
    for redshift in (np.nan, -1.0):
        unknown = described(transient(), redshift=redshift)
        np.testing.assert_array_equal(list(unknown.values()), list(near.values()))


def test_passbands_without_wavelengths():
    found = described(transient(), passbands=Passbands(("a", "b", "c")))
    for number, name in enumerate("abc"):
        assert found[f"gp_peak_{name}"] == pytest.approx(20 * SIZES[number], rel=0.05)


def test_undefined_with_few_observations_and_the_same_in_company():
    few = tuple(values[:4] for values in transient())
    curves = [transient(seed=1), few, ([], [], [], []), transient(seed=2)]
    together = described(*curves)
    for name, values in together.items():
        assert np.isnan(values[1:3]).all(), name
        for n in (0, 3):
            np.testing.assert_array_equal(values[n], described(curves[n])[name])


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 25),
    n_bands=st.sampled_from([1, 2, 7]),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-100, 1.0, 1e100]),
    span=st.sampled_from([0.0, 1e-6, 1000.0, 1e7]),
)
def test_absurd_values_give_values_or_nothing(n, n_bands, seed, scale, span):
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, 1, n)) * span
    flux = scale * rng.choice([-1.0, 0.0, rng.normal()], n)
    passbands = Passbands(tuple("abcdefg"[:n_bands]))
    band = rng.integers(0, n_bands, n)
    found = described((mjd, band, flux, np.full(n, scale)), passbands=passbands)
    for name, value in found.items():
        if "colour" in name:
            assert np.isnan(value) or abs(value) <= 1
        if name.startswith(("gp_rise", "gp_fall")):
            assert np.isnan(value) or value > 0


# --- the rough fit ------------------------------------------------------------------


def _log_posterior(curve, coupling, amplitude, scale):
    """Return what both fits make as large as they can, from dense matrices."""
    mjd, band, flux, flux_err = curve
    r = np.sqrt(3) * abs(mjd[:, None] - mjd) / scale
    covariance = amplitude**2 * (1 + r) * np.exp(-r) * coupling[band[:, None], band]
    covariance += np.diag(flux_err**2)
    best = np.argmax(abs(flux) / flux_err)
    typical = 0.5 * max(abs(flux[best]), flux_err[best])
    return (
        -0.5 * flux @ np.linalg.solve(covariance, flux)
        - 0.5 * np.linalg.slogdet(covariance)[1]
        - 0.5 * np.log(scale / 30) ** 2
        - 0.5 * np.log(amplitude / typical) ** 2
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_rough_fit_is_almost_as_likely_as_the_search(seed):
    noise = (0.5, 5.0, 30.0)[seed % 3]
    mjd, band, flux, flux_err = transient(seed=seed, noise=noise)
    band = band.astype(np.uint8)
    bounds, coupling = np.array([0, len(mjd)]), gp._coupling(BANDS)
    rough = quickfit.fit_roughly(bounds, mjd, band, flux, flux_err, coupling)
    curves = Curves(bounds, mjd, band, flux, flux_err, np.ones(len(mjd), dtype=bool))
    searched = fit_processes(curves, coupling)
    values = [
        _log_posterior((mjd, band, flux, flux_err), coupling, float(a[0]), float(t[0]))
        for a, t in (rough, searched)
    ]
    assert values[1] - values[0] < 3.0
    assert abs(np.log(rough[1][0] / searched[1][0])) < 0.7


def test_years_in_which_nothing_was_seen_do_not_count():
    mjd, band, flux, flux_err = transient(seed=1, noise=1.0)
    coupling = gp._coupling(BANDS)
    rng = np.random.default_rng(0)

    def fit(before, after):
        """Fit with noise alone from so many days before to so many days after."""
        far = np.concatenate(
            [mjd[0] - np.arange(before, 250, -3), mjd[-1] + np.arange(250, after, 3)]
        )
        times = np.concatenate([mjd, far])
        order = np.argsort(times, kind="stable")
        bands = np.concatenate([band, rng.integers(0, len(BANDS), len(far))])
        fluxes = np.concatenate([flux, np.clip(rng.normal(0, 1, len(far)), -3, 3)])
        errors = np.concatenate([flux_err, np.ones(len(far))])
        bounds = np.array([0, len(times)])
        observations = (times, bands.astype(np.uint8), fluxes, errors)
        return quickfit.fit_roughly(bounds, *(v[order] for v in observations), coupling)

    near, far = fit(250, 250), fit(800, 900)
    np.testing.assert_array_equal(near, far)


def test_what_lies_near_significant_observations():
    mjd = np.array([0.0, 99.9, 100.1, 300.0, 310.0, 509.9, 510.1, 900.0])
    error = np.full(8, 0.5)
    quiet = np.array([1.9, -1.9, 0, 0, 1, -1, 0, 1.9])  # below four errors
    near = quickfit._near_significant.py_func  # compiled code cannot return a slice
    assert near(mjd, quiet, error, 0, 8) == slice(0, 8)
    seen = quiet.copy()
    seen[3], seen[4] = 2.0, -5.0  # light or its absence alike
    assert near(mjd, seen, error, 0, 8) == slice(2, 6)
    assert near(mjd, seen, error, 3, 5) == slice(3, 5)
