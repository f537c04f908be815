"""Classes that are made of several kinds of sources."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs
from lcclassify.simulation.sources.kilonova import Kilonova
from lcclassify.simulation.sources.mixture import Mixture
from lcclassify.simulation.sources.radioactive import RadioactiveTransient

SPAN = (59580.0, 60675.0)


def every_object(n: int, days: NDArray[np.float64]) -> Epochs:
    passband = np.tile(np.arange(len(days)) % 6, n).astype(np.uint8)
    return Epochs(np.repeat(np.arange(n), len(days)), np.tile(days, n), passband)


def test_a_mixture_has_its_shares_and_the_curves_of_its_parts() -> None:
    kinds = [RadioactiveTransient(0.2, 2.0, 9000.0), Kilonova()]
    mixture = Mixture(kinds, [3.0, 1.0])
    draws, redshift = Draws.of(5, np.arange(4000)), np.full(4000, 0.2)
    parameters = {**mixture.draw(draws, redshift, SPAN), "peak_mjd": np.full(4000, 60000.0)}
    assert (parameters["submodel"] == 1).mean() == pytest.approx(0.75, abs=0.02)
    days = 60000 + np.linspace(-20, 40, 12)
    mixed = mixture.flux(parameters, every_object(4000, days)).reshape(4000, -1)
    for number, kind in enumerate(kinds, start=1):
        rows = np.flatnonzero(parameters["submodel"] == number)[:50]
        drawn = kind.draw(draws.take(rows), redshift[rows], SPAN)
        own = {**drawn, "peak_mjd": np.full(50, 60000.0)}
        alone = kind.flux(own, every_object(50, days)).reshape(50, -1)
        assert alone.any()
        np.testing.assert_array_equal(mixed[rows], alone)
        np.testing.assert_array_equal(mixture.peak(parameters)[rows], kind.peak(own))


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="sources and shares"):
        Mixture([Kilonova()], [0.5, 0.5])
    with pytest.raises(ConfigError, match="sources and shares"):
        Mixture([], [])
    with pytest.raises(ConfigError, match="shares must be a finite number above 0"):
        Mixture([Kilonova()], [0.0])
