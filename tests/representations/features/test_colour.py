"""Colours: black bodies of known temperature, neighbours in wavelength, and the unknown."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.cosmology import distance_modulus
from lcclassify.representations.features import colour
from lcclassify.schema import Passbands

GRIZ = Passbands(("g", "r", "i", "z"), (472.0, 641.5, 783.5, 926.0))


def table(observed, with_redshift=False):
    values = colour.matrix(observed, with_redshift=with_redshift)
    names = colour.names(observed.passbands, with_redshift=with_redshift)
    return dict(zip(names, values.T, strict=True))


def black_body(temperature, redshift=0.0, err=0.01):
    """Return a light curve at and after a peak, in four passbands, of one temperature."""
    wavelength = np.array(GRIZ.wavelengths)
    x = 1.438776877e7 * (1 + redshift) / (wavelength * temperature)
    spectrum = wavelength**-3.0 / np.expm1(x)
    spectrum /= spectrum.max()
    phases = np.array([-20.0, -3.0, 0.0, 3.0, 15.0, 35.0, 70.0])
    form = np.array([0.3, 0.95, 1.0, 0.95, 0.7, 0.4, 0.2])
    mjd = np.repeat(59000 + (1 + redshift) * phases, 4)
    band = np.tile(np.arange(4), len(phases))
    flux = 1000 * np.repeat(form, 4) * spectrum[band]
    return mjd, band, flux, np.full(len(mjd), err)


@pytest.mark.parametrize("temperature", [3000, 4700, 7777, 12000])
@pytest.mark.parametrize("redshift", [0.0, 0.4])
def test_temperatures_of_black_bodies(temperature, redshift, observed_of):
    found = table(observed_of([black_body(temperature, redshift)], redshift=[redshift]))
    named = {name: value[0] for name, value in found.items() if name.startswith("temperature")}
    assert len(named) >= 3
    np.testing.assert_allclose(list(named.values()), temperature, rtol=0.03)


def test_luminosity_and_radius_of_a_black_body(observed_of):
    def sphere(radius, temperature, redshift):
        """Return a light curve in the units of one sphere, wherever it is."""
        mjd, band, flux, err = black_body(temperature, redshift)
        x = 1.438776877e7 * (1 + redshift) / (np.array(GRIZ.wavelengths) * temperature)
        spectrum = (np.array(GRIZ.wavelengths) / (1 + redshift)) ** -3.0 / np.expm1(x)
        size = (
            radius**2
            * spectrum.max()
            * (1 + redshift)
            / 10 ** (0.4 * float(distance_modulus(np.array([redshift]))[0]))
        )
        return mjd, band, flux * size, err * size

    redshift = np.array([0.1, 0.1, 0.1, 0.5])
    curves = [
        sphere(*given, z)
        for given, z in zip(((1, 6000), (3, 6000), (1, 9000), (1, 6000)), redshift, strict=True)
    ]
    found = table(observed_of(curves, redshift=redshift), with_redshift=True)
    magnitude = found["bolometric_magnitude_-8_to_8"]
    radius = found["log_radius_-8_to_8"]
    assert radius - radius[0] == pytest.approx([0, np.log10(3), 0, 0], abs=0.03)
    assert magnitude - magnitude[0] == pytest.approx(
        [0, -5 * np.log10(3), -10 * np.log10(1.5), 0], abs=0.1
    )


def test_colours_are_differences_over_sums(observed_of):
    found = table(observed_of([black_body(6000)]))
    _, band, flux, _ = black_body(6000)
    g, r = flux[(band == 0)][2], flux[(band == 1)][2]
    assert found["colour_-8_to_8_g_r"][0] == pytest.approx((g - r) / (g + r), abs=1e-4)


def test_what_varies_by_how_much_and_about_what_has_colours_too(observed_of):
    """Means and deviations weigh observations by their errors; of a single one none deviates."""
    band = np.array([0, 1, 2, 0, 1, 0])
    flux, err = np.array([10.0, 7, 5, 40, 3, 90]), np.array([1.0, 2, 1, 2, 2, 3])
    found = table(observed_of([(np.arange(6.0), band, flux, err)]))
    own = [(flux[band == k], err[band == k] ** -2.0) for k in range(2)]
    means = [np.average(part[0], weights=part[1]) for part in own]
    deviations = [
        np.sqrt(np.average((part[0] - mean) ** 2, weights=part[1]))
        for part, mean in zip(own, means, strict=True)
    ]
    for name, (g, r) in (("mean", means), ("deviation", deviations)):
        assert found[f"{name}_colour_g_r"][0] == pytest.approx((g - r) / (g + r))
    assert found["mean_colour_r_i"][0] == pytest.approx((5 - 5) / 10, abs=1e-12)
    assert np.isnan(found["deviation_colour_r_i"][0])


def test_noise_draws_colours_to_nothing(observed_of):
    loud = table(observed_of([black_body(4000, err=0.1)]))["colour_-8_to_8_g_r"][0]
    faint = table(observed_of([black_body(4000, err=1e4)]))["colour_-8_to_8_g_r"][0]
    assert abs(loud) > 0.2
    assert abs(faint) < 0.1


def test_neighbours_are_those_in_wavelength(observed_of, transient):
    observed = observed_of([transient(k) for k in range(5)])
    order = np.array([2, 0, 3, 1])
    shuffled = replace(
        observed,
        passband=np.argsort(order)[observed.passband].astype(np.uint8),
        passbands=Passbands(
            tuple(GRIZ.names[k] for k in order), tuple(GRIZ.wavelengths[k] for k in order)
        ),
    )
    before, after = table(observed), table(shuffled)
    assert list(before) == list(after)
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-9, err_msg=name)


def test_without_wavelengths_the_surveys_order_counts_and_no_body_is_black(observed_of, transient):
    passbands = Passbands(("z", "one", "g"))
    found = table(observed_of([transient(0, 3)], passbands))
    pairs = {name.removeprefix("colour_-8_to_8_") for name in found if "colour_-8_to_8" in name}
    assert {"z_one", "one_g"} <= pairs
    assert not any("g_z" in name or "z_g" in name for name in found)
    assert not any(name.startswith("temperature") for name in found)
    assert np.all(found["spectral_slope_-8_to_8"] > 0)  # the last passband is the brightest


def test_one_passband_has_no_colour(observed_of, transient):
    assert table(observed_of([transient(0, 1)], Passbands(("white",)))) == {}
