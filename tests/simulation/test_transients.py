"""Physics of the extragalactic transients, each as its population file configures it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy import constants
from scipy.integrate import quad

from lcclassify.build import config_dir, instantiate
from lcclassify.errors import ConfigError
from lcclassify.simulation import passbands, sed
from lcclassify.simulation.cosmology import distance_modulus, luminosity_distance
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.population import Population
from lcclassify.simulation.sources.base import Epochs, Parameters, Source, take
from lcclassify.simulation.sources.kilonova import Kilonova
from lcclassify.simulation.sources.radioactive import RadioactiveTransient
from lcclassify.simulation.sources.thermal import ThermalTransient
from lcclassify.simulation.sources.type_ia import TypeIaSupernova

FloatArray = NDArray[np.float64]

SPAN = (59580.0, 60675.0)
NAMES = (
    "sn_ia",
    "sn_91bg",
    "sn_iax",
    "sn_ibc",
    "sn_ii",
    "slsn",
    "tde",
    "kilonova",
    "ilot",
    "calcium_rich",
    "pair_instability",
)
BAND = {name: number for number, name in enumerate(passbands.NAMES)}
G, R, Z = BAND["g"], BAND["r"], BAND["z"]
INFRARED = BAND["i"]


def settings(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((config_dir() / f"population/{name}.yaml").read_text())
    return read


def source_of(name: str) -> Source:
    built: Source = instantiate(settings(name)["source"])
    return built


def kinds(name: str) -> dict[str, dict[str, Any]]:
    """Return the settings of every thermal source of a class, by a label."""
    source = settings(name)["source"]
    if "sources" in source:
        return {f"{name}-{i}": kind for i, kind in enumerate(source["sources"], start=1)}
    return {name: source}


KINDS = {label: kind for name in NAMES for label, kind in kinds(name).items()}


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest) -> Source:
    return source_of(request.param)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> ThermalTransient:
    built: ThermalTransient = instantiate(KINDS[request.param])
    return built


def explosions(
    source: Source, n: int, redshift: float | FloatArray = 0.2, seed: int = 5
) -> dict[str, FloatArray]:
    z = np.zeros(n) + redshift
    drawn = dict(source.draw(Draws.of(seed, np.arange(n)), z, SPAN))
    drawn["peak_mjd"] = np.full(n, 60000.0)
    return drawn


def light_curves(source: Source, parameters: Parameters, phases: FloatArray) -> FloatArray:
    """Return fluxes ``(n, phases, 6)`` at rest-frame days from the peak."""
    n, steps = len(parameters["redshift"]), len(phases)
    row = np.repeat(np.arange(n), steps * 6)
    days = np.tile(np.repeat(phases, 6), n) * (1 + parameters["redshift"][row])
    passband = np.tile(np.arange(6, dtype=np.uint8), n * steps)
    epochs = Epochs(row, parameters["peak_mjd"][row] + days, passband)
    return source.flux(parameters, epochs).reshape(n, steps, 6)


def absolute_peaks(source: Source, n: int = 400) -> tuple[FloatArray, Mapping[str, FloatArray]]:
    """Return magnitudes ``(n, 6)`` at 10 pc of near objects without extinction."""
    parameters = explosions(source, n, redshift=0.01)
    parameters["av"] = np.zeros(n)
    faintness = distance_modulus(np.array([0.01]))
    return passbands.magnitude_of(source.peak(parameters)) - faintness, parameters


# Of every class -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_population_file_builds_and_writes_every_argument_out(name: str) -> None:
    assert isinstance(instantiate(settings(name)), Population)
    for given in kinds(name).values():
        kind = type(instantiate(given))
        assert set(given) - {"_target_"} == set(inspect.signature(kind).parameters)


def test_fluxes_are_finite_and_none_is_negative(source: Source) -> None:
    redshift = np.geomspace(0.005, 3.0, 60)
    flux = light_curves(source, explosions(source, 60, redshift), np.linspace(-150, 800, 400))
    assert np.isfinite(flux).all()
    assert (flux >= 0).all()
    assert (flux.max(axis=1)[:10] > 0).all()


def test_nothing_shines_before_the_explosion_or_long_after_it(kind: ThermalTransient) -> None:
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


def test_the_peak_is_at_its_mjd(kind: ThermalTransient) -> None:
    parameters = explosions(kind, 40, 0.01)
    phases = np.arange(-2.0, 2.0001, 0.05) * kind.duration / 40
    # The peak is defined at a wavelength within g, and known to a node of the grid.
    g = light_curves(kind, parameters, phases)[:, :, G]
    at_peak = g[:, len(phases) // 2]
    assert (at_peak > 0.96 * g.max(axis=1)).all()


def test_light_curves_stretch_by_redshift(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = np.linspace(-30, 150, 91)
    near = explosions(source, 30, 0.1)
    far = {**near, "redshift": np.full(30, 0.6)}
    seen_near = light_curves(source, near, phases)
    # The same telescope with passbands that catch the same light of the source.
    ratio = 1.6 / 1.1
    monkeypatch.setattr(passbands, "NODES", passbands.NODES * ratio)
    monkeypatch.setattr(passbands, "WAVELENGTH", passbands.WAVELENGTH * ratio)
    seen_far = light_curves(source, far, phases)
    distances = luminosity_distance(np.array([0.1, 0.6]))
    dimming = ratio * (distances[0] / distances[1]) ** 2
    # An epoch at the very edge of the active time may fall on either side of it by rounding.
    both = (seen_near > 0) & (seen_far > 0)
    assert both.mean() > 0.99 * (seen_near > 0).mean() > 0
    np.testing.assert_allclose(seen_far[both], (seen_near * dimming)[both], rtol=1e-6)


def test_observed_durations_grow_by_redshift(kind: ThermalTransient) -> None:
    redshift = np.array([0.1, 0.8])
    parameters = {**take(explosions(kind, 1), np.array([0, 0])), "redshift": redshift}
    mjd = np.linspace(59000, 62500, 35_001)
    row = np.repeat([0, 1], len(mjd))
    epochs = Epochs(row, np.tile(mjd, 2), np.full(len(row), G, dtype=np.uint8))
    lit = (kind.flux(parameters, epochs).reshape(2, -1) > 0).sum(axis=1) * 0.1
    assert lit[1] / lit[0] == pytest.approx(1.8 / 1.1, rel=0.01 if lit[0] > 100 else 0.03)


def test_twice_the_distance_is_a_quarter_of_the_flux(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, phases = explosions(source, 30), np.linspace(-20, 60, 41)
    near = light_curves(source, parameters, phases)
    monkeypatch.setattr(sed, "luminosity_distance", lambda z: 2 * luminosity_distance(z))
    np.testing.assert_allclose(light_curves(source, parameters, phases), near / 4, rtol=1e-12)
    assert near.any()


@pytest.mark.parametrize("redshift", [0.03, 0.5])
def test_fluxes_and_band_ratios_are_those_of_the_spectrum(
    kind: ThermalTransient, redshift: float
) -> None:
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


def test_the_peak_is_close_to_the_brightest_flux(source: Source) -> None:
    parameters = explosions(source, 100, np.linspace(0.02, 0.4, 100))
    phases = np.linspace(-60, 150, 421)
    if isinstance(source, Kilonova):
        phases = np.linspace(-3, 12, 301)
    highest = light_curves(source, parameters, phases).max(axis=1)
    ratio = source.peak(parameters) / highest
    # Red passbands peak late, or twice: there and in faint far ultraviolet it may fall short.
    assert (ratio < 1.08).all()
    assert (ratio > 0.5).all()
    assert (ratio[:, [G, R]] > 0.8).all()
    assert (np.median(ratio[:, : Z + 1], axis=0) > 0.8).all()


def test_objects_do_not_depend_on_one_another(source: Source) -> None:
    n = 67
    draws, redshift = Draws.of(9, np.arange(n)), np.geomspace(0.01, 1.0, n)
    whole = source.draw(draws, redshift, SPAN)
    days = np.sort(np.random.default_rng(1).uniform(*SPAN, (n, 50)), axis=1)
    band = np.tile(np.arange(50) % 6, (n, 1)).astype(np.uint8)
    epochs = Epochs(np.repeat(np.arange(n), 50), days.ravel(), band.ravel())
    flux = source.flux(whole, epochs).reshape(n, 50)
    peak = source.peak(whole)
    order = np.random.default_rng(2).permutation(n)
    for rows in (order, order[:17], order[:1], np.zeros(0, dtype=np.intp)):
        part = source.draw(draws.take(rows), redshift[rows], SPAN)
        assert set(part) == set(whole)
        for name, values in part.items():
            np.testing.assert_array_equal(values, whole[name][rows], err_msg=name)
        some = Epochs(np.repeat(np.arange(len(rows)), 50), days[rows].ravel(), band[rows].ravel())
        np.testing.assert_array_equal(source.flux(part, some).reshape(-1, 50), flux[rows])
        np.testing.assert_array_equal(source.peak(part), peak[rows])
    assert (flux > 0).any()


def test_peaks_are_spread_over_the_survey_and_its_edges(source: Source) -> None:
    peak = source.draw(Draws.of(1, np.arange(5000)), np.full(5000, 0.1), SPAN)["peak_mjd"]
    assert 59519 < peak.min() < 59540
    assert 60680 < peak.max() < 60701
    assert np.median(peak) == pytest.approx(60110, abs=30)


# Absolute magnitudes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "submodel", "mean"),
    [
        # Bias-corrected means in B of Richardson et al. 2014, AJ 147, 118, table 1.
        ("sn_ia", 1, -19.25),
        ("sn_ibc", 1, -17.45),
        ("sn_ibc", 2, -17.66),
        ("sn_ii", 1, -17.98),  # IIL
        ("sn_ii", 2, -16.75),  # IIP
        ("sn_ii", 3, -18.53),  # IIn
    ],
)
def test_the_mean_peak_is_that_of_supernova_surveys(name: str, submodel: int, mean: float) -> None:
    magnitude, parameters = absolute_peaks(source_of(name), 1500)
    # g lies between B and V; B in the Vega system is 0.1 fainter than in AB magnitudes.
    ours = magnitude[parameters["submodel"] == submodel, G].mean()
    assert ours == pytest.approx(mean, abs=0.45)


@pytest.mark.parametrize(
    ("name", "band", "brightest", "faintest"),
    [
        ("sn_91bg", G, -18.2, -16.3),  # Taubenberger 2017, arXiv:1703.00528
        ("sn_iax", R, -18.9, -14.0),  # Foley et al. 2013, ApJ 767, 57
        ("slsn", G, -22.7, -19.5),  # De Cia et al. 2018, ApJ 860, 100
        ("tde", G, -21.5, -15.5),  # van Velzen 2018, ApJ 852, 72: mostly faint
        ("kilonova", INFRARED, -17.5, -14.0),  # around GW170817's -16
        ("calcium_rich", R, -17.0, -14.8),  # Kasliwal et al. 2012, ApJ 755, 161
        ("ilot", R, -15.5, -11.0),  # between novae and supernovae: Kasliwal 2012, PASA 29, 482
        ("pair_instability", R, -22.0, -18.0),  # Kasen, Woosley & Heger 2011, ApJ 734, 102
    ],
)
def test_peaks_lie_between_published_ones(
    name: str, band: int, brightest: float, faintest: float
) -> None:
    magnitude, _ = absolute_peaks(source_of(name))
    low, high = np.quantile(magnitude[:, band], [0.05, 0.95])
    assert brightest < low < high < faintest


# Single classes -----------------------------------------------------------------------------


def test_standardised_type_ia_supernovae_are_alike() -> None:
    source = source_of("sn_ia")
    assert isinstance(source, TypeIaSupernova)
    magnitude, parameters = absolute_peaks(source, 2000)
    tripp = magnitude[:, G] + 0.14 * parameters["x1"] - 3.1 * parameters["colour"]
    assert magnitude[:, G].std() > 0.2
    assert tripp.std() < 0.13
    quiet = TypeIaSupernova(scatter=0.0)
    magnitude, parameters = absolute_peaks(quiet, 2000)
    tripp = magnitude[:, G] + 0.14 * parameters["x1"] - 3.1 * parameters["colour"]
    assert tripp.std() < 0.06  # what is left is by g being no exact B


def decline(source: Source, parameters: Parameters, days: float, band: int) -> FloatArray:
    """Return magnitudes by which the objects fade in so many days after the peak."""
    magnitude = passbands.magnitude_of(light_curves(source, parameters, np.array([0.0, days])))
    fading: FloatArray = magnitude[:, 1, band] - magnitude[:, 0, band]
    return fading


def test_91bg_supernovae_fade_faster_and_are_redder_than_normal_ones() -> None:
    normal, subluminous = source_of("sn_ia"), source_of("sn_91bg")
    ia, bg = explosions(normal, 300, 0.02), explosions(subluminous, 300, 0.02)
    slow, fast = decline(normal, ia, 15, G), decline(subluminous, bg, 15, G)
    assert np.median(fast) > np.median(slow) + 0.5
    colours = [
        np.median(passbands.magnitude_of(p[:, G]) - passbands.magnitude_of(p[:, R]))
        for p in (normal.peak(ia), subluminous.peak(bg))
    ]
    assert colours[1] > colours[0] + 0.15


def test_stretched_type_ia_supernovae_fade_slower() -> None:
    source = TypeIaSupernova(scatter=0.0)
    parameters = explosions(source, 3, 0.02)
    parameters["x1"] = np.array([-2.0, 0.0, 2.0])
    parameters["colour"] = np.zeros(3)
    fading = decline(source, parameters, 15, G)
    assert fading[0] > fading[1] + 0.1 > fading[2] + 0.2


def test_type_ia_supernovae_have_a_second_maximum_in_the_infrared_only() -> None:
    source = TypeIaSupernova()
    parameters = explosions(source, 1, 0.02)
    phases = np.arange(-10.0, 60.0)
    curves = light_curves(source, parameters, phases)[0]
    late = (phases > 12) & (phases < 40)
    rising = np.diff(curves, axis=0) > 0
    assert rising[late[1:], Z].any()
    assert not rising[late[1:], G].any()


def test_a_kilonova_fades_within_days_and_reddens() -> None:
    source = source_of("kilonova")
    parameters = explosions(source, 100, 0.03)
    magnitude = passbands.magnitude_of(
        light_curves(source, parameters, np.array([0.0, 1.0, 2.0, 4.0, 10.0]))
    )
    assert (magnitude[:, 4, R] - magnitude[:, 0, R] > 3).all()
    colour = magnitude[:, :4, G] - magnitude[:, :4, INFRARED]
    assert (np.diff(colour, axis=1) > 0).all()


def test_a_plateau_lasts_as_long_as_energy_and_mass_say() -> None:
    source: ThermalTransient = instantiate(KINDS["sn_ii-2"])
    parameters = explosions(source, 2, 0.01)
    for name in parameters:
        parameters[name] = np.full(2, parameters[name][0])
    parameters["energy"], parameters["mass"] = np.array([1.0, 0.5]), np.array([10.0, 16.0])
    parameters["radius"], parameters["decline"] = np.full(2, 500.0), np.zeros(2)
    (component,) = source.evolve(parameters)
    at_50 = [np.interp(50, source.time, component.luminosity[:, i]) for i in (0, 1)]
    # The end of the plateau: half of the luminosity at 50 days.
    ends = [
        source.time[np.flatnonzero(component.luminosity[:, i] > at_50[i] / 2)[-1]] for i in (0, 1)
    ]
    assert at_50[0] == pytest.approx(1.26e42, rel=0.02)
    assert ends[0] == pytest.approx(122, abs=9)  # a step of the grid
    assert at_50[1] / at_50[0] == pytest.approx(0.5 ** (5 / 6) * 1.6**-0.5, rel=0.02)
    assert ends[1] == pytest.approx(122 * 0.5**-0.25 * 1.6**0.5, abs=13)


def test_a_disrupted_star_fades_as_its_debris_falls_back() -> None:
    source = source_of("tde")
    assert isinstance(source, ThermalTransient)
    parameters = explosions(source, 20)
    (component,) = source.evolve(parameters)
    late = source.time > 6 * 41 * np.sqrt(parameters["black_hole_mass"].min())
    quickest = int(np.argmin(parameters["black_hole_mass"]))
    slope = np.polyfit(
        np.log(source.time[late]), np.log(component.luminosity[late, quickest]), deg=1
    )[0]
    assert slope == pytest.approx(-5 / 3, abs=0.02)
    assert (component.temperature > 8000).all()


# Arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", KINDS)
def test_a_number_out_of_range_is_refused_by_name(label: str) -> None:
    given = KINDS[label]
    kind = type(instantiate(given))
    for name in set(given) - {"_target_", "correlation"}:
        for bad in (float("nan"), "much", None):
            if bad is None and name == "cutoff":
                continue
            arguments = {**given, name: bad}
            del arguments["_target_"]
            with pytest.raises(ConfigError, match=name):
                kind(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nickel_mass": 2.0}, "nickel_mass must be below ejecta_mass"),
        ({"correlation": 1.5}, "correlation must be between -1 and 1"),
        ({"floor": -1.0}, "floor must be a finite number above 0"),
        ({"av": -0.1}, "av must be a finite number of at least 0"),
        ({"duration": 0.0}, "duration must be a finite number above 0"),
        ({"cutoff": 0.0}, "cutoff must be a finite number above 0"),
    ],
)
def test_impossible_ejecta_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RadioactiveTransient(
            **{"nickel_mass": 0.2, "ejecta_mass": 1.0, "velocity": 1e4} | arguments
        )
