"""Inputs that look to a classifier like those of training, to try a copy of it with."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.inference.bundle import Bundle
from lcclassify.nn.normalisation import FeatureTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.schema import UNKNOWN_TARGET, Batch

FloatArray = NDArray[np.float64]

N_OBJECTS: Final = 200
_UNDEFINED: Final = 0.1  # share of the values


def made_up_batch(bundle: Bundle, seed: int = 0) -> Batch:
    """Return a batch of inputs that normalisation makes normally distributed.

    Some values are undefined; sequences are of one night, of one more than in training, and of
    all between. Far outside of training float32 would round differently in any other order of
    summation.

    Args:
        bundle: Whose classifier's inputs they are.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    fitted = bundle.representation
    lengths = rng.integers(1, fitted.max_length + 1, N_OBJECTS)
    lengths[:2] = 1, fitted.max_length + 1
    networks = [one for one in bundle.classifier.modules() if isinstance(one, Submodel)]

    def columns(count: int, kind: str) -> FloatArray:
        values = rng.normal(size=(N_OBJECTS, count))
        for network in networks:
            if kind in network.reads:
                values = _before(getattr(network, kind), values)
                break
        values[rng.random(values.shape) < _UNDEFINED] = np.nan
        return values

    sequences = rng.normal(size=(N_OBJECTS, int(lengths.max()), len(fitted.channel_names)))
    for network in networks:
        if "sequences" in network.reads:
            scale = network.sequences.inverse_scale.numpy()
            sequences = sequences * _spread(scale) + network.sequences.mean.numpy()
            break
    sequences[np.arange(lengths.max()) >= lengths[:, None]] = 0
    return Batch(
        features=torch.from_numpy(columns(len(fitted.feature_names), "features")),
        context=torch.from_numpy(columns(len(fitted.context_names), "context")),
        sequences=torch.from_numpy(sequences.astype(np.float32)),
        lengths=torch.from_numpy(lengths),
        targets=torch.full((N_OBJECTS,), UNKNOWN_TARGET),
        rows=torch.arange(N_OBJECTS),
    )


def _before(transform: FeatureTransform, normal: FloatArray) -> FloatArray:
    """Return what a transform makes these normal values of; NaN where nothing becomes them."""
    n = normal.shape[1]  # an estimated redshift joins behind
    mean: FloatArray = transform.mean.numpy()[:n]
    moved = normal * _spread(transform.inverse_scale.numpy()[:n]) + mean
    if transform.kind != "yeo_johnson":
        return moved
    powers = transform.powers.numpy()[:n]
    power = np.where(moved >= 0, powers, 2.0 - powers)
    flat = np.abs(power) < np.finfo(np.float64).eps
    safe = np.where(flat, 1.0, power)
    size = np.abs(moved)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        size = np.where(flat, np.expm1(size), np.expm1(np.log1p(size * safe) / safe))
    found: FloatArray = np.where(moved >= 0, size, -size)
    return found


def _spread(inverse_scale: FloatArray) -> FloatArray:
    """Return the deviations; 0 of columns without any."""
    known = inverse_scale != 0
    spread: FloatArray = np.where(known, 1 / np.where(known, inverse_scale, 1.0), 0.0)
    return spread
