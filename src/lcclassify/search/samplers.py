"""Samplers by name: random and grid of our own, TPE and CMA-ES of Optuna.

Optuna's samplers draw from a generator that starts anew with its process, so that a search
that was stopped would repeat its first trials. Here what a trial gets depends on the seed,
its number and, with TPE and CMA-ES, the finished trials.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Mapping
from hashlib import blake2b
from importlib.util import find_spec
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from lcclassify.checks import check_keys, is_whole
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.search.entries import Params
from lcclassify.search.space import Space

_OPTUNA: Final[Mapping[str, type[BaseSampler]]] = {"tpe": TPESampler, "cma_es": CmaEsSampler}
SAMPLERS: Final = ("random", "grid", *_OPTUNA)
_ATTEMPTS: Final = 1000  # draws before a configuration that was not yet had is looked up


def uniform(seed: int, *what: str | int) -> float:
    """Return a number in [0, 1) that depends on the arguments only."""
    text = "/".join(str(word) for word in (seed, *what))
    bits = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    return (bits >> 11) / 2**53  # as many bits as a float64 holds, so that it stays below 1


def from_uniform(distribution: BaseDistribution, u: float) -> Any:
    """Return the value of a distribution at a share `u` in [0, 1) of it."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(u * len(distribution.choices))]
    if isinstance(distribution, IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        if distribution.log:
            bottom, top = math.log(low - 0.5), math.log(high + 0.5)
            return min(max(round(math.exp(bottom + u * (top - bottom))), low), high)
        return low + step * int(u * ((high - low) // step + 1))
    if isinstance(distribution, FloatDistribution):
        bottom, top = distribution.low, distribution.high
        if distribution.step is not None:
            steps = round((top - bottom) / distribution.step)
            return bottom + distribution.step * int(u * (steps + 1))
        if distribution.log:
            exponent = math.log(bottom) + u * (math.log(top) - math.log(bottom))
            return min(max(math.exp(exponent), bottom), top)
        return bottom + u * (top - bottom)
    raise ConfigError(f"a distribution of the kind {type(distribution).__name__} is unknown")


class TrialSampler(BaseSampler):
    """Gives a trial what depends on its number: a configuration, or a sampler that draws it."""

    def given(self, number: int) -> Params | None:
        """Return the configuration of a trial, None where it is to be drawn."""
        raise NotImplementedError

    def inner(self, number: int) -> BaseSampler:
        """Return what draws a configuration that is not given."""
        raise NotImplementedError

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are drawn together."""
        if self.given(trial.number) is not None:
            return {}
        return self.inner(trial.number).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return their values."""
        if self.given(trial.number) is not None:
            return {}
        return self.inner(trial.number).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of a parameter that is given or drawn by itself."""
        given = self.given(trial.number)
        if given is not None:
            return given[param_name]
        return self.inner(trial.number).sample_independent(
            study, trial, param_name, param_distribution
        )


class SequenceSampler(TrialSampler):
    """Gives each trial the configuration of its number, the first one that it is given."""

    def __init__(self, space: Space, first: Params | None) -> None:
        self.space = space
        self._configurations: list[Params] = [] if first is None else [first]
        self._had = {self._identity(params) for params in self._configurations}

    def next_configuration(self, number: int) -> Params:
        """Return a candidate for the trial with this number."""
        raise NotImplementedError

    def configuration(self, number: int) -> Params:
        """Return the configuration of a trial."""
        while len(self._configurations) <= number:
            params = self.next_configuration(len(self._configurations))
            self._configurations.append(params)
            self._had.add(self._identity(params))
        return self._configurations[number]

    given = configuration

    def had(self, params: Params) -> bool:
        """Tell whether an earlier trial has this configuration."""
        return self._identity(params) in self._had

    def _identity(self, params: Params) -> tuple[str, ...]:
        return tuple(self.space.words(params))


class RandomSearch(SequenceSampler):
    """Uniform over each parameter's values; no configuration twice while others are left."""

    def __init__(self, space: Space, first: Params | None, seed: int) -> None:
        super().__init__(space, first)
        self.seed = seed

    def next_configuration(self, number: int) -> Params:
        """Return the first draw that no earlier trial has."""
        size = self.space.cardinality
        left = size is None or number < size
        for attempt in range(_ATTEMPTS if left else 1):
            params = self.space.draw(
                lambda name, dist, attempt=attempt: from_uniform(  # type: ignore[misc]
                    dist, uniform(self.seed, number, attempt, name)
                )
            )
            if not left or not self.had(params):
                return params
        others = map(self.space.nth, range(size or 0))
        return next((other for other in others if not self.had(other)), params)


class GridSearch(SequenceSampler):
    """All configurations one after the other."""

    def __init__(self, space: Space, first: Params | None) -> None:
        super().__init__(space, first)
        self._index = 0

    def next_configuration(self, number: int) -> Params:
        """Return the next configuration that is not the first trial's."""
        while True:
            params = self.space.nth(self._index)
            self._index += 1
            if not self.had(params):
                return params


class PerTrialSampler(TrialSampler):
    """One of Optuna's samplers, made anew for each trial with a seed of its own."""

    def __init__(
        self, kind: type[BaseSampler], arguments: Params, seed: int, first: Params | None
    ) -> None:
        self.kind = kind
        self.arguments = arguments
        self.seed = seed
        self.first = first
        self._number = -1
        self._inner: BaseSampler | None = None

    def given(self, number: int) -> Params | None:
        """Return the configuration of the first trial."""
        return self.first if number == 0 else None

    def inner(self, number: int) -> BaseSampler:
        """Return a sampler with the trial's seed."""
        if self._inner is None or number != self._number:
            seed = int(uniform(self.seed, "sampler", number) * 2**31)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self._inner = self.kind(**self.arguments, seed=seed)  # type: ignore[call-arg]
            self._number = number
        return self._inner


def check_sampler(config: Any, n_objectives: int) -> None:
    """Refuse a sampler that is unknown or does not take its arguments.

    Raises:
        ConfigError: It is, or does not.
    """
    if not isinstance(config, Mapping) or not {"name", "seed"} <= set(config):
        raise ConfigError(f"search.sampler needs the keys 'name' and 'seed', got {config!r}")
    name, seed = config["name"], config["seed"]
    if name not in SAMPLERS:
        raise ConfigError(f"search.sampler.name is '{name}': {did_you_mean(str(name), SAMPLERS)}")
    if not is_whole(seed):
        raise ConfigError(f"search.sampler.seed must be a whole number, got {seed!r}")
    arguments = {key: value for key, value in config.items() if key not in ("name", "seed")}
    known: list[str] = []
    if name in _OPTUNA:
        known = [key for key in inspect.signature(_OPTUNA[name]).parameters if key != "seed"]
    check_keys("search.sampler", arguments, known)
    if name == "cma_es" and n_objectives > 1:
        raise ConfigError("search.sampler.name is 'cma_es', which takes a single objective")
    if name == "cma_es" and find_spec("cmaes") is None:
        raise ConfigError("search.sampler.name is 'cma_es', which needs the package cmaes")
    if name in _OPTUNA:
        try:
            PerTrialSampler(_OPTUNA[name], arguments, seed, None).inner(0)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"search.sampler refuses its arguments: {error}") from error


def make_sampler(config: Mapping[str, Any], space: Space, first: Params | None) -> BaseSampler:
    """Return the sampler of a search, whose configuration was checked.

    Raises:
        ConfigError: A grid of what cannot be counted.
    """
    name, seed = config["name"], config["seed"]
    if name == "random":
        return RandomSearch(space, first, seed)
    if name == "grid":
        for entry in space.entries:
            if entry.cardinality is None:
                raise ConfigError(
                    f"search.sampler.name is 'grid', but the values of '{entry.key}' cannot be "
                    f"counted ({entry.describe()}): write choice(...) or range(...)"
                )
        return GridSearch(space, first)
    arguments = {key: value for key, value in config.items() if key not in ("name", "seed")}
    if name == "cma_es":
        arguments.setdefault("warn_independent_sampling", False)
    return PerTrialSampler(_OPTUNA[name], arguments, seed, first)


def most_trials(config: Mapping[str, Any], space: Space) -> int | None:
    """Return how many different trials a sampler has; None for no limit."""
    return space.cardinality if config["name"] in ("random", "grid") else None
