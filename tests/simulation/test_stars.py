"""Magnitudes and colours of the stars that templates are drawn from."""

import numpy as np

from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.stars import Stars


def test_stars_have_the_stated_magnitudes_and_colours():
    stars = Stars("i", [17.0, 19.0, 22.0], [[1.0, 0.5, 0.2, 0.1, 0.0]], [0.0, 0.1, 0.0, 0.0, 0.0])
    flux = stars.draw(Draws.of(0, np.arange(20_000)))
    magnitude = 27.5 - 2.5 * np.log10(flux)
    np.testing.assert_allclose(
        np.percentile(magnitude[:, 3], [25, 50, 75]), [18.0, 19.0, 20.5], atol=0.05
    )
    np.testing.assert_allclose(magnitude[:, 0] - magnitude[:, 1], 1.0)
    fainter = magnitude[:, 3] - 19.0
    np.testing.assert_allclose(magnitude[:, 1] - magnitude[:, 2], 0.5 + 0.1 * fainter)
