"""Trees that estimate quantiles of a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes
from lcclassify.training.boosting import interleaved, parameters
from lcclassify.training.settings import Growth

if TYPE_CHECKING:
    from lightgbm.callback import CallbackEnv

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def grow_quantiles(
    settings: Growth,
    levels: Sequence[float],
    features: FloatArray,
    targets: FloatArray,
    columns: IntArray,
    seed: int,
    after_round: Callable[[int], None],
) -> BoostedTrees:
    """Grow trees that minimise the pinball loss of each level, with one thread.

    Args:
        settings: How; its rounds are those of each level.
        levels: L levels between 0 and 1.
        features: ``(n, F)``, NaN where undefined.
        targets: ``(n,)`` the numbers.
        columns: Ascending columns of the features that splits may ask for.
        seed: Of what is random.
        after_round: Called with the number of a round, from 0, counted over all levels.

    Returns:
        A network of F features and L outputs, which may cross.

    References:
        Koenker & Bassett 1978, Econometrica 46, 33.
    """
    import lightgbm

    chosen = features[:, columns]
    boosters = [
        lightgbm.train(
            parameters(settings, seed) | {"objective": "quantile", "alpha": level},
            lightgbm.Dataset(chosen, targets),
            settings.rounds,
            callbacks=[_Counted(number * settings.rounds, after_round)],
        )
        for number, level in enumerate(levels)
    ]
    network = interleaved(boosters, InputSizes(features.shape[1], 0, 0, len(levels), 1))
    network.feature.copy_(torch.as_tensor(columns)[network.feature.to(torch.int64)])
    return network


@dataclass(frozen=True)
class _Counted:
    """Tells the number of a round, those of earlier boosters counted too."""

    before: int
    tell: Callable[[int], None]

    def __call__(self, env: CallbackEnv) -> None:
        self.tell(self.before + env.iteration)
