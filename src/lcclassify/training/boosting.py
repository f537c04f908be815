"""Gradient-boosted trees grown by LightGBM, and how they become a network of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes, PlainConfig
from lcclassify.training.settings import Boosting, Growth

if TYPE_CHECKING:
    from lightgbm import Booster
    from lightgbm.callback import CallbackEnv

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SMALLEST: Final = 1e-15  # probability in a logarithm


@dataclass(frozen=True)
class Rows:
    """Objects to grow trees on or to watch them with.

    Attributes:
        features: ``(n, F) float64``, NaN where undefined.
        targets: ``(n,)`` classes.
        weights: ``(n,)`` weights in the loss.
    """

    features: FloatArray
    targets: IntArray
    weights: FloatArray


def grow(
    settings: Boosting,
    sizes: InputSizes,
    training: Rows,
    validation: Rows,
    seed: int,
    after_round: Callable[[int, Mapping[str, float]], None],
) -> BoostedTrees:
    """Grow trees that minimise the weighted cross-entropy, with one thread.

    Args:
        settings: How.
        sizes: F and K.
        training: Objects to grow on.
        validation: Objects whose loss is told; may be none.
        seed: Of what is random.
        after_round: Called with the number of a round, from 0, and its ``train/loss``,
            ``val/loss`` and ``val/accuracy``.

    Returns:
        The trees of all rounds, or of those up to the best, see `Boosting.patience`.
    """
    import lightgbm

    def scores(probabilities: FloatArray, data: lightgbm.Dataset) -> list[tuple[str, float, bool]]:
        rows = training if data is train else validation
        own = probabilities[np.arange(len(rows.targets)), rows.targets]
        loss = -float(np.mean(rows.weights * np.log(np.maximum(own, _SMALLEST))))
        accuracy = float(np.mean(probabilities.argmax(axis=1) == rows.targets))
        return [("loss", loss, False), ("accuracy", accuracy, True)]

    def tell(env: CallbackEnv) -> None:
        told = {f"{item[0]}/{item[1]}": float(item[2]) for item in env.evaluation_result_list or ()}
        told.pop("train/accuracy", None)
        after_round(env.iteration, told)

    def dataset(rows: Rows, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        return lightgbm.Dataset(
            rows.features, rows.targets, weight=rows.weights, reference=reference
        )

    train = dataset(training)
    watched, names = [train], ["train"]
    if len(validation.targets):
        watched.append(dataset(validation, train))
        names.append("val")
    callbacks: list[Callable[[CallbackEnv], None]] = [tell]
    if settings.patience is not None and len(watched) > 1:
        patience = settings.patience
        callbacks.append(lightgbm.early_stopping(patience, first_metric_only=True, verbose=False))
    booster = lightgbm.train(
        {
            **parameters(settings, seed),
            "objective": "multiclass",
            "num_class": sizes.n_classes,
        },
        train,
        settings.rounds,
        valid_sets=watched,
        valid_names=names,
        feval=scores,
        callbacks=callbacks,
    )
    return as_network(booster, sizes)


def parameters(settings: Growth, seed: int) -> dict[str, float | int | bool | str]:
    """Return what settings are to the library, whatever is to be grown."""
    return {
        "metric": "none",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_objects,
        "feature_fraction": settings.feature_share,
        "lambda_l2": settings.l2,
        "seed": seed % 2**31,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }


def as_network(booster: Booster, sizes: InputSizes) -> BoostedTrees:
    """Return a booster's trees, those up to its best round if it knows one, as a network."""
    return interleaved([booster], sizes)


def interleaved(boosters: Sequence[Booster], sizes: InputSizes) -> BoostedTrees:
    """Return boosters, of one output each or a single one of all K, as a network."""
    grown = [booster.dump_model()["tree_info"] for booster in boosters]
    splits = _Splits()
    # Of one output there may be fewer: none is added where no split makes it better.
    nothing: PlainConfig = {"tree_structure": {"leaf_value": 0.0}}
    for trees in zip_longest(*grown, fillvalue=nothing):
        for tree in trees:
            splits.add_tree(tree["tree_structure"])
    tensors = splits.tensors()
    network = BoostedTrees(
        sizes,
        n_trees=len(tensors["roots"]),
        n_splits=len(tensors["feature"]),
        n_leaves=len(tensors["leaves"]),
    )
    network.load_state_dict(tensors)
    return network


class _Splits:
    """Collects the splits and leaves of trees, each split before its children."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.undefined_left: list[bool] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.leaves: list[float] = []

    def add_tree(self, root: PlainConfig) -> None:
        self.roots.append(0)
        waiting: list[tuple[list[int], int, PlainConfig]] = [(self.roots, -1, root)]
        while waiting:
            pointers, position, node = waiting.pop()
            if "leaf_value" in node:
                self.leaves.append(float(node["leaf_value"]))
                pointers[position] = -len(self.leaves)
                continue
            place = pointers[position] = len(self.feature)
            threshold = float(node["threshold"])
            # Where training had no undefined value, the library takes one for 0.
            undefined_left = (
                node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
            )
            self.feature.append(int(node["split_feature"]))
            self.threshold.append(threshold)
            self.undefined_left.append(bool(undefined_left))
            self.left.append(-1)
            self.right.append(-1)
            waiting.append((self.right, place, node["right_child"]))
            waiting.append((self.left, place, node["left_child"]))

    def tensors(self) -> dict[str, Tensor]:
        whole = {
            "roots": self.roots,
            "feature": self.feature,
            "left": self.left,
            "right": self.right,
        }
        tensors = {name: torch.tensor(values, dtype=torch.int32) for name, values in whole.items()}
        for name, values in (("threshold", self.threshold), ("leaves", self.leaves)):
            tensors[name] = torch.tensor(values, dtype=torch.float64)
        tensors["undefined_left"] = torch.tensor(self.undefined_left, dtype=torch.bool)
        return tensors
