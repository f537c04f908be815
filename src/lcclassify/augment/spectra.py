"""Mean spectral shapes of the classes, learned from training objects at all their redshifts.

A Gaussian process with a mean of zero knows nothing of what lies blueward of the bluest
passband and continues there as it was, where supernovae have next to no light. An object farther
away was observed there: the shapes of its class, at its phase, say how fluxes at two rest-frame
wavelengths compare. The process is then one of what an object differs from its class by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.optimize import nnls

from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray

PHASES: Final = np.array([-12.0, 0.0, 12.0, 28.0, 60.0])  # rest-frame days from the peak
_NARROW: Final = 1e-3  # of the logarithm of wavelengths
_KNOTS_PER_E_FOLD: Final = 8.0  # of the wavelength
_WINDOW: Final = 4.0  # rest-frame days in which an object's brightness counts as one
_SCATTER: Final = 0.2  # of objects about the mean, as a share of the flux
_ROUNDS: Final = 12
_SMOOTH: Final = 100.0  # weight of the second differences along wavelengths
_STEADY: Final = 10.0  # of the differences between phases
_ALIKE: Final = 5.0  # of the differences between a class and all of them together
_END: Final = 3  # knots from the blue end over which its slope is taken
_STEEPEST: Final = 6.0
_LEAST: Final = 0.02  # below it a shape is not known, and fluxes are not divided by it


@dataclass(frozen=True)
class Spectra:
    """Shapes of K classes, flux per frequency relative to its mean in the middle.

    Attributes:
        knots: ``(W,)`` natural logarithms of rest-frame wavelengths in nm, evenly spaced.
        shapes: ``(K, P, W)``, linear between knots and phases and constant beyond them,
            but for the blue end, where a decline continues.
    """

    knots: FloatArray
    shapes: FloatArray

    @classmethod
    def flat(cls, n_classes: int) -> Self:
        """Return shapes that change nothing."""
        knots = np.log(np.array([100.0, 10_000.0]))
        return cls(knots, np.ones((n_classes, len(PHASES), 2)))

    @classmethod
    def fitted(
        cls,
        curves: Curves,
        wavelengths: FloatArray,
        redshift: FloatArray,
        peak: FloatArray,
        targets: IntArray,
        n_classes: int,
    ) -> Self:
        """Fit shapes by alternating least squares of them and the objects' brightnesses.

        Args:
            curves: N objects.
            wavelengths: ``(B,)`` of the passbands in nm.
            redshift: ``(N,)`` above 0.
            peak: ``(N,)`` time of the peak.
            targets: ``(N,)`` classes.
            n_classes: K.
        """
        objects = curves.objects
        stretch = 1 + redshift[objects]
        place = np.log(wavelengths[curves.passband] / stretch)
        phase = (curves.mjd - peak[objects]) / stretch
        near = (phase > -30) & (phase < 120)
        if not near.any():
            return cls.flat(n_classes)
        low, high = place[near].min(), place[near].max()
        if high - low < _NARROW:  # a single wavelength has no spectrum
            return cls.flat(n_classes)
        size = max(int(np.ceil((high - low) * _KNOTS_PER_E_FOLD)) + 1, 2)
        knots = np.linspace(low, high, size)
        window = np.floor(phase / _WINDOW).astype(np.int64)
        _, group = np.unique(np.stack([objects[near], window[near]]), axis=1, return_inverse=True)
        data = _Data(
            _basis(place[near], phase[near], knots),
            group.reshape(-1),
            curves.flux[near],
            curves.flux_err[near],
            size,
        )
        everyone = _fit(data, None)
        shapes = np.tile(everyone, (n_classes, 1, 1))
        if n_classes == 1:
            return cls(knots, shapes)
        kinds = targets[objects[near]]
        for kind in np.unique(kinds):
            shapes[kind] = _fit(data.of(kinds == kind), everyone)
        return cls(knots, shapes)

    def at(self, kinds: IntArray, phase: FloatArray, wavelength: FloatArray) -> FloatArray:
        """Return the shapes of some classes at rest-frame days and wavelengths, ``(M,)``."""
        place = np.log(wavelength)
        corners, weights = _basis(place, phase, self.knots)
        flat = self.shapes.reshape(len(self.shapes), -1)
        total = np.zeros(len(phase))
        for corner, weight in zip(corners, weights, strict=True):
            total += weight * flat[kinds, corner]
        beyond = np.minimum(place - self.knots[0], 0.0)
        total = np.maximum(total, _LEAST) * np.exp(self._decline()[kinds] * beyond)
        found: FloatArray = np.maximum(total, _LEAST)
        return found

    def _decline(self) -> FloatArray:
        """Return how steeply each class falls at the blue end, where it does, ``(K,)``."""
        if len(self.knots) <= _END:
            return np.zeros(len(self.shapes))
        ends = np.maximum(self.shapes[:, :, [0, _END]], _LEAST)
        slope = np.log(ends[:, :, 1] / ends[:, :, 0]) / (self.knots[_END] - self.knots[0])
        found: FloatArray = np.clip(np.median(slope, axis=1), 0.0, _STEEPEST)
        return found


Basis = tuple[IntArray, FloatArray]


def _basis(place: FloatArray, phase: FloatArray, knots: FloatArray) -> Basis:
    """Return the four knots about each point of the flat ``(P * W,)`` grid, and their weights."""
    step = knots[1] - knots[0]
    x = np.clip((place - knots[0]) / step, 0, len(knots) - 1)
    i = np.minimum(x.astype(np.int64), len(knots) - 2)
    y = np.interp(phase, PHASES, np.arange(len(PHASES)))
    j = np.minimum(y.astype(np.int64), len(PHASES) - 2)
    u, v = x - i, y - j
    first = j * len(knots) + i
    corners = np.stack([first, first + 1, first + len(knots), first + len(knots) + 1])
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    return corners, weights


@dataclass(frozen=True)
class _Data:
    """Observations about the peak; those of a group share one brightness."""

    basis: Basis
    group: IntArray
    flux: FloatArray
    error: FloatArray
    n_knots: int

    def of(self, chosen: BoolArray) -> _Data:
        corners, weights = self.basis
        _, group = np.unique(self.group[chosen], return_inverse=True)
        return _Data(
            (corners[:, chosen], weights[:, chosen]),
            group,
            self.flux[chosen],
            self.error[chosen],
            self.n_knots,
        )


def _fit(data: _Data, everyone: FloatArray | None) -> FloatArray:
    """Return a shape, ``(P, W)``, drawn towards that of everyone."""
    n_phases, n_knots = len(PHASES), data.n_knots
    corners, weights = data.basis
    size = n_phases * n_knots
    shape = np.ones(size) if everyone is None else everyone.ravel().copy()
    penalty = _penalty(n_phases, n_knots)
    if everyone is not None:
        penalty = penalty + _ALIKE * np.eye(size)
    for _ in range(_ROUNDS):
        model = (weights * shape[corners]).sum(axis=0)
        inverse = 1 / data.error**2
        norm = np.bincount(data.group, inverse * model**2)
        bright = np.bincount(data.group, inverse * model * data.flux) / np.maximum(norm, 1e-30)
        amplitude = bright[data.group]
        # In units of each group's brightness, with what objects differ from each other by.
        variance = data.error**2 + (_SCATTER * amplitude * model) ** 2
        square = amplitude**2 / variance
        cross = amplitude * data.flux / variance
        normal = np.zeros((size, size))
        right = np.zeros(size)
        for a in range(4):
            right += np.bincount(corners[a], weights[a] * cross, minlength=size)
            for b in range(4):
                flat = corners[a] * size + corners[b]
                term = np.bincount(flat, weights[a] * weights[b] * square, minlength=size**2)
                normal += term.reshape(size, size)
        matrix = normal + penalty + 1e-6 * np.eye(size)
        if everyone is not None:
            right = right + _ALIKE * everyone.ravel()
        factor = np.linalg.cholesky(matrix)
        shape, _ = nnls(factor.T, np.linalg.solve(factor, right))
        shape = _referenced(shape.reshape(n_phases, n_knots)).ravel()
    return shape.reshape(n_phases, n_knots)


def _penalty(n_phases: int, n_knots: int) -> FloatArray:
    bend = np.diff(np.eye(n_knots), 2, axis=0) if n_knots > 2 else np.zeros((1, n_knots))
    step = np.diff(np.eye(n_phases), axis=0)
    along = np.kron(np.eye(n_phases), bend.T @ bend)
    between = np.kron(step.T @ step, np.eye(n_knots))
    found: FloatArray = _SMOOTH * along + _STEADY * between
    return found


def _referenced(shape: FloatArray) -> FloatArray:
    """Return the shape with a mean of 1 about the middle, at every phase."""
    n_knots = shape.shape[1]
    third = slice(n_knots // 3, max(n_knots - n_knots // 3, n_knots // 3 + 1))
    found: FloatArray = shape / np.maximum(shape[:, third].mean(axis=1, keepdims=True), 1e-9)
    return found
