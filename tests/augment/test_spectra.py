"""Mean spectra of classes are found in objects at several redshifts, and are never nothing."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.spectra import PHASES, Spectra

REDSHIFTS = np.linspace(0.05, 0.6, 24)
# Where some of the objects were observed in the rest frame.
PLACES = np.array([320.0, 380.0, 450.0, 520.0, 600.0, 700.0, 780.0])


@pytest.fixture(scope="module")
def two_classes(explosions, wavelengths):
    """Explosions, and as many of a class that is bluer by the fourth power of the wavelength."""
    redshift = np.tile(REDSHIFTS, 2)
    targets = np.repeat([0, 2], len(REDSHIFTS))
    curves, peak = explosions(redshift, error=1.0)
    each = curves.objects
    rest = wavelengths[curves.passband] / (1 + redshift[each])
    factor = np.where(targets[each] == 2, (450 / rest) ** 4, 1.0)
    return scaled(curves, factor), redshift, peak, targets


def scaled(curves, factor):
    return replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor)


@pytest.fixture(scope="module")
def spectra(two_classes, wavelengths):
    curves, redshift, peak, targets = two_classes
    return Spectra.fitted(curves, wavelengths, redshift, peak, targets, 3)


def relative(spectra, kind, phase):
    """Return a shape over the one at 550 nm."""
    places = np.append(PLACES, 550.0)
    n = len(places)
    found = spectra.at(np.full(n, kind), np.full(n, phase), places)
    return found[:-1] / found[-1]


@pytest.mark.parametrize("phase", [0.0, 6.0, 20.0, 40.0])
def test_known_spectra_are_found(phase, spectra, rest_frame_flux):
    expected = rest_frame_flux(phase, PLACES) / rest_frame_flux(phase, 550.0)
    bright = expected > 0.1
    assert bright.sum() > 4
    np.testing.assert_allclose(relative(spectra, 0, phase)[bright], expected[bright], rtol=0.15)
    # What has hardly any light is known to have hardly any.
    assert (relative(spectra, 0, phase)[~bright] < 0.2).all()
    bluer = expected * (550 / PLACES) ** 4
    bright = bluer > 0.1
    np.testing.assert_allclose(relative(spectra, 2, phase)[bright], bluer[bright], rtol=0.25)


def test_a_class_without_objects_has_everyones(spectra, two_classes, wavelengths):
    curves, redshift, peak, targets = two_classes
    everyone = Spectra.fitted(curves, wavelengths, redshift, peak, np.zeros_like(targets), 1)
    for phase in PHASES:
        np.testing.assert_allclose(
            relative(spectra, 1, phase), relative(everyone, 0, phase), rtol=0.05
        )
    assert not np.allclose(relative(spectra, 1, 20.0), relative(spectra, 2, 20.0), rtol=0.2)


def test_hardly_any_signal_makes_no_class_unlike_everyone(spectra, two_classes, wavelengths):
    curves, redshift, peak, targets = two_classes
    faint = 30  # of the bluer class
    noisy = np.where(curves.objects == faint, 1000.0, 1.0)
    found = Spectra.fitted(
        replace(curves, flux_err=curves.flux_err * noisy),
        wavelengths,
        redshift,
        peak,
        np.where(np.arange(len(targets)) == faint, 1, targets),
        3,
    )
    shape, everyones, bluer = (
        np.stack([relative(one, kind, phase) for phase in PHASES])
        for one, kind in ((found, 1), (spectra, 1), (spectra, 2))
    )
    assert np.abs(shape - everyones).mean() < 0.5 * np.abs(shape - bluer).mean()


def test_objects_share_a_shape_and_no_brightness(spectra, two_classes, wavelengths):
    curves, redshift, peak, targets = two_classes
    factor = 10 ** np.random.default_rng(0).uniform(-1, 2, len(curves))
    other = scaled(curves, factor[curves.objects])
    found = Spectra.fitted(other, wavelengths, redshift, peak, targets, 3)
    np.testing.assert_allclose(found.shapes, spectra.shapes, rtol=1e-3, atol=1e-3)


def test_shapes_are_bounded_below(spectra):
    kinds = np.repeat([0, 1, 2], 400)
    rng = np.random.default_rng(0)
    phase = rng.uniform(-500, 2000, len(kinds))
    wavelength = 10 ** rng.uniform(1.5, 5, len(kinds))
    found = spectra.at(kinds, phase, wavelength)
    assert np.isfinite(found).all()
    assert found.min() > 0.005
    # The red class falls on beyond the bluest light that was seen, and no farther than that.
    blue = np.array([350.0, 250.0, 150.0, 50.0])
    falling = spectra.at(np.zeros(4, dtype=np.int64), np.full(4, 12.0), blue)
    assert (np.diff(falling) <= 0).all()
    assert falling[-1] == found.min()


def test_beyond_the_phases_shapes_stay(spectra):
    wavelength = np.array([400.0, 500.0, 700.0])
    kinds = np.zeros(3, dtype=np.int64)
    for edge, beyond in ((PHASES[0], -400.0), (PHASES[-1], 900.0)):
        at_edge = spectra.at(kinds, np.full(3, edge), wavelength)
        np.testing.assert_array_equal(spectra.at(kinds, np.full(3, beyond), wavelength), at_edge)


def test_flat_shapes_change_nothing():
    flat = Spectra.flat(4)
    kinds = np.arange(200) % 4
    phase, wavelength = np.linspace(-100, 300, 200), np.geomspace(30, 30_000, 200)
    np.testing.assert_allclose(flat.at(kinds, phase, wavelength), 1, rtol=1e-14)


def test_without_observations_about_the_peak_shapes_are_flat(explosions, wavelengths):
    curves, peak = explosions([0.1, 0.2])
    late = Spectra.fitted(
        curves, wavelengths, np.array([0.1, 0.2]), peak - 1000, np.array([0, 1]), 2
    )
    found = late.at(np.array([0, 1]), np.zeros(2), np.array([300.0, 900.0]))
    assert found.tolist() == [1, 1]


@pytest.mark.parametrize("redshifts", [[0.1], [0.1, 0.3]])
def test_one_passband_tells_hardly_any_colours(redshifts, stack, wavelengths):
    mjd = np.arange(0, 80, 4.0)
    one = (mjd, np.zeros(20), np.full(20, 50.0), np.ones(20), np.ones(20))
    n = len(redshifts)
    spectra = Spectra.fitted(
        stack([one] * n),
        wavelengths[:1],
        np.array(redshifts),
        np.full(n, 20.0),
        np.zeros(n, dtype=np.int64),
        1,
    )
    found = spectra.at(np.zeros(3, dtype=np.int64), np.zeros(3), np.array([300.0, 436.0, 900.0]))
    np.testing.assert_allclose(found, 1, rtol=0.1)
