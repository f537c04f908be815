"""Power, diffusion and photospheres against what is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from lcclassify.simulation import sed
from lcclassify.simulation.diffusion import diffuse, nickel_heating, photosphere


def test_constant_heating_comes_out_as_it_should() -> None:
    time = np.linspace(0, 100, 300)
    timescale = np.array([10.0, 30.0])
    luminosity = diffuse(np.ones((300, 1)), time, timescale)
    expected = -np.expm1(-((time[:, None] / timescale) ** 2))
    np.testing.assert_allclose(luminosity, expected, rtol=1e-12)


def test_at_the_peak_luminosity_and_heating_are_equal() -> None:
    time = np.linspace(0, 100, 2001)
    heating = nickel_heating(time)[:, None]
    luminosity = diffuse(heating, time, np.array([8.0, 13.0, 40.0]))
    peak = luminosity.argmax(axis=0)
    np.testing.assert_allclose(luminosity.max(axis=0), heating[peak, 0], rtol=0.005)
    # A solar mass of nickel gives 2e43 erg/s at 19 days (Stritzinger & Leibundgut 2005).
    assert nickel_heating(np.array([19.0]))[0] == pytest.approx(2.0e43, rel=0.05)


def test_a_photosphere_expands_until_it_has_cooled_to_the_floor() -> None:
    time = np.linspace(0, 100, 101)
    luminosity = np.full((101, 1), 1e43)
    kelvin = photosphere(luminosity, time, np.array([1e4]), np.array([5000.0]))[1:, 0]
    radius = np.sqrt(1e43 / (4 * np.pi * sed.SIGMA * kelvin**4))
    hot = (kelvin > 5000) & (kelvin < 1e5)
    assert hot.sum() > 10
    assert (kelvin == 5000).sum() > 10
    np.testing.assert_allclose(radius[hot], 1e9 * 86400 * time[1:][hot], rtol=1e-9)
