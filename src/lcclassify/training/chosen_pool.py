"""How far a pool may go from equal weights, which cross-validation tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.losses import ClassificationLoss
from lcclassify.training.chance import is_near
from lcclassify.training.head_settings import ShrinkageSettings
from lcclassify.training.observed import HeldOutPools, Observed
from lcclassify.training.shrinkage import Pool

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Standard errors beyond which a loss is not worse by chance.
_CHANCE: Final = 2.0


@dataclass(frozen=True)
class ChosenPool:
    """A pool of all objects, and how its prior deviation was taken.

    Attributes:
        pool: The pool.
        deviation: Of its prior.
        losses: Mean loss of held-out objects by deviation, as far as they were tried.
        folds: ``(n,)`` fold of each row.
        logits: ``(n, K) float64`` of each row, by the pool of that deviation that did not
            learn from its fold.
    """

    pool: Pool
    deviation: float
    losses: dict[float, float]
    folds: IntArray
    logits: Tensor


def chosen_pool(
    observed: Observed,
    loss: ClassificationLoss,
    settings: ShrinkageSettings,
    *,
    is_full: bool,
    seed: int,
) -> ChosenPool:
    """Fit a pool with the smallest prior deviation that is about as good as the best.

    It must be so beside the best member, too, unless no pool is. No more are tried than
    needed: once one is worse than the best by more than chance, so are larger ones.

    Args:
        observed: What the pool learns from; at least one row.
        loss: What is to be small.
        settings: The deviations, and how one of them is taken.
        is_full: Whether entries of the matrix may change.
        seed: Of the folds.
    """
    folds = observed.folds(settings.folds, seed)
    pools = HeldOutPools(observed, loss, folds, is_full=is_full)
    errors = settings.standard_errors
    logits: list[Tensor] = []
    losses: list[FloatArray] = []
    best = 0
    for deviation in settings.deviations:
        logits.append(pools.logits(deviation))
        losses.append(observed.of_objects(loss.weighted(logits[-1], observed.targets)))
        best = min(best, len(losses) - 1, key=lambda i: losses[i].mean())
        if not is_near(losses[-1], losses[best], max(errors, _CHANCE)):
            break
    logs = observed.logs.unbind(1)
    members = [observed.of_objects(loss.weighted(each, observed.targets)) for each in logs]
    member = min(members, key=lambda each: float(each.mean()))
    near = [is_near(each, losses[best], errors) for each in losses]
    fine = [is_near(each, member, errors) for each in losses]
    taken = next(i for i in range(best + 1) if i == best or (near[i] and fine[i]))
    deviation = settings.deviations[taken]
    return ChosenPool(
        observed.problem(loss, is_full=is_full).fit(deviation),
        deviation,
        {d: float(v.mean()) for d, v in zip(settings.deviations, losses, strict=False)},
        folds,
        logits[taken],
    )
