"""Builds networks, losses and heads from plain configuration.

Bundles come from strangers, so a ``_target_`` is resolved among the classes that
`lcclassify.nn` itself defines and nothing else is ever imported or called. Which
classes a builder accepts is told by the first argument of their constructor:
``sizes`` for a network, ``n_classes`` for a loss, ``n_members`` for a head.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

import lcclassify.nn
from lcclassify.checks import check_keys
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import InputSizes, PlainConfig


def build_network(config: PlainConfig, sizes: InputSizes) -> nn.Module:
    """Build a network whose ``forward(batch)`` returns logits ``(N, K)``.

    Args:
        config: ``_target_``, such as ``lcclassify.nn.dense.DenseNet``, and the
            hyperparameters to set.
        sizes: What the data decide, as the network sees them after the transforms.

    Raises:
        ConfigError: The target is no network of `lcclassify.nn`, or a
            hyperparameter is unknown or invalid.
    """
    return _build("network", "sizes", config, (sizes,), {})


def build_loss(
    config: PlainConfig,
    n_classes: int,
    class_counts: Sequence[int] | None = None,
    metric_weights: Sequence[float] | None = None,
) -> nn.Module:
    """Build a loss whose ``forward(logits (N, K), targets (N,))`` returns a scalar.

    Every loss is constructed as ``Loss(n_classes, *, class_counts, metric_weights,
    hyperparameters...)``: what the data decide comes from here, the rest from YAML.

    Args:
        config: ``_target_``, such as ``lcclassify.nn.losses.FocalLoss``, and the
            hyperparameters to set.
        n_classes: K.
        class_counts: Training objects of each class, in output order; needed by
            ``class_weights: balanced`` and by the weighted log-loss.
        metric_weights: Weight of each class in the weighted log-loss, in output
            order (`Taxonomy.weight_vector`); None for equal weights.

    Raises:
        ConfigError: The target is no loss of `lcclassify.nn`, or a value is
            unknown, invalid or needed and missing.
    """
    data = {"class_counts": class_counts, "metric_weights": metric_weights}
    return _build("loss", "n_classes", config, (n_classes,), data)


def build_head(config: PlainConfig, n_members: int, n_classes: int) -> nn.Module:
    """Build a stacking head whose ``forward`` takes ``(N, M, K)`` to logits ``(N, K)``.

    Args:
        config: ``_target_``, such as ``lcclassify.nn.stack.StackingHead``, and the
            hyperparameters to set.
        n_members: M, members of the ensemble.
        n_classes: K.

    Raises:
        ConfigError: The target is no head of `lcclassify.nn`, or a hyperparameter
            is unknown or invalid.
    """
    return _build("stacking head", "n_members", config, (n_members, n_classes), {})


def _build(
    role: str,
    first: str,
    config: PlainConfig,
    sizes: tuple[object, ...],
    data: Mapping[str, object],
) -> nn.Module:
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise ConfigError(f"a {role} needs the key '_target_', got {config!r}")
    target = config["_target_"]
    known = _classes(first)
    if not isinstance(target, str) or target not in known:
        raise ConfigError(
            f"_target_ '{target}' is no {role} of lcclassify.nn: {did_you_mean(target, known)}"
        )
    given: dict[str, Any] = {k: v for k, v in config.items() if k != "_target_"}
    parameters = inspect.signature(known[target]).parameters.values()
    keys = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in data]
    check_keys(target, given, keys)
    return known[target](*sizes, **data, **given)


def _classes(first: str) -> dict[str, type[nn.Module]]:
    """Return the modules of `lcclassify.nn` whose first argument has that name."""
    found: dict[str, type[nn.Module]] = {}
    for info in pkgutil.iter_modules(lcclassify.nn.__path__, "lcclassify.nn."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if (
                inspect.isclass(value)
                and issubclass(value, nn.Module)
                and value.__module__ == info.name
                and not inspect.isabstract(value)
                and not name.startswith("_")
                and next(iter(inspect.signature(value).parameters), "") == first
            ):
                found[f"{info.name}.{name}"] = value
    return found
