"""Gradient-boosted trees as a network: how a fitted ensemble of them is kept and evaluated.

The numbers are buffers like all other weights, so that a bundle carries, sizes and hashes
them, and nothing that a library pickled is ever read. How trees are grown is the business
of `lcclassify.training.tree_fit`.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcclassify.checks import check_whole
from lcclassify.compiled import compiled
from lcclassify.errors import ConfigError
from lcclassify.schema import Batch, InputSizes, PlainConfig

# Objects that go down a tree before the next tree's turn, a multiple of four: their features and
# its splits stay in the processor's cache.
_BLOCK: Final = 64


class BoostedTrees(nn.Module):
    """A sum of decision trees for each class; tree t adds to the logit of class t modulo K.

    A split sends an object to the left where its feature is at most the threshold, and a
    feature that is undefined where the split says. A child that is not negative is a further
    split, which stands later in the list; -1 - i is leaf i.

    Args:
        sizes: F features in, as they are before any transform, and K classes out.
        n_trees: T, a multiple of K.
        n_splits: S, of all trees together.
        n_leaves: L, likewise.

    Attributes:
        reads: No transformed input: trees do not care about monotonic transforms, and see
            what is undefined.
        reads_raw: The features as they are.

    Raises:
        ConfigError: The numbers cannot be those of trees.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    reads_raw: ClassVar[tuple[str, ...]] = ("features",)

    roots: Tensor
    feature: Tensor
    threshold: Tensor
    undefined_left: Tensor
    left: Tensor
    right: Tensor
    leaves: Tensor

    def __init__(self, sizes: InputSizes, *, n_trees: int, n_splits: int, n_leaves: int) -> None:
        super().__init__()
        numbers = {"n_trees": n_trees, "n_splits": n_splits, "n_leaves": n_leaves}
        for name, number in numbers.items():
            check_whole(name, number, 0)
        if n_trees % sizes.n_classes or n_leaves != n_splits + n_trees:
            raise ConfigError(
                f"{n_trees} trees of {n_splits} splits and {n_leaves} leaves cannot be for "
                f"{sizes.n_classes} classes"
            )
        self.n_features, self.n_classes = sizes.n_features, sizes.n_classes
        self.register_buffer("roots", torch.full((n_trees,), -1, dtype=torch.int32))
        self.register_buffer("feature", torch.zeros(n_splits, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(n_splits, dtype=torch.float64))
        self.register_buffer("undefined_left", torch.zeros(n_splits, dtype=torch.bool))
        for name in ("left", "right"):
            self.register_buffer(name, torch.full((n_splits,), -1, dtype=torch.int32))
        self.register_buffer("leaves", torch.zeros(n_leaves, dtype=torch.float64))
        # Numbers from a stranger's file must not lead out of the arrays, or nowhere.
        self.register_load_state_dict_post_hook(_check_loaded)  # type: ignore[no-untyped-call]

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K) float64`` of raw features ``(N, F)``, NaN if undefined."""
        return self.sums(batch.features)

    def sums(self, features: Tensor) -> Tensor:
        """Return the sums ``(N, K) float64`` of raw features ``(N, F)``, NaN if undefined."""
        features = features.to(torch.float64)
        if features.device.type == "cpu":
            return torch.from_numpy(self.logits(features.numpy()))
        return self._on_device(features)

    def logits(
        self, features: NDArray[np.float64], trees: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Return what the trees, or some of them, say of features on the CPU.

        Args:
            features: ``(N, F)``, NaN where undefined.
            trees: ``(T,)``, which of the trees; None for all.

        Returns:
            ``(N, K)``.
        """
        found = np.zeros((len(features), self.n_classes))
        numbers = np.arange(len(self.roots)) if trees is None else np.flatnonzero(trees)
        _evaluate(
            features,
            numbers,
            self.roots.numpy(),
            self.feature.numpy(),
            self.threshold.numpy(),
            self.undefined_left.numpy(),
            np.stack([self.right.numpy(), self.left.numpy()], axis=1),
            self.leaves.numpy(),
            found,
        )
        return found

    def users(self) -> NDArray[np.bool_]:
        """Return which tree asks for which feature, ``(T, F)``."""
        found = np.zeros((len(self.roots), self.n_features), dtype=np.bool_)
        feature, left, right = self.feature.numpy(), self.left.numpy(), self.right.numpy()
        for tree, root in enumerate(self.roots.tolist()):
            waiting = [root]
            while waiting:
                place = waiting.pop()
                if place >= 0:
                    found[tree, feature[place]] = True
                    waiting += [left[place], right[place]]
        return found

    @property
    def n_rounds(self) -> int:
        """Trees a class."""
        return len(self.roots) // self.n_classes

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `build_network` rebuilds the shape."""
        return {
            "_target_": f"{__name__}.{type(self).__name__}",
            "n_trees": len(self.roots),
            "n_splits": len(self.feature),
            "n_leaves": len(self.leaves),
        }

    def check(self) -> None:
        """See that no path is endless or leads out of the arrays.

        Raises:
            ConfigError: One does.
        """
        splits, leaves = len(self.feature), len(self.leaves)
        children = torch.stack([self.left, self.right])
        own = torch.arange(splits, dtype=torch.int32, device=children.device)
        targets = torch.cat([children.flatten(), self.roots])
        if (
            bool(((children >= 0) & (children <= own)).any())
            or bool((targets >= splits).any())
            or bool((targets < -leaves).any())
            or bool(((self.feature < 0) | (self.feature >= self.n_features)).any())
        ):
            raise ConfigError("the trees are damaged: a split leads nowhere")

    def _on_device(self, features: Tensor) -> Tensor:
        """Go down all trees at once, a split a step."""
        place = self.roots.to(torch.int64).expand(len(features), -1)
        while bool((place >= 0).any()):
            split = place.clamp(min=0)
            values = features.gather(1, self.feature.to(torch.int64)[split])
            small = values <= self.threshold[split]
            to_left = torch.where(values.isnan(), self.undefined_left[split], small)
            onward = torch.where(to_left, self.left[split], self.right[split])
            place = torch.where(place >= 0, onward.to(torch.int64), place)
        added = self.leaves[-1 - place].reshape(len(features), -1, self.n_classes)
        return added.sum(1)


def _check_loaded(module: BoostedTrees, _: object) -> None:
    module.check()


@compiled
def _evaluate(
    features: NDArray[np.float64],
    trees: NDArray[np.int64],
    roots: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    undefined_left: NDArray[np.bool_],
    children: NDArray[np.int32],
    leaves: NDArray[np.float64],
    logits: NDArray[np.float64],
) -> None:
    """Add what each of some trees says of each object to ``logits (N, K)``.

    Four objects go down a tree together: each step waits for the one before, and the others'
    are done meanwhile. A block's last four may be fewer, beside which whatever stands there goes.
    """
    n_objects, n_classes = logits.shape
    values = np.zeros((features.shape[1], _BLOCK))
    places = np.zeros(4, dtype=np.int32)
    for first in range(0, n_objects, _BLOCK):
        size = min(_BLOCK, n_objects - first)
        for n in range(size):
            for f in range(features.shape[1]):
                values[f, n] = features[first + n, f]
        for tree in trees:
            column = tree % n_classes
            for n in range(0, size, 4):
                one = two = three = four = roots[tree]
                while one >= 0 or two >= 0 or three >= 0 or four >= 0:
                    if one >= 0:
                        side = _to_left(values[feature[one], n], one, threshold, undefined_left)
                        one = children[one, side]
                    if two >= 0:
                        side = _to_left(values[feature[two], n + 1], two, threshold, undefined_left)
                        two = children[two, side]
                    if three >= 0:
                        side = _to_left(
                            values[feature[three], n + 2], three, threshold, undefined_left
                        )
                        three = children[three, side]
                    if four >= 0:
                        side = _to_left(
                            values[feature[four], n + 3], four, threshold, undefined_left
                        )
                        four = children[four, side]
                places[0], places[1], places[2], places[3] = one, two, three, four
                for k in range(min(4, size - n)):
                    logits[first + n + k, column] += leaves[-1 - places[k]]


@compiled
def _to_left(
    value: float,
    place: int,
    threshold: NDArray[np.float64],
    undefined_left: NDArray[np.bool_],
) -> int:
    """Return 1 where a value goes to the left of a split and 0 where it does not, unbranched."""
    return int((value <= threshold[place]) | ((value != value) & undefined_left[place]))
