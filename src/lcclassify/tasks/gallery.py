"""A figure of simulated light curves: a few of every class, with and without noise."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.evaluation.figures import LightCurvePanel, light_curve_figure, write_figures
from lcclassify.simulation import passbands
from lcclassify.simulation.selection import Found
from lcclassify.simulation.simulator import Simulator
from lcclassify.simulation.sources.base import Epochs, Source, take
from lcclassify.surveys.simulated import CLASS_NAMES

FloatArray = NDArray[np.float64]

PER_CLASS: Final = 2
COLUMNS: Final = 6

_GRID: Final = 400  # points of a line
_FAINT: Final = 0.02  # of the peak: where a transient's panel begins and ends


def draw_gallery(simulator: Simulator, path: Path) -> Path:
    """Draw a few objects of every class of a survey.

    Transients are shown around their peak, periodic sources folded on their period.

    Returns:
        The path.

    Raises:
        ConfigError: Objects of a class are never found.
        OutputError: The file cannot be written.
    """
    panels = [
        _panel(name, simulator.classes[name].source, found, own)
        for name in simulator.classes
        for found in simulator.find(simulator.ids_of(name, PER_CLASS))[name]
        for own in range(len(found.rows))
    ]
    figure = light_curve_figure(
        panels,
        passbands.NAMES,
        COLUMNS,
        "simulated difference fluxes (zero-point 27.5); lines without noise",
    )
    return write_figures({path.stem: figure}, path.parent)[0]


def _panel(name: str, source: Source, found: Found, own: int) -> LightCurvePanel:
    one = np.arange(len(found.rows)) == own
    photometry = found.photometry.of(one)
    parameters = take(found.parameters, np.flatnonzero(one))
    redshift = float(found.redshift[own])
    title = f"{CLASS_NAMES.get(name, name)}" + (f", z = {redshift:.2f}" if redshift > 0 else "")
    first, last = photometry.mjd.min(), photometry.mjd.max()
    flux = photometry.true_flux
    if source.galactic and "period" in parameters and parameters["period"][0] < 50:
        period = float(parameters["period"][0])
        mjd = first + period * np.linspace(0, 1, _GRID)
        return LightCurvePanel(
            f"{title}, {period:.3g} d",
            (photometry.mjd - first) / period % 1,
            photometry.flux,
            photometry.flux_err,
            photometry.passband.astype(np.int64),
            np.linspace(0, 1, _GRID),
            _curves(source, parameters, mjd, found.template[own]),
            "phase",
        )
    low, high = first, last
    if not found.template[own].any() or "peak_mjd" in parameters:
        bright = photometry.mjd[np.abs(flux) > _FAINT * np.abs(flux).max()]
        margin = 0.3 * (bright.max() - bright.min()) + 10
        low, high = max(first, bright.min() - margin), min(last, bright.max() + margin)
    mjd = np.linspace(low, high, _GRID)
    shown = (photometry.mjd >= low) & (photometry.mjd <= high)
    return LightCurvePanel(
        title,
        photometry.mjd[shown] - first,
        photometry.flux[shown],
        photometry.flux_err[shown],
        photometry.passband[shown].astype(np.int64),
        mjd - first,
        _curves(source, parameters, mjd, found.template[own]),
    )


def _curves(
    source: Source,
    parameters: dict[str, FloatArray],
    mjd: FloatArray,
    template: FloatArray,
) -> FloatArray:
    """Return the noise-free difference flux, ``(6, G)``."""
    bands = len(passbands.NAMES)
    times = np.repeat(mjd, bands)
    band = np.tile(np.arange(bands, dtype=np.uint8), len(mjd))
    flux = source.flux(parameters, Epochs(np.zeros(len(times), np.intp), times, band))
    return np.ascontiguousarray(flux.reshape(-1, bands).T) - template[:, None]
