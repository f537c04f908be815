"""What the figures of a training run's augmentation show, taken from its objects and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lcclassify.augment.curves import Curves
from lcclassify.augment.observing import brightest_rows, brightest_times, highest_ratios
from lcclassify.augment.posterior import posterior_curves
from lcclassify.evaluation.figures import (
    AugmentationExample,
    ComparedQuantity,
    LightCurvePanel,
    augmentation_examples_figure,
    augmentation_samples_figure,
)
from lcclassify.schema import LightCurves, Passbands, Taxonomy
from lcclassify.tasks.augmenting import photometric_columns
from lcclassify.training.splits import Split
from lcclassify.training.streams import DrawnStream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_Posterior = Callable[[FloatArray], tuple[FloatArray, FloatArray] | None]

EXAMPLES: Final = 6
COPIES: Final = 2
_USUAL: Final = 0.5  # of the highest weight of a class, for an example
_MOST: Final = 5_000  # objects of a sample, of which outlines are drawn
_GRID: Final = 160  # points of a line
_SIGNIFICANT: Final = 5.0  # errors: an observation that a panel must show
_MARGIN: Final = 30.0  # days around those
_BEYOND: Final = 10.0  # days that a line continues beyond the observations
_NEAR: Final = 10.0  # days around the most significant observation, for a colour
_LEAST_LIGHT: Final = 3.0  # errors that the fluxes of a colour must have together


@dataclass(frozen=True, eq=False)
class AugmentationArrays:
    """All that the figures are drawn of; small, however large the survey is.

    Attributes:
        passbands: Names of the passbands.
        examples: Training objects and copies of them.
        quantities: Of training objects, copies and objects to be classified.
    """

    passbands: tuple[str, ...]
    examples: tuple[AugmentationExample, ...]
    quantities: tuple[ComparedQuantity, ...]

    @classmethod
    def of(
        cls,
        stream: DrawnStream,
        light_curves: LightCurves,
        split: Split,
        taxonomy: Taxonomy,
        zeropoint: float | None,
        seed: int,
    ) -> AugmentationArrays:
        """Draw copies and measure them, their sources and the objects to be classified.

        Args:
            stream: Draws the training objects.
            light_curves: All N objects of the run; of those that do not train the
                observations and metadata are used, never the labels.
            split: Their roles.
            taxonomy: The classes.
            zeropoint: AB magnitude of flux 1, or None.
            seed: Of the draws.
        """
        photoz, _, _ = photometric_columns(stream.representation, light_curves.metadata_columns)
        passbands = light_curves.passbands
        curves = Curves.of(light_curves)
        training = np.flatnonzero(stream.positions >= 0)
        others = np.sort(np.concatenate([split.rows("test"), split.rows("unlabelled")]))
        few = _thinned(training)
        draws = int(np.clip(_MOST // len(few), 1, stream.passes))
        drawn = []
        for own, number in stream.rounds(few, draws, seed):
            copies = stream.augmenter.draw(seed, number, stream.positions[own])
            drawn.append(_measure(Curves.of(copies), _column(copies.objects, photoz), passbands))
        redshift = _column(light_curves.objects, photoz)
        samples = {
            name: _measure(curves.take(rows), redshift[rows], passbands)
            for name, rows in (("training", few), ("target", _thinned(others)))
        }
        samples["drawn"] = {name: np.concatenate([d[name] for d in drawn]) for name in drawn[0]}
        return cls(
            passbands.names,
            tuple(_examples(stream, light_curves, curves, taxonomy, photoz, seed)),
            tuple(_quantities(samples, passbands, zeropoint)),
        )

    def figures(self) -> dict[str, Figure]:
        """Draw the figures, `augmentation_examples` and `augmentation_samples`."""
        lines = any(len(example.source.true_time) for example in self.examples)
        said = "training objects (left) and two copies drawn of each"
        if lines:
            said += "\nlines and bands: mean and standard deviation of the Gaussian process"
        return {
            "augmentation_examples": augmentation_examples_figure(
                self.examples, self.passbands, said
            ),
            "augmentation_samples": augmentation_samples_figure(self.quantities),
        }


def _thinned(rows: IntArray) -> IntArray:
    """Return at most `_MOST` rows, evenly spaced."""
    return rows[:: max(-(-len(rows) // _MOST), 1)]


def _column(objects: pl.DataFrame, name: str | None) -> FloatArray:
    """Return a column of redshifts, ``(N,)``, NaN where there is none."""
    if name is None:
        return np.full(len(objects), np.nan)
    values = objects[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    # Catalogues say 0 of what lies in the Galaxy.
    return np.where(values > 0, values, np.nan)


def _measure(curves: Curves, photoz: FloatArray, passbands: Passbands) -> dict[str, FloatArray]:
    """Return what is compared of some objects, ``(n,)`` each, NaN where it is not defined."""
    best = brightest_rows(curves)
    flux = np.full(len(curves), np.nan)
    flux[best >= 0] = curves.flux[best[best >= 0]]
    return {
        "photoz": photoz,
        "flux": np.where(flux > 0, flux, np.nan),
        "colour": _colours(curves, passbands),
        "ratio": highest_ratios(curves),
    }


def _colour_bands(passbands: Passbands) -> tuple[int, int] | None:
    """Return the two passbands in the middle, the bluer one first."""
    if len(passbands) < 2:
        return None
    order = np.argsort(passbands.wavelengths or np.arange(len(passbands)), kind="stable")
    first = (len(passbands) - 1) // 2
    return int(order[first]), int(order[first + 1])


def _colours(curves: Curves, passbands: Passbands) -> FloatArray:
    """Return (red - blue) / (red + blue) of mean fluxes near the best time, ``(n,)``.

    Unlike a difference of magnitudes it is defined of an object that one of the passbands
    sees nothing of, as the bluer does of distant ones: it is 1 then, or -1.
    """
    bands = _colour_bands(passbands)
    n = len(curves)
    if bands is None:
        return np.full(n, np.nan)
    near = np.abs(curves.mjd - brightest_times(curves)[curves.objects]) <= _NEAR
    means, variances = [], []
    for band in bands:
        own = near & (curves.passband == band)
        weight = curves.flux_err[own] ** -2
        objects = curves.objects[own]
        total = np.bincount(objects, weight, minlength=n)
        total = np.where(total > 0, total, np.nan)
        means.append(np.bincount(objects, weight * curves.flux[own], minlength=n) / total)
        variances.append(1 / total)
    blue, red = means
    light = red + blue
    there = light > _LEAST_LIGHT * np.sqrt(variances[0] + variances[1])
    colour: FloatArray = np.full(n, np.nan)
    np.divide(red - blue, light, out=colour, where=there)
    return colour.clip(-1.0, 1.0)


def _quantities(
    samples: dict[str, dict[str, FloatArray]], passbands: Passbands, zeropoint: float | None
) -> list[ComparedQuantity]:
    def compared(name: str, label: str, *, logarithmic: bool = False) -> ComparedQuantity:
        values = {sample: measured[name] for sample, measured in samples.items()}
        return ComparedQuantity(label, **values, logarithmic=logarithmic)

    of_best = "of the most significant observation"
    if zeropoint is None:
        brightness = compared("flux", f"flux {of_best}", logarithmic=True)
    else:
        for measured in samples.values():
            measured["magnitude"] = zeropoint - 2.5 * np.log10(measured["flux"])
        brightness = compared("magnitude", f"magnitude {of_best}")
    quantities = [
        compared("photoz", "photometric redshift"),
        brightness,
        compared("ratio", "highest signal-to-noise ratio", logarithmic=True),
    ]
    bands = _colour_bands(passbands)
    if bands is not None:
        blue, red = (passbands.names[band] for band in bands)
        label = f"colour ({red} - {blue}) / ({red} + {blue}), fluxes at peak"
        quantities.insert(2, compared("colour", label))
    return quantities


def _examples(
    stream: DrawnStream,
    light_curves: LightCurves,
    curves: Curves,
    taxonomy: Taxonomy,
    photoz: str | None,
    seed: int,
) -> list[AugmentationExample]:
    rows = _chosen(stream, curves)
    places = stream.positions[rows]
    sources = curves.take(rows)
    redshift = _column(light_curves.objects, photoz)[rows]
    copies = [stream.augmenter.draw(seed, number, places) for number in range(COPIES)]
    drawn = [(Curves.of(copy), _column(copy.objects, photoz)) for copy in copies]
    names = taxonomy.display_names()
    found = []
    # As tables have the classes, and of a class the faintest first.
    targets = stream.targets[rows]
    for own in np.lexsort((highest_ratios(sources), targets)).tolist():
        title = _titled(names[targets[own]], redshift[own])
        posterior = partial(posterior_curves, stream.augmenter, int(places[own]))
        source = _panel(title, sources, own, posterior)
        others = [
            _panel(_titled(f"copy {number + 1}", redshifts[own]), copied, own)
            for number, (copied, redshifts) in enumerate(drawn)
        ]
        found.append(AugmentationExample(source, tuple(others)))
    return found


def _chosen(stream: DrawnStream, curves: Curves) -> IntArray:
    """Return ascending rows of training objects of many classes, of middling brightness."""
    rows = np.flatnonzero(stream.positions >= 0)
    if stream.weights is not None:  # those that mostly stay as they are show little
        weights = stream.weights[stream.positions[rows]]
        highest = np.zeros(stream.targets.max() + 1)
        np.maximum.at(highest, stream.targets[rows], weights)
        rows = rows[weights >= _USUAL * highest[stream.targets[rows]]]
    ratios = highest_ratios(curves.take(rows))
    counts = np.bincount(stream.targets[rows])
    classes = np.argsort(-counts, kind="stable")[: min(EXAMPLES, int((counts > 0).sum()))]
    chosen = []
    for number, target in enumerate(classes):
        wanted = len(range(number, EXAMPLES, len(classes)))
        own = np.flatnonzero(stream.targets[rows] == target)
        own = own[np.argsort(ratios[own], kind="stable")]
        place = (np.arange(wanted) + 0.5) / wanted * len(own)
        chosen.append(rows[own[np.unique(place.astype(np.int64))]])
    return np.sort(np.concatenate(chosen))


def _titled(name: str, redshift: float) -> str:
    return name if np.isnan(redshift) else f"{name}, photo-z {redshift:.2f}"


def _panel(
    title: str, curves: Curves, own: int, posterior: _Posterior | None = None
) -> LightCurvePanel:
    """Return the observations of an object about those that are significant."""
    one = curves.take(np.array([own]))
    best = brightest_times(one)[0]
    significant = one.mjd[np.abs(one.flux) > _SIGNIFICANT * one.flux_err]
    if len(significant):
        low, high = significant.min() - _MARGIN, significant.max() + _MARGIN
        one = one.select((one.mjd >= low) & (one.mjd <= high))
    times, line = np.zeros(0), None
    if posterior is not None and len(one.mjd):
        times = np.linspace(one.mjd.min() - _BEYOND, one.mjd.max() + _BEYOND, _GRID)
        line = posterior(times)
    return LightCurvePanel(
        title,
        one.mjd - best,
        one.flux,
        one.flux_err,
        one.passband.astype(np.int64),
        np.zeros(0) if line is None else times - best,
        np.zeros((0, 0)) if line is None else line[0],
        "days from the most significant observation",
        None if line is None else line[1],
    )
