from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError
from lcclassify.schema import Passbands
from lcclassify.surveys.brightness import Brightness, flux_from_asinh, flux_from_magnitude

BANDS = Passbands(("g", "r"))


def test_magnitudes_are_inverted_and_errors_linearised() -> None:
    flux = np.array([0.01, 1.0, 250.0])
    magnitude = 25.0 - 2.5 * np.log10(flux)
    table = pl.DataFrame({"m": magnitude, "e": [0.1, 0.2, 0.01]})
    value, error = flux_from_magnitude(pl.col("m"), pl.col("e"), 25.0)
    result = table.select(value.alias("f"), error.alias("s"))
    np.testing.assert_allclose(result["f"], flux, rtol=1e-12)
    np.testing.assert_allclose(result["s"], flux * table["e"].to_numpy() * 0.4 * np.log(10))


def test_asinh_magnitudes_are_inverted_for_negative_fluxes_too() -> None:
    softening = np.array([1e-10, 3e-10, 1e-10, 3e-10])
    flux = np.array([-50.0, 0.0, 3.0, 4000.0])  # of zero-point 22.5
    ratio = flux * 10 ** (-0.4 * 22.5)
    magnitude = -2.5 / np.log(10) * (np.arcsinh(ratio / (2 * softening)) + np.log(softening))
    step = 1e-6 * np.maximum(abs(flux), 1.0)
    beyond = (flux + step) * 10 ** (-0.4 * 22.5)
    slope = -2.5 / np.log(10) * (np.arcsinh(beyond / (2 * softening)) + np.log(softening))
    table = pl.DataFrame({"m": magnitude, "e": np.abs(slope - magnitude), "b": softening})
    value, error = flux_from_asinh(pl.col("m"), pl.col("e"), pl.col("b"), 22.5)
    result = table.select(value.alias("f"), error.alias("s"))
    np.testing.assert_allclose(result["f"], flux, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(result["s"], step, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "softening", "words"),
    [
        ("magnitudes", None, "did you mean 'magnitude'"),
        ("flux", 1e-10, "brightness=asinh only"),
        ("asinh", None, "must be given"),
        ("asinh", {"g": 1e-10}, "'r'"),
        ("asinh", {"g": 1e-10, "R": 1e-10}, "'R'"),
        ("asinh", -1.0, "positive"),
    ],
)
def test_contradicting_options_are_named(kind: str, softening: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Brightness.of(kind, None, softening, BANDS)  # type: ignore[arg-type]


@pytest.mark.parametrize("zeropoint", [3631.0, -101.0, 1e9])
@pytest.mark.parametrize("kind", ["flux", "magnitude"])
def test_a_zero_point_is_a_magnitude(kind: str, zeropoint: float) -> None:
    with pytest.raises(ConfigError, match=r"AB magnitude of flux 1 \(8\.9 of jansky.*, got "):
        Brightness.of(kind, zeropoint, None, BANDS)
    assert Brightness.of(kind, -48.6, None, BANDS).zeropoint == -48.6
