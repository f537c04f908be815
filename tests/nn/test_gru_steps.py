"""The hyperbolic tangent of a GRU in machine code."""

import numpy as np
import pytest

from lcclassify.nn.gru_steps import tanh

WHERE = np.concatenate([np.linspace(-12, 12, 4801), [0.0, 1e-30, -1e-30, 1e30, -1e30]])


@pytest.mark.parametrize(("kind", "off"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_it_is_as_right_as_it_says(kind, off):
    """Tests of gradients need every digit of float64, networks none beyond those of float32."""
    found = np.array([tanh(kind(x)) for x in WHERE])
    np.testing.assert_allclose(found, np.tanh(WHERE.astype(kind)), rtol=off, atol=0)
    assert np.isnan(tanh(kind(np.nan)))


def test_float32_stays_what_it_is_and_is_that_of_the_quotient():
    """At most a rounding from the quotient of polynomials, beyond 7.9 constant."""
    x = np.linspace(-7.9, 7.9, 1001).astype(np.float32)
    found = np.array([tanh(one) for one in x])
    square = x.astype(np.float64) ** 2
    above = np.polyval([1.54281994e-8, 2.20234036e-5, 3.57900152e-3, 0.134506285, 1], square)
    below = np.polyval([8.59887117e-7, 3.42366616e-4, 2.6192274e-2, 0.467839565, 1], square)
    np.testing.assert_allclose(found, x * above / below, rtol=4e-7)
    assert tanh(np.float32(8.5)) == tanh(np.float32(7.9)) == -tanh(np.float32(-30))
