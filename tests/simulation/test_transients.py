"""Physics of all extragalactic transients, each as its population file configures it."""

import inspect

import numpy as np
import pytest
from scipy import constants
from scipy.integrate import quad

from lcclassify.cosmology import luminosity_distance
from lcclassify.simulation import passbands, sed
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, take
from lcclassify.simulation.sources.kilonova import Kilonova

G, R, Z = (passbands.NAMES.index(name) for name in "grz")


def test_every_argument_of_the_source_stands_in_its_file(kind, kind_settings):
    assert set(kind_settings) - {"_target_"} == set(inspect.signature(type(kind)).parameters)


def test_fluxes_are_finite_and_none_is_negative(transient, explosions, light_curves):
    redshift = np.geomspace(0.005, 3.0, 60)
    flux = light_curves(transient, explosions(transient, 60, redshift), np.linspace(-150, 800, 400))
    assert np.isfinite(flux).all()
    assert (flux >= 0).all()
    assert (flux.max(axis=1)[:10] > 0).all()


def test_nothing_shines_before_the_explosion_or_long_after_it(kind, explosions, light_curves):
    parameters = explosions(kind, 40, 0.3)
    phases = np.linspace(-200, 1000, 2401)
    lit = (light_curves(kind, parameters, phases) > 0).all(axis=2)
    first, last = phases[lit.argmax(axis=1)], phases[len(phases) - 1 - lit[:, ::-1].argmax(axis=1)]
    assert lit.any(axis=1).all()
    # One stretch of time, no longer than the duration: not a single zero inside it.
    np.testing.assert_array_equal(lit.sum(axis=1), np.rint((last - first) / 0.5) + 1)
    pace = kind.pace(parameters)
    slowness = np.ones(40) if pace is None else pace
    np.testing.assert_allclose(last - first, kind.duration * slowness, atol=1.0)
    # On the grid of half days the explosion is before the peak.
    assert (first <= 0).all()


