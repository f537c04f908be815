"""Amplitudes and time scales are the likeliest, and those that light curves were drawn with."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from lcclassify.augment.fitting import LONGEST, SHORTEST, TYPICAL_SCALE, fit_processes
from lcclassify.augment.process import wavelength_covariance

LENGTH = 400.0  # nm


@pytest.fixture(scope="module")
def coupling(wavelengths):
    return wavelength_covariance(wavelengths, wavelengths, LENGTH)


def drawn_curves(stack, dense, wavelengths, amplitudes, scales, n=70, seed=0):
    """Return curves drawn from processes that are known, with errors of a twentieth."""
    rng = np.random.default_rng(seed)
    objects = []
    for amplitude, scale in zip(amplitudes, scales, strict=True):
        mjd = np.sort(rng.uniform(0, 6 * scale, n))
        passband = rng.integers(0, len(wavelengths), n)
        errors = np.full(n, amplitude / 20)
        process = dense(mjd, wavelengths[passband], mjd, errors, amplitude, scale, LENGTH)
        covariance = process.covariance(*2 * (mjd, wavelengths[passband]))
        flux = rng.multivariate_normal(np.zeros(n), covariance + np.diag(errors**2))
        objects.append((mjd, passband, flux, errors, np.ones(n)))
    return stack(objects)


def test_known_processes_are_found(stack, dense, wavelengths, coupling):
    rng = np.random.default_rng(5)
    amplitudes, scales = 10 ** rng.uniform(0, 4, 40), 10 ** rng.uniform(1, 2, 40)
    curves = drawn_curves(stack, dense, wavelengths, amplitudes, scales)
    found = fit_processes(curves, coupling)
    for mine, theirs, spread in zip(found, (amplitudes, scales), (0.45, 0.35), strict=True):
        ratio = np.log(mine / theirs)
        assert abs(np.median(ratio)) < 0.2
        assert ratio.std() < spread


def test_hardly_anything_is_likelier(stack, dense, wavelengths, coupling):
    curves = drawn_curves(stack, dense, wavelengths, [3.0, 300.0, 50.0], [15.0, 40.0, 90.0], seed=3)
    amplitude, scale = fit_processes(curves, coupling)
    for n in range(3):
        own = curves.take(np.array([n]))
        rows = own.mjd, wavelengths[own.passband], own.flux, own.flux_err

        def lost(logarithms, rows=rows):
            return -dense(*rows, *np.exp(logarithms), LENGTH).log_likelihood()

        ours = lost(np.log([amplitude[n], scale[n]]))
        best = minimize(lost, np.log([amplitude[n], scale[n]]), method="Nelder-Mead")
        # Beside the likelihood there is a broad prior: a unit is less than it may take.
        assert ours - best.fun < 1
        assert lost(np.log([amplitude[n], 2 * scale[n]])) - ours > 1
        assert lost(np.log([amplitude[n], scale[n] / 2])) - ours > 1


def test_few_observations_say_little(stack, coupling):
    curves = stack(
        [
            ([59000.0], [1], [80.0], [1.0], [1]),
            ([], [], [], [], []),
            ([59000.0, 59000.0], [0, 1], [-3.0, 2.0], [1.0, 1.0], [0, 0]),
            ([59000.0], [0], [0.0], [1.0], [0]),
        ]
    )
    amplitude, scale = fit_processes(curves, coupling)
    assert np.isnan([amplitude[1], scale[1]]).all()
    seen = np.array([0, 2, 3])
    assert (amplitude[seen] > 0).all()
    assert scale[seen] == pytest.approx(np.full(3, TYPICAL_SCALE), rel=0.3)
    assert 40 < amplitude[0] < 160


def test_few_observations_leave_it_to_a_broad_prior(stack, dense, wavelengths, coupling):
    """An e-fold about half of the flux measured best, and about the usual time scale."""
    objects = [
        ([59000.0], [2], [-3.0], [1.0]),
        ([59000.0, 59004.0], [0, 3], [0.2, 0.1], [1.0, 2.0]),
        ([59000.0, 59010.0, 59011.0], [0, 0, 1], [50.0, 80.0, 10.0], [1.0, 2.0, 1.0]),
    ]
    halves = np.array([1.5, 0.5, 25.0])
    curves = stack([(*columns, np.ones(len(columns[0]))) for columns in objects])
    for n, found in enumerate(np.log(fit_processes(curves, coupling)).T):
        own = curves.take(np.array([n]))
        rows = own.mjd, wavelengths[own.passband], own.flux, own.flux_err

        def lost(logarithms, rows=rows, middle=halves[n]):
            prior = 0.5 * np.square(logarithms - np.log([middle, TYPICAL_SCALE])).sum()
            return prior - dense(*rows, *np.exp(logarithms), LENGTH).log_likelihood()

        best = minimize(lost, found, method="Nelder-Mead")
        assert lost(found) < best.fun + 1e-3
        assert found == pytest.approx(best.x, abs=0.05)


def test_scales_have_bounds(stack, coupling):
    rng = np.random.default_rng(0)
    n = 200
    mjd = np.arange(n) * 2.0
    passband = rng.integers(0, 4, n)
    wild = (mjd, passband, rng.normal(0, 100, n), np.ones(n), np.ones(n))
    constant = (mjd * 10, passband, np.full(n, 100.0), np.ones(n), np.ones(n))
    _, scale = fit_processes(stack([wild, constant]), coupling)
    assert SHORTEST <= scale[0] < 4
    assert 200 < scale[1] <= LONGEST


def test_units_of_flux_and_the_epoch_do_not_matter(random_curves, coupling):
    curves = random_curves([20, 40, 3, 60], seed=1)
    amplitude, scale = fit_processes(curves, coupling)
    larger = replace(curves, flux=curves.flux * 1e6, flux_err=curves.flux_err * 1e6)
    found = fit_processes(larger, coupling)
    np.testing.assert_allclose(found, [amplitude * 1e6, scale], rtol=1e-9)
    later = replace(curves, mjd=curves.mjd + 1024)
    np.testing.assert_allclose(fit_processes(later, coupling), [amplitude, scale], rtol=1e-9)


def test_threads_and_the_other_objects_change_no_bit(random_curves, coupling):
    counts = np.random.default_rng(0).integers(0, 12, 150)
    curves = random_curves(counts, seed=2)
    alone = fit_processes(curves, coupling)
    together = fit_processes(curves, coupling, threads=3)
    np.testing.assert_array_equal(together, alone)
    order = np.random.default_rng(1).permutation(150)
    np.testing.assert_array_equal(
        fit_processes(curves.take(order), coupling), np.stack(alone)[:, order]
    )


def test_the_fit_is_the_one_that_draws_were_made_with(stack, coupling):
    """It ends on a lattice of logarithms, which a longer search would leave for other draws."""
    rng = np.random.RandomState(3)  # whose numbers NumPy promises not to change
    objects = []
    for n, days in ((1, 1), (5, 3), (30, 4), (40, 25), (40, 90), (60, 300), (60, 1500), (12, 8)):
        mjd = np.sort(rng.uniform(0, 200, n))
        flux = 40 * np.sin(mjd / days) + 10 * np.cos(mjd / days * 0.37) + rng.normal(size=n)
        errors = 1 + rng.uniform(size=n)
        objects.append((59000 + mjd, np.arange(n) % 4, flux, errors, np.ones(n)))
    best = [np.argmax(np.abs(flux) / errors) for _, _, flux, errors, _ in objects]
    typical = [abs(one[2][row]) / 2 for one, row in zip(objects, best, strict=True)]
    amplitude, scale = fit_processes(stack(objects), coupling)
    expected = [0.476739, 0.078614, 0.201114, -0.099576, -0.265826, -0.153261, -0.100761, 0.078614]
    np.testing.assert_allclose(np.log(amplitude / typical), expected, atol=2e-6)
    expected = [3.392429, 3.381201, 1.774259, 4.107451, 5.294992, 5.83834, 6.02209, 2.607407]
    np.testing.assert_allclose(np.log(scale), expected, atol=2e-6)
