"""Distances and volumes are those of astropy."""

import numpy as np
import pytest
from astropy import units
from astropy.cosmology import FlatLambdaCDM

from lcclassify import cosmology

UNIVERSE = FlatLambdaCDM(H0=cosmology.HUBBLE, Om0=cosmology.OMEGA_M)


def test_distances():
    redshift = np.concatenate([np.geomspace(0.005, cosmology.MAX_REDSHIFT, 300), [0.0, np.nan]])
    expected = UNIVERSE.comoving_distance(redshift[:300]).to_value(units.Mpc)
    found = cosmology.comoving_distance(redshift)
    np.testing.assert_allclose(found[:300], expected, rtol=1e-6)
    assert found[300] == 0
    assert np.isnan(found[301])
    # Where the table has them to far more digits.
    places = np.arange(1, 6 * 5000, 997) / 5000
    expected = UNIVERSE.comoving_distance(places).to_value(units.Mpc)
    np.testing.assert_allclose(cosmology.comoving_distance(places), expected, rtol=1e-10)


def test_moduli_and_luminosity_distances():
    redshift = np.geomspace(0.01, 5, 50)
    expected = UNIVERSE.distmod(redshift).to_value(units.mag)
    np.testing.assert_allclose(cosmology.distance_modulus(redshift), expected, rtol=0, atol=3e-6)
    expected = UNIVERSE.luminosity_distance(redshift).to_value(units.cm)
    np.testing.assert_allclose(cosmology.luminosity_distance(redshift), expected, rtol=1e-6)
    assert np.isnan(cosmology.distance_modulus(np.array([0.0, -0.1, np.nan]))).all()


@pytest.mark.parametrize("evolution", [0.0, 1.5, None])
def test_events_happen_at_a_rate_per_volume(evolution):
    """Half of them are nearer than the redshift up to which half of the volume is, so weighted."""
    z = np.linspace(0.1, 2, 4001)
    volume = UNIVERSE.differential_comoving_volume(z).to_value(units.Gpc**3 / units.sr)
    rate = cosmology.madau_dickinson(z) if evolution is None else (1 + z) ** evolution
    density = volume * rate / (1 + z)
    below = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    uniform = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    expected = np.interp(uniform, below / below[-1], z)
    found = cosmology.volumetric_redshift(uniform, 0.1, 2, evolution)
    np.testing.assert_allclose(found, expected, rtol=2e-4)
