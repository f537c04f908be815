"""What the Gaussian processes of a training object say of its light curve."""

from __future__ import annotations

import numpy as np

from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.curves import FloatArray
from lcclassify.augment.elsewhere import FittedElsewhere


def posterior_curves(
    augmenter: Augmenter, source: int, times: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return what is known of a training object, where it is, in every passband.

    Of several kinds of spectra each draw takes one: the mean is that of all, and the deviation
    has how they differ in it.

    Args:
        augmenter: Of the N training objects.
        source: Position of the object among them.
        times: ``(G,)`` ascending, days.

    Returns:
        ``(B, G)`` means and ``(B, G)`` standard deviations of the flux without noise; None of
        an object that no process was fitted to.
    """
    step = next((s for s in augmenter.steps if isinstance(s, FittedElsewhere)), None)
    if step is None or not step.moves[source]:
        return None
    each = [process.predict(step.sources, source, times) for process in step.processes]
    means, variances = (np.stack(values) for values in zip(*each, strict=True))
    return means.mean(axis=0), np.sqrt(variances.mean(axis=0) + means.var(axis=0))
