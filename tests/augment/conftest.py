"""Small light curves, a survey of explosions at known redshifts, and dense linear algebra."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from scipy.linalg import cho_factor, cho_solve

from lcclassify import hashing
from lcclassify.augment.conditions import Conditions
from lcclassify.augment.curves import Curves
from lcclassify.augment.drawn import Drawn
from lcclassify.augment.observing import Cadences, Detections, FluxErrors
from lcclassify.augment.steps import Sample
from lcclassify.cosmology import distance_modulus, luminosity_distance
from lcclassify.schema import Passbands

BANDS = ("g", "r", "i", "z")
WAVELENGTHS = np.array([480.0, 620.0, 750.0, 870.0])
PHOTOMETRIC = ("photoz", "photoz_err", "distmod")


def matern(ratio):
    return (1 + np.sqrt(3) * ratio) * np.exp(-np.sqrt(3) * ratio)


class Dense:
    """A Gaussian process in time and wavelength, as matrices of all pairs of observations."""

    def __init__(self, mjd, wavelength, flux, flux_err, amplitude, scale, wavelength_scale):
        self.mjd, self.wavelength, self.flux = mjd, wavelength, flux
        self.amplitude, self.scale, self.wavelength_scale = amplitude, scale, wavelength_scale
        noise = np.diag(flux_err**2)
        self.factor = cho_factor(self.covariance(mjd, wavelength, mjd, wavelength) + noise)

    def covariance(self, mjd, wavelength, other_mjd, other_wavelength):
        days = np.abs(np.subtract.outer(mjd, other_mjd))
        distance = np.abs(np.subtract.outer(wavelength, other_wavelength))
        return (
            self.amplitude**2 * matern(days / self.scale) * matern(distance / self.wavelength_scale)
        )

    def solve(self, values):
        return cho_solve(self.factor, values)

    def log_likelihood(self):
        determinant = 2 * np.log(np.diag(self.factor[0])).sum()
        square = self.flux @ self.solve(self.flux)
        return -0.5 * (square + determinant + len(self.flux) * np.log(2 * np.pi))

    def posterior(self, mjd, wavelength):
        """Return the mean and the covariance of the flux itself, without noise."""
        cross = self.covariance(self.mjd, self.wavelength, mjd, wavelength)
        own = self.covariance(mjd, wavelength, mjd, wavelength)
        return cross.T @ self.solve(self.flux), own - cross.T @ self.solve(cross)


def stacked(objects):
    """Return the curves of objects given as (mjd, passband, flux, flux_err, detected)."""
    kinds = (np.float64, np.uint8, np.float64, np.float64, np.bool_)
    columns = [
        np.concatenate([np.zeros(0, kind), *(np.asarray(o[i], dtype=kind) for o in objects)])
        for i, kind in enumerate(kinds)
    ]
    return Curves(np.cumsum([0, *(len(o[0]) for o in objects)]), *columns)


def anyhow(counts, n_bands=4, seed=0, span=100.0):
    """Return curves of as many observations as wanted, at random times."""
    rng = np.random.default_rng(seed)
    return stacked(
        [
            (
                np.sort(59000 + rng.uniform(0, span, n)),
                rng.integers(0, n_bands, n),
                rng.normal(20, 30, n),
                rng.uniform(1, 5, n),
                rng.random(n) < 0.4,
            )
            for n in counts
        ]
    )


def explosion(phase, wavelength):
    """Return the flux of every explosion, rest-frame days from its peak and nm in the rest frame.

    It rises and falls, and has least light in the blue, the less the later it is.
    """
    light = np.where(phase < 0, np.exp(-0.5 * (phase / 8) ** 2), np.exp(-np.abs(phase) / 25))
    colour = 1 / (1 + np.exp(-(wavelength - 420 - 0.8 * np.clip(phase, -10, 40)) / 60))
    return light * colour


def brightness(redshift):
    """Return what explosions are multiplied by, 1,000 at redshift 0.1."""
    near = luminosity_distance(np.array([0.1]))[0]
    return 1000 * (near / luminosity_distance(redshift)) ** 2 * (1 + redshift) / 1.1


def seen(redshift, peak, mjd, passband):
    """Return the flux of explosions as a survey would without noise."""
    phase = (mjd - peak) / (1 + redshift)
    return brightness(redshift) * explosion(phase, WAVELENGTHS[passband] / (1 + redshift))


def exploding(redshifts, seed=0, every=3.0, error=2.0):
    """Return explosions observed in all passbands every few days, and the days of their peaks."""
    rng = np.random.default_rng(seed)
    objects, peaks = [], []
    for redshift in redshifts:
        peak = 60000 + rng.uniform(-100, 100)
        nights = np.arange(peak - 25, peak + 70, every) + rng.uniform(0, every)
        mjd = (nights[:, None] + np.linspace(0, 0.1, len(BANDS))).ravel()
        passband = np.tile(np.arange(len(BANDS)), len(nights))
        flux_err = rng.uniform(0.5, 1.5, len(mjd)) * error
        flux = seen(np.array(redshift), peak, mjd, passband) + rng.normal(size=len(mjd)) * flux_err
        objects.append((mjd, passband, flux, flux_err, flux > 5 * flux_err))
        peaks.append(peak)
    return stacked(objects), np.array(peaks)


def shortened(curves, number, keep=2):
    """Return curves of which one object has its first observations alone."""
    place = np.arange(len(curves.mjd)) - curves.bounds[curves.objects]
    return curves.select((curves.objects != number) | (place < keep))


def sampled(curves, redshift, **changes):
    """Return what steps are fitted on, with photometric redshifts that are the true ones."""
    redshift = np.asarray(redshift, dtype=np.float64)
    known = np.where(redshift > 0, redshift, np.nan)
    columns = {
        "photoz": np.nan_to_num(known),
        "photoz_err": np.nan_to_num(0.05 * (1 + known)),
        "distmod": distance_modulus(known),
        "dust": np.linspace(0, 0.2, len(curves)),
    }
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.full(4, 1e-30))
    made = Sample(
        drawn=Drawn(curves, columns, np.arange(len(curves))),
        wavelengths=WAVELENGTHS,
        targets=np.zeros(len(curves), dtype=np.int64),
        n_classes=1,
        redshift=redshift,
        photometric=PHOTOMETRIC,
        target=None,
        survey=Conditions(
            errors=errors,
            detections=Detections(5.0, 1e-6, False),
            cadences=Cadences.of(curves, errors),
            least_detections=1,
            n_bands=len(BANDS),
        ),
    )
    return changed(made, **changes)


def changed(sample, **changes):
    """Return a sample with other values, those of its survey's conditions among them."""
    own = {each.name for each in fields(Sample)}
    survey = {name: value for name, value in changes.items() if name not in own}
    rest = {name: value for name, value in changes.items() if name in own}
    return replace(sample, survey=replace(sample.survey, **survey), **rest)