def test_the_peak_is_at_its_mjd(kind, explosions, light_curves):
    parameters = explosions(kind, 40, 0.01)
    phases = np.arange(-2.0, 2.0001, 0.05) * kind.duration / 40
    # The peak is defined at a wavelength within g, and known to a node of the grid.
    g = light_curves(kind, parameters, phases)[:, :, G]
    at_peak = g[:, len(phases) // 2]
    assert (at_peak > 0.96 * g.max(axis=1)).all()


def test_light_curves_stretch_by_redshift(transient, monkeypatch, explosions, light_curves):
    phases = np.linspace(-30, 150, 91)
    near = explosions(transient, 30, 0.1)
    far = {**near, "redshift": np.full(30, 0.6)}
    seen_near = light_curves(transient, near, phases)
    # The same telescope with passbands that catch the same light of the transient.
    ratio = 1.6 / 1.1
    monkeypatch.setattr(passbands, "NODES", passbands.NODES * ratio)
    monkeypatch.setattr(passbands, "WAVELENGTH", passbands.WAVELENGTH * ratio)
    seen_far = light_curves(transient, far, phases)
    distances = luminosity_distance(np.array([0.1, 0.6]))
    dimming = ratio * (distances[0] / distances[1]) ** 2
    # An epoch at the very edge of the active time may fall on either side of it by rounding.
    both = (seen_near > 0) & (seen_far > 0)
    assert both.mean() > 0.99 * (seen_near > 0).mean() > 0
    np.testing.assert_allclose(seen_far[both], (seen_near * dimming)[both], rtol=1e-6)


def test_observed_durations_grow_by_redshift(kind, explosions):
    redshift = np.array([0.1, 0.8])
    parameters = {**take(explosions(kind, 1), np.array([0, 0])), "redshift": redshift}
    mjd = np.linspace(59000, 62500, 35_001)
    row = np.repeat([0, 1], len(mjd))
    epochs = Epochs(row, np.tile(mjd, 2), np.full(len(row), G, dtype=np.uint8))
    lit = (kind.flux(parameters, epochs).reshape(2, -1) > 0).sum(axis=1) * 0.1
    assert lit[1] / lit[0] == pytest.approx(1.8 / 1.1, rel=0.01 if lit[0] > 100 else 0.03)


def test_twice_the_distance_is_a_quarter_of_the_flux(
    transient, monkeypatch, explosions, light_curves
):
    parameters, phases = explosions(transient, 30), np.linspace(-20, 60, 41)
    near = light_curves(transient, parameters, phases)
    monkeypatch.setattr(sed, "luminosity_distance", lambda z: 2 * luminosity_distance(z))
    np.testing.assert_allclose(light_curves(transient, parameters, phases), near / 4, rtol=1e-12)
    assert near.any()


@pytest.mark.parametrize("redshift", [0.03, 0.5])
def test_fluxes_and_band_ratios_are_those_of_the_spectrum(kind, redshift, explosions, light_curves):
    parameters = explosions(kind, 1, redshift)
    components = kind.evolve(parameters)
    nodes = np.array([15, 25, 35])
    age, start = kind.time[nodes], kind._peak_time(components)[0]
    pace = kind.pace(parameters)
    slowness = 1.0 if pace is None else pace[0]
    flux = light_curves(kind, parameters, (age - start) * slowness)[0]
    extinction = kind.extinction(parameters)
    av = 0.0 if extinction is None else extinction[0]
    h, c, k, sigma = constants.h, constants.c, constants.k, constants.sigma

    def spectrum(wavelength: float, node: int) -> float:
        """L_nu in W/Hz at a rest-frame wavelength in nm, by constants in SI units."""
        nu = c / (wavelength * 1e-9)
        total = 0.0
        for component in components:
            kelvin = component.temperature[node, 0]
            planck = 2 * h * nu**3 / c**2 / np.expm1(h * nu / (k * kelvin))
            watts = component.luminosity[node, 0] * 1e-7
            total += watts * np.pi * planck / (sigma * kelvin**4)
        if kind.cutoff is not None:
            total *= min(wavelength / kind.cutoff, 1.0) ** kind.slope
        return float(total * 10 ** (-0.4 * av * (wavelength / 550) ** -1.2))

    metres = luminosity_distance(np.array([redshift]))[0] / 100
    expected = np.zeros((len(nodes), 6))
    for i, node in enumerate(nodes):
        for band in range(6):
            low, high = passbands.LOWER[band], passbands.UPPER[band]
            edge = (kind.cutoff or 0) * (1 + redshift)
            photons, _ = quad(
                lambda x, node=node: spectrum(x / (1 + redshift), node) / x,
                low,
                high,
                points=[edge] if low < edge < high else None,
            )
            mean = photons / np.log(high / low)
            fnu = (1 + redshift) * mean / (4 * np.pi * metres**2)  # W/m2/Hz
            expected[i, band] = 10 ** (0.4 * 27.5) * fnu / 3631e-26
    row = np.zeros(6, dtype=np.intp)
    for i in range(len(nodes)):
        factor = kind.features(
            parameters, row, np.full(6, age[i]), passbands.WAVELENGTH / (1 + redshift)
        )
        expected[i] *= 1.0 if factor is None else factor
    # Three points across a passband; the edge of the suppression inside it costs most.
    np.testing.assert_allclose(flux, expected, rtol=0.015)
    ratios = flux[:, 1:] / flux[:, :-1]
    np.testing.assert_allclose(ratios, expected[:, 1:] / expected[:, :-1], rtol=0.02)


def test_the_peak_is_close_to_the_brightest_flux(transient, explosions, light_curves):
    parameters = explosions(transient, 100, np.linspace(0.02, 0.4, 100))
    phases = np.linspace(-60, 150, 421)
    if isinstance(transient, Kilonova):
        phases = np.linspace(-3, 12, 301)
    highest = light_curves(transient, parameters, phases).max(axis=1)
    ratio = transient.peak(parameters) / highest
    # Red passbands peak late, or twice: there and in faint far ultraviolet it may fall short.
    assert (ratio < 1.08).all()
    assert (ratio > 0.5).all()
    assert (ratio[:, [G, R]] > 0.8).all()
    assert (np.median(ratio[:, : Z + 1], axis=0) > 0.8).all()


def test_objects_do_not_depend_on_one_another(transient, span):
    n = 67
    draws, redshift = Draws.of(9, np.arange(n)), np.geomspace(0.01, 1.0, n)
    whole = transient.draw(draws, redshift, span)
    days = np.sort(np.random.default_rng(1).uniform(*span, (n, 50)), axis=1)
    band = np.tile(np.arange(50) % 6, (n, 1)).astype(np.uint8)
    epochs = Epochs(np.repeat(np.arange(n), 50), days.ravel(), band.ravel())
    flux = transient.flux(whole, epochs).reshape(n, 50)
    peak = transient.peak(whole)
    order = np.random.default_rng(2).permutation(n)
    for rows in (order, order[:17], order[:1], np.zeros(0, dtype=np.intp)):
        part = transient.draw(draws.take(rows), redshift[rows], span)
        assert set(part) == set(whole)
        for name, values in part.items():
            np.testing.assert_array_equal(values, whole[name][rows], err_msg=name)
        some = Epochs(np.repeat(np.arange(len(rows)), 50), days[rows].ravel(), band[rows].ravel())
        np.testing.assert_array_equal(transient.flux(part, some).reshape(-1, 50), flux[rows])
        np.testing.assert_array_equal(transient.peak(part), peak[rows])
    assert (flux > 0).any()


def test_peaks_are_spread_over_the_survey_and_its_edges(transient, span):
    peak = transient.draw(Draws.of(1, np.arange(5000)), np.full(5000, 0.1), span)["peak_mjd"]
    assert 59519 < peak.min() < 59540
    assert 60680 < peak.max() < 60701
    assert np.median(peak) == pytest.approx(60110, abs=30)
