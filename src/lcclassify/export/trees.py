"""Trees as ONNX: thresholds, leaves and sums in float64, as `lcclassify.nn.trees` has them."""

from __future__ import annotations

import numpy as np

from lcclassify.export.graph import TREE_DOMAIN, Graph
from lcclassify.nn.trees import BoostedTrees

_SUM, _NOTHING_AFTERWARDS, _AT_MOST = 1, 0, 0  # numbers that the standard gives them


def logits(graph: Graph, trees: BoostedTrees, features: str) -> str:
    """Return the sums of a class's trees.

    Args:
        graph: Is added to.
        trees: The trees.
        features: ``(N, F) float64``, NaN where undefined.

    Returns:
        ``(N, K) float64``.
    """
    roots = trees.roots.numpy().astype(np.int64)
    feature, threshold = trees.feature.numpy().astype(np.int64), trees.threshold.numpy()
    to_left = trees.undefined_left.numpy().astype(np.int64)
    left, right = (child.numpy().astype(np.int64) for child in (trees.left, trees.right))
    # A tree that is a single leaf becomes a split with that leaf on both sides.
    bare = roots[roots < 0]
    roots[roots < 0] = len(feature) + np.arange(len(bare))
    feature, to_left = (np.append(a, np.zeros(len(bare), np.int64)) for a in (feature, to_left))
    threshold = np.append(threshold, np.zeros(len(bare)))
    left, right = np.append(left, bare), np.append(right, bare)
    classes = _classes(roots, left, right, len(trees.leaves), trees.n_classes)
    return graph.op(
        "TreeEnsemble",
        features,
        domain=TREE_DOMAIN,
        aggregate_function=_SUM,
        post_transform=_NOTHING_AFTERWARDS,
        n_targets=trees.n_classes,
        tree_roots=roots.tolist(),
        nodes_featureids=feature.tolist(),
        nodes_modes=np.full(len(feature), _AT_MOST, dtype=np.uint8),
        nodes_splits=threshold,
        nodes_missing_value_tracks_true=to_left.tolist(),
        nodes_truenodeids=np.where(left < 0, -1 - left, left).tolist(),
        nodes_falsenodeids=np.where(right < 0, -1 - right, right).tolist(),
        nodes_trueleafs=(left < 0).astype(np.int64).tolist(),
        nodes_falseleafs=(right < 0).astype(np.int64).tolist(),
        leaf_targetids=classes.tolist(),
        leaf_weights=trees.leaves.numpy(),
    )


def _classes(
    roots: np.ndarray, left: np.ndarray, right: np.ndarray, n_leaves: int, n_classes: int
) -> np.ndarray:
    """Return the class that each leaf adds to, ``(L,) int64``."""
    owner = np.zeros(len(left), dtype=np.int64)
    owner[roots] = np.arange(len(roots)) % n_classes
    found = np.zeros(n_leaves, dtype=np.int64)
    # A child stands later in the list than its parent; of one that is a leaf it is known now.
    for place in range(len(left)):
        for child in (left[place], right[place]):
            if child >= 0:
                owner[child] = owner[place]
            else:
                found[-1 - child] = owner[place]
    return found
