"""Observations made by hand, for sets of features."""

import numpy as np
import pytest

from lcclassify.representations.features.observed import Observed
from lcclassify.schema import Passbands

GRIZ = Passbands(("g", "r", "i", "z"), (472.0, 641.5, 783.5, 926.0))


def make_observed(objects, passbands=GRIZ, redshift=None, snr=5.0):
    """Return objects given as (mjd, passband, flux, flux_err) as the sets get them."""
    columns = [np.concatenate([np.asarray(one[k], float) for one in objects]) for k in range(4)]
    mjd, passband, flux, flux_err = columns
    sizes = [len(one[0]) for one in objects]
    if redshift is None:
        redshift = np.full(len(objects), np.nan)
    return Observed(
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        mjd=mjd,
        passband=passband.astype(np.uint8),
        flux=flux,
        flux_err=flux_err,
        detected=flux / snr > flux_err,
        redshift=np.asarray(redshift, dtype=float),
        passbands=passbands,
    )


def make_transient(seed=0, n_bands=4, peak=59600.0, height=100.0, noise=2.0, n=80, stretch=1.0):
    """Return a noisy light curve that rises for 15 days and declines for 40."""
    rng = np.random.default_rng(seed)
    mjd = np.sort(peak + stretch * rng.uniform(-60, 140, n))
    passband = rng.integers(0, n_bands, n)
    phase = (mjd - peak) / stretch
    form = np.where(phase < 0, np.exp(-0.5 * (phase / 7) ** 2), np.exp(-phase / 30))
    flux = height * (1 + 0.3 * passband) * form + noise * rng.normal(size=n)
    return mjd, passband, flux, np.full(n, noise)


@pytest.fixture(scope="session")
def observed_of():
    """Return a function that makes `Observed` of light curves (`make_observed`)."""
    return make_observed


@pytest.fixture(scope="session")
def transient():
    """Return a function that makes the light curve of a transient (`make_transient`)."""
    return make_transient