def watching(every=0.5, sky=1e-12, before=400.0, after=800.0):
    """Return the one cadence of a survey that looks all the time, peak at MJD 60000."""
    mjd = 60000 + np.arange(-before, after, every)
    passband = (np.arange(len(mjd)) % len(BANDS)).astype(np.uint8)
    return Cadences(
        np.array([0, len(mjd)]), mjd, passband, np.full(len(mjd), sky), np.array([60000.0])
    )


@pytest.fixture(scope="session")
def redshifts():
    """Of the objects of `survey`."""
    return np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6])


@pytest.fixture(scope="session")
def survey(redshifts):
    """Ten explosions, two of them with a season that nobody looked."""
    curves, peak = exploding(redshifts, seed=3)
    gap = (curves.objects % 5 == 1) & (np.abs(curves.mjd - peak[curves.objects] - 35) < 25)
    return curves.select(~gap)


@pytest.fixture(scope="session")
def watched(survey, redshifts):
    """The sample, seen without noise and all of it detected, at any time."""
    everything = Detections(-np.inf, 1.0, False)
    return sampled(survey, redshifts, detections=everything, cadences=watching())


@pytest.fixture(scope="session")
def redrawn(keys_of):
    """Return a function that draws every object of a sample so many times."""

    def draw(settings, sample, copies=1, seed=0):
        n = len(sample.drawn)
        rows = np.tile(np.arange(n), copies)
        fitted = settings.fitted(sample)
        return fitted.apply(sample.drawn.take(rows), keys_of(n * copies, seed))

    return draw


@pytest.fixture(scope="session")
def dense():
    """Return the class of a process as dense matrices (`Dense`)."""
    return Dense


@pytest.fixture(scope="session")
def stack():
    """Return a function that makes curves of objects (`stacked`)."""
    return stacked


@pytest.fixture(scope="session")
def random_curves():
    """Return a function that makes curves of random numbers (`anyhow`)."""
    return anyhow


@pytest.fixture(scope="session")
def explosions():
    """Return a function that makes a survey of explosions (`exploding`)."""
    return exploding


@pytest.fixture(scope="session")
def shorten():
    """Return a function that leaves an object few observations (`shortened`)."""
    return shortened


@pytest.fixture(scope="session")
def true_flux():
    """Return the function that explosions obey (`seen`)."""
    return seen


@pytest.fixture(scope="session")
def rest_frame_flux():
    """Return the flux of an explosion in its rest frame (`explosion`)."""
    return explosion


@pytest.fixture(scope="session")
def sample_of():
    """Return a function that makes a sample of curves (`sampled`)."""
    return sampled


@pytest.fixture(scope="session")
def change_sample():
    """Return a function that changes a sample or its survey (`changed`)."""
    return changed


@pytest.fixture(scope="session")
def watch():
    """Return a function that makes a cadence without gaps (`watching`)."""
    return watching


@pytest.fixture(scope="session")
def wavelengths():
    return WAVELENGTHS


@pytest.fixture(scope="session")
def keys_of():
    """Return a function that makes keys of so many objects."""
    return lambda n, seed=0: hashing.object_keys(pl.Series(np.arange(n)), seed)


@pytest.fixture(scope="session")
def canonical():
    """Return a function that makes canonical light curves of a sample, with ids from 100 on."""

    def made(drawn):
        n = len(drawn)
        objects = pl.DataFrame(
            {
                "object_id": 100 + np.arange(n),
                "label": ["explosion"] * n,
                "subset": pl.Series([None] * n, dtype=pl.String),
                **{name: pl.Series(v).fill_nan(None) for name, v in drawn.columns.items()},
            }
        )
        return drawn.curves.to_light_curves(objects, Passbands(BANDS, tuple(WAVELENGTHS)))

    return made


@pytest.fixture(scope="session")
def assert_same():
    """Return a function that compares two sets of curves bit by bit, some columns excepted."""

    def check(one, other, *excepted):
        for name in ("bounds", "mjd", "passband", "flux", "flux_err", "detected"):
            if name not in excepted:
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)

    return check
