"""The numbers of every set are those that bundles were trained with.

A feature whose numbers change is another feature: it gets another name, or bundles are refused.
`python tests/representations/features/test_numbers.py` writes the table anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lcclassify.representations.features import sets
from lcclassify.representations.features.observed import Observed
from lcclassify.schema import Passbands

TABLE = Path(__file__).parent / "numbers" / "table.csv"
PASSBANDS = Passbands(("g", "r", "i", "z"), (472.0, 641.5, 783.5, 926.0))
# What is fitted ends where another processor's rounding leads it: of objects that decide a fit.
CLOSE = {"gp": 1e-3, "parametric": 1e-2}
DECIDED = {"gp": ("explosion", "wandering"), "parametric": ("explosion",)}


def explosion(phase):
    return np.where(phase < 0, np.exp(-0.5 * (phase / 8) ** 2), np.exp(-np.abs(phase) / 25))


def pulsation(days):
    angle = 2 * np.pi * days / 0.57
    return 1.5 + np.cos(angle) + 0.4 * np.cos(2 * angle + 1) + 0.2 * np.sin(3 * angle)


def eclipses(days):
    cycle = (days / 1.83) % 1
    return 3 - 2.0 * (np.abs(cycle - 0.5) < 0.06) - 1.1 * (np.abs(cycle - 0.02) < 0.05)


def wandering(days):
    return sum(np.sin(days / scale + scale) * scale**0.4 for scale in (11.0, 29.0, 83.0, 190.0))


# Light over the noise, days, passbands, redshift, and what is seen.
OBJECTS = {
    "explosion": (60.0, 110, (0, 1, 2, 3), 0.23, lambda days: explosion(days - 70)),
    "faint explosion": (7.0, 45, (0, 1, 2, 3), 0.61, lambda days: explosion((days - 90) / 1.6)),
    "pulsation": (15.0, 400, (0, 1, 2, 3), np.nan, pulsation),
    "eclipses": (12.0, 300, (1, 2), np.nan, eclipses),
    "noisy pulsation": (8.0, 400, (0, 1, 2, 3), np.nan, pulsation),
    "wandering": (4.0, 600, (0, 1, 2, 3), 1.4, wandering),
    "what fades": (-20.0, 200, (0, 3), 0.0, lambda days: np.tanh(days / 60) - 0.3),
    "nothing": (0.0, 90, (0, 1, 2, 3), np.nan, np.zeros_like),
    "three rows": (30.0, 3, (2, 2, 1), 0.1, lambda days: explosion(days - 1)),
}


def observed():
    """Return the objects as sets get them, a few observations of one night among them."""
    columns, sizes = [], []
    rng = np.random.RandomState(11)  # whose numbers NumPy promises not to change
    for name, (light, span, bands, _, shape) in OBJECTS.items():
        size = 3 if span == 3 else 96
        days = np.sort(rng.uniform(0, span, size))
        days[1::12] = days[::12] + 0.02
        days.sort()
        band = np.array(bands)[np.arange(size) * 7 // 5 % len(bands)]
        error = rng.uniform(0.6, 1.6, size) * (1 + 0.2 * band)
        colour = 1 + 0.3 * band - 0.002 * band * days
        if name == "noisy pulsation":  # the more light, the less is known of it
            error *= np.where(shape(days) > 1.5, 4, 0.5)
        flux = light * colour * shape(days) + error * rng.normal(size=size)
        columns.append((59000 + days, band, flux, error))
        sizes.append(size)
    mjd, band, flux, error = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return Observed(
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        mjd=mjd,
        passband=band.astype(np.uint8),
        flux=flux,
        flux_err=error,
        detected=flux > 5 * error,
        redshift=np.array([one[3] for one in OBJECTS.values()]),
        passbands=PASSBANDS,
    )


def described(name):
    """Return the names of a set's columns, and their values of each object."""
    module = sets._module(name)
    with np.errstate(all="ignore"):
        values = module.matrix(observed(), with_redshift=True)
    return module.names(PASSBANDS, with_redshift=True), values


def written(name):
    """Return the same as the table has them."""
    rows = [line.split(",") for line in TABLE.read_text("utf-8").splitlines()[1:]]
    return [row[1] for row in rows if row[0] == name], np.array(
        [row[2:] for row in rows if row[0] == name], dtype=np.float64
    ).T


@pytest.mark.parametrize("name", [name for name in sets.SETS if name != sets.REFERENCE])
def test_the_numbers_are_those_of_the_table(name):
    if name == "parametric":
        pytest.importorskip("light_curve")
    names, found = described(name)
    assert list(names) == written(name)[0]
    kept = [row for row, one in enumerate(OBJECTS) if one in DECIDED.get(name, OBJECTS)]
    table = written(name)[1][kept]
    for column, values, expected in zip(names, found[kept].T, table.T, strict=True):
        close = CLOSE.get(name, 1e-5)
        scale = close * np.nanmax(np.abs(expected), initial=1e-3)
        np.testing.assert_allclose(values, expected, rtol=close, atol=scale, err_msg=column)


if __name__ == "__main__":
    lines = ["set,column," + ",".join(OBJECTS)]
    for name in sets.SETS:
        if name != sets.REFERENCE:
            columns, table = described(name)
            for column, values in zip(columns, table.T, strict=True):
                lines.append(",".join([name, column, *(f"{value:.7g}" for value in values)]))
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")
