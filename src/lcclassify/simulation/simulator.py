"""The simulated survey: any objects by their ids, each the same wherever it is made."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.simulation.cadence import CadenceSettings, simulate_fields
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.photoz import HostSettings
from lcclassify.simulation.population import Population
from lcclassify.simulation.selection import Found, Wanted, find, typical_noise
from lcclassify.simulation.tables import Chunk, make_tables

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Ids from here on are of the spectroscopic training set, those below of the survey at large.
FIRST_TRAINING_ID: Final = 1_000_000_000

CHUNK_SIZE: Final = 8192  # objects; some 1.1 million observations


def wide_ids(count: int, first: int = 0) -> IntArray:
    """Return ids of the survey at large, ``(count,)``, from the position `first` on."""
    return np.arange(1 + first, 1 + first + count)


def training_ids(count: int, first: int = 0) -> IntArray:
    """Return ids of the spectroscopic training set, ``(count,)``, likewise."""
    return FIRST_TRAINING_ID + np.arange(first, first + count)


class Simulator:
    """A survey of any number of objects.

    What an object is depends on (settings, seed, object id) alone. Its class is drawn first;
    then its parameters are drawn until the survey finds it and, if it belongs to the training
    set, until it gets a spectrum. Thus the classes have the stated shares, and the
    distributions of redshift and brightness follow from the selection.

    Args:
        classes: Population by PLAsTiCC's class number; 991 to 994 are parts of class 99.
        cadence: When the telescope looks where, and how deep.
        seed: Of everything random.
        hosts: How well redshifts of hosts are known; None for the defaults.

    Raises:
        ConfigError: There is no class, its name is no number, or none has a share.
    """

    def __init__(
        self,
        classes: Mapping[str, Population],
        cadence: CadenceSettings,
        seed: int = 0,
        hosts: HostSettings | None = None,
    ) -> None:
        self.classes = {str(name): population for name, population in classes.items()}
        for name in self.classes:
            if not name.isdecimal():
                raise ConfigError(f"classes are named by PLAsTiCC's numbers, got '{name}'")
        self.cadence = cadence
        self.seed = seed
        self.hosts = hosts or HostSettings()
        self._targets = np.array([int(name) for name in self.classes], dtype=np.int64)
        self._wide = self._cumulative("fraction")
        self._training = self._cumulative("training_fraction")
        self.fields = simulate_fields(cadence, seed)
        self._noise_level = typical_noise(self.fields)

    def make(self, ids: IntArray) -> Chunk:
        """Return the objects with these ids.

        Args:
            ids: ``(n,)`` distinct positive ids; those from `FIRST_TRAINING_ID` on are of the
                training set.

        Raises:
            ConfigError: Objects of a class are never found.
        """
        found = [one for batches in self.find(ids).values() for one in batches]
        targets = self._targets[self._class_index(ids)]
        return make_tables(ids, targets, ids >= FIRST_TRAINING_ID, found, self.fields, self.hosts)

    def find(self, ids: IntArray) -> dict[str, list[Found]]:
        """Return the same objects by class, with the parameters of their sources."""
        draws, index, training = self._draws(ids), self._class_index(ids), ids >= FIRST_TRAINING_ID
        found: dict[str, list[Found]] = {}
        for number, (name, population) in enumerate(self.classes.items()):
            rows = np.flatnonzero(index == number)
            if len(rows):
                wanted = Wanted(rows, draws.take(rows), training[rows])
                batches = find(
                    name, population, wanted, self.fields, self._noise_level, self.cadence.span
                )
                found[name] = list(batches)
        return found

    def ids_of(self, name: str, count: int) -> IntArray:
        """Return the first ids of objects of a class, of the survey at large if it has any.

        Raises:
            ConfigError: There is no such class, or it has no share.
        """
        if name not in self.classes:
            raise ConfigError(f"there is no class '{name}': {did_you_mean(name, self.classes)}")
        population = self.classes[name]
        if not population.fraction and not population.training_fraction:
            raise ConfigError(f"class {name} has no share of the survey")
        number = list(self.classes).index(name)
        make = wide_ids if population.fraction else training_ids
        found = np.zeros(0, dtype=np.int64)
        first, size = 0, 65_536
        while len(found) < count:
            ids = make(size, first)
            found = np.concatenate([found, ids[self._class_index(ids) == number]])
            first += size
        return found[:count]

    def _draws(self, ids: IntArray) -> Draws:
        return Draws.of(self.seed, ids)

    def _class_index(self, ids: IntArray) -> IntArray:
        """Return the position of each object's class, ``(n,)``."""
        uniform = self._draws(ids).uniform("class")
        return np.where(
            ids >= FIRST_TRAINING_ID,
            np.searchsorted(self._training, uniform),
            np.searchsorted(self._wide, uniform),
        )

    def chunks(
        self, ids: IntArray, size: int = CHUNK_SIZE, workers: int | None = None
    ) -> Iterator[Chunk]:
        """Yield the objects in chunks, in the order of the ids.

        Args:
            ids: ``(n,)`` object ids.
            size: Objects of a chunk; changes speed and memory, not the result.
            workers: Threads that make chunks ahead; None for one a core.

        Raises:
            ConfigError: Objects of a class are never found.
        """
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]
        workers = workers or os.cpu_count() or 1
        waiting: deque[Future[Chunk]] = deque()
        with ThreadPoolExecutor(max(1, workers)) as pool:
            try:
                for part in parts:
                    waiting.append(pool.submit(self.make, part))
                    if len(waiting) > workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _cumulative(self, which: str) -> FloatArray:
        shares = np.array([getattr(one, which) for one in self.classes.values()])
        if not shares.sum() > 0:
            raise ConfigError(f"a simulated survey needs a class with a {which} above 0")
        cumulative: FloatArray = np.cumsum(shares / shares.sum())
        # Rounding must not leave a number beyond the last class.
        cumulative[cumulative > 1 - 1e-12] = 1.0
        return cumulative
