"""What the Gaussian process of a training object says of its light curve."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.curves import FloatArray
from lcclassify.augment.elsewhere import FittedElsewhere

_DRAWS: Final = 50  # a mean to a seventh of the deviation, a deviation to a tenth


def posterior_curves(
    augmenter: Augmenter, source: int, seed: int, times: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return what a process knows of a training object, where it is, in every passband.

    Mean and deviation are those of draws, made as copies are: with all kinds of spectra that
    copies are drawn with.

    Args:
        augmenter: Of the N training objects.
        source: Position of the object among them.
        seed: Of the draws.
        times: ``(G,)`` ascending, days.

    Returns:
        ``(B, G)`` means and ``(B, G)`` standard deviations of the flux without noise; None of
        an object that no process was fitted to.
    """
    step = next((s for s in augmenter.steps if isinstance(s, FittedElsewhere)), None)
    if step is None or not step.moves[source]:
        return None
    n_times, n_bands = len(times), step.survey.n_bands
    # As many of each process, as copies are drawn: the spread says how they differ, too.
    n_draws = -(-_DRAWS // len(step.processes))
    keys = hashing.object_keys(pl.Series(np.arange(n_draws)), seed)
    fluxes = np.concatenate(
        [
            process.draw(
                step.sources,
                np.full(n_draws, source),
                np.ones(n_draws),
                n_times * n_bands * np.arange(n_draws + 1),
                np.tile(np.repeat(times, n_bands), n_draws),
                np.tile(np.arange(n_bands, dtype=np.uint8), n_draws * n_times),
                keys,
            ).reshape(n_draws, n_times, n_bands)
            for process in step.processes
        ]
    )
    return fluxes.mean(axis=0).T, fluxes.std(axis=0, ddof=1).T
