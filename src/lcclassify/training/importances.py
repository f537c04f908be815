"""What features are worth to trees: how much worse they get without what a feature knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.nn.trees import BoostedTrees
from lcclassify.training.seeds import derive_seed
from lcclassify.training.tree_fit import TreeFit

FloatArray = NDArray[np.float64]

# Held-out objects of a fit that are looked at: enough for two digits of what matters.
_MOST: Final = 1000


@dataclass(frozen=True)
class Importance:
    """A quantity in all passbands together.

    Attributes:
        name: The features' names without their passbands.
        features: How many there are.
        loss: By how much the log-loss of held-out objects rises if the values of these
            features are dealt out anew among them.
    """

    name: str
    features: int
    loss: float


def importances(
    fits: Sequence[TreeFit],
    feature_names: Sequence[str],
    passbands: Sequence[str],
) -> list[Importance]:
    """Return what each quantity is worth, that of the highest worth first.

    The features of a quantity in several passbands know much the same: dealt out one by
    one each would seem worth nothing.

    Args:
        fits: Finished fits of a member; those without held-out objects do not count.
        feature_names: F names.
        passbands: Names of the passbands, or their numbers, at the end of features' names.

    References:
        Breiman 2001, Machine Learning 45, 5, section 10.
    """
    groups = quantities(feature_names, passbands)
    fits = [fit for fit in fits if len(fit.held_out_rows)]
    if not fits:
        return []
    rises = np.mean([_rises(fit, list(groups.values())) for fit in fits], axis=0)
    found = [
        Importance(name, len(columns), float(rise))
        for (name, columns), rise in zip(groups.items(), rises, strict=True)
    ]
    return sorted(found, key=lambda importance: -importance.loss)


def quantities(feature_names: Sequence[str], passbands: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of the features of each quantity, by its name.

    Example:
        >>> quantities(["flux_max_g", "flux_max_r", "mwebv", "colour_g_r"], ["g", "r"])
        {'flux_max': [0, 1], 'mwebv': [2], 'colour': [3]}
    """
    groups: dict[str, list[int]] = {}
    for position, name in enumerate(feature_names):
        stem = name
        while (parts := stem.rpartition("_"))[2] in passbands and parts[0]:
            stem = parts[0]
        groups.setdefault(stem, []).append(position)
    return groups


def _rises(fit: TreeFit, groups: Sequence[Sequence[int]]) -> FloatArray:
    """Return by how much the log-loss rises without each group, ``(G,)``."""
    outcome = fit.result()
    network = None if outcome is None else outcome.submodel.network
    if not isinstance(network, BoostedTrees):
        return np.zeros(len(groups))
    rng = np.random.default_rng(derive_seed(fit.seed, "importances"))
    rows = fit.held_out_rows
    if len(rows) > _MOST:
        rows = np.sort(rng.choice(rows, _MOST, replace=False))
    chosen = torch.as_tensor(rows)
    features = fit.tensors.features[chosen].cpu().to(torch.float64).numpy()
    targets = fit.tensors.targets[chosen].cpu().numpy()
    every = network.logits(features)
    before = _loss(every, targets)
    users = network.users()
    rises = np.zeros(len(groups))
    for position, columns in enumerate(groups):
        trees = np.any(users[:, columns], axis=1)
        if not trees.any():
            continue
        dealt = features.copy()
        dealt[:, columns] = features[rng.permutation(len(features))][:, columns]
        # The other trees say what they said.
        change = network.logits(dealt, trees) - network.logits(features, trees)
        rises[position] = _loss(every + change, targets) - before
    return rises


def _loss(logits: FloatArray, targets: NDArray[np.int64]) -> float:
    logs = torch.log_softmax(torch.as_tensor(logits), dim=1).numpy()
    return -float(logs[np.arange(len(targets)), targets].mean())
