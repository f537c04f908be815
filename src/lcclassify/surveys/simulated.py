"""A simulated LSST in PLAsTiCC's form: no download, any size, the truth known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.checks import check_choice, check_whole
from lcclassify.codestamp import code_stamp
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import LABEL, OBJECT_ID, SUBSET
from lcclassify.simulation.cadence import CadenceSettings
from lcclassify.simulation.description import describe
from lcclassify.simulation.passbands import ZEROPOINT
from lcclassify.simulation.photoz import HostSettings
from lcclassify.simulation.population import Population
from lcclassify.simulation.simulator import CHUNK_SIZE, Simulator, training_ids, wide_ids
from lcclassify.simulation.tables import TARGET
from lcclassify.surveys import cache, options
from lcclassify.surveys.base import MemorySurvey
from lcclassify.surveys.plasticc import METADATA, UNKNOWN, PlasticcSurvey
from lcclassify.terminal import tracked

PARTS: Final = ("both", "train", "test")
_CATALOGUE: Final = (
    "ra",
    "decl",
    "gal_l",
    "gal_b",
    "ddf",
    "hostgal_specz",
    "hostgal_photoz",
    "hostgal_photoz_err",
    "distmod",
    "mwebv",
)


# Readable names of the classes, the four parts of 99 among them.
CLASS_NAMES: Final[Mapping[str, str]] = {
    **PlasticcSurvey.taxonomy.names,
    "991": "Binary-lens microlensing",
    "992": "Intermediate-luminosity transient",
    "993": "Calcium-rich transient",
    "994": "Pair-instability SN",
}


class SimulatedSurvey(MemorySurvey):
    """Three years of an LSST-like survey, simulated.

    Its spectroscopic training objects are brighter and nearer than the survey at large, and
    lack the four classes that are 99, unknown. What comes out for an object depends on the
    seed, its id and the settings of classes and cadence, not on how many others there are.

    Args:
        classes: Population by PLAsTiCC's class number; 991 to 994 count as 99.
        cadence: When the telescope looks where, and how deep.
        hosts: How well redshifts of hosts are known.
        part: ``both`` marks training, held-out and test objects as such; ``train`` has the
            training objects alone, ``test`` the survey at large alone, neither marked.
        training: Number of spectroscopic training objects.
        held_out: Number of further ones like them that are held out.
        test: Number of objects of the survey at large.
        first: Position of the first object of each kind: another slice of the same sky.
        seed: Of the sky.
        metadata: Columns of the catalogue that become inputs.
        workers: Threads; None for one a core.
        cache_dir: Where the simulated tables are kept; None simulates every time.

    Raises:
        ConfigError: An option is unknown or impossible.
    """

    name = "simulated"
    redshift = "hostgal_photoz"
    spectroscopic_redshift = "hostgal_specz"
    zeropoint = ZEROPOINT
    passbands = PlasticcSurvey.passbands
    taxonomy = PlasticcSurvey.taxonomy

    def __init__(
        self,
        classes: Mapping[str, Population],
        cadence: CadenceSettings,
        hosts: HostSettings,
        part: str = "both",
        training: int = 4000,
        held_out: int = 1000,
        test: int = 10000,
        first: int = 0,
        seed: int = 0,
        metadata: Sequence[str] | None = METADATA,
        workers: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.part = check_choice("survey.part", part, PARTS)
        self.training = check_whole("survey.training", training)
        self.held_out = check_whole("survey.held_out", held_out)
        self.test = check_whole("survey.test", test)
        self.first = check_whole("survey.first", first)
        self.seed = check_whole("survey.seed", seed)
        self.workers = None if workers is None else check_whole("survey.workers", workers, 1)
        self.metadata = options.words(metadata, "survey.metadata")
        for column in self.metadata:
            if column not in _CATALOGUE:
                raise ConfigError(
                    f"survey.metadata cannot contain '{column}': {did_you_mean(column, _CATALOGUE)}"
                )
        known = {*self.taxonomy.classes, *UNKNOWN}
        for label in classes:
            if str(label) not in known:
                raise ConfigError(
                    f"survey.classes has no class '{label}': {did_you_mean(str(label), known)}"
                )
        self.classes = {str(label): population for label, population in classes.items()}
        self.cadence = cadence
        self.hosts = hosts
        if not sum(len(ids) for ids in self._ids().values()):
            raise ConfigError(f"a simulated survey of part '{self.part}' needs at least one object")

    def _add_column(self, name: str) -> None:
        super()._add_column(check_choice("a column of survey=simulated", name, _CATALOGUE))

    def simulator(self) -> Simulator:
        """Return what makes the objects."""
        return Simulator(self.classes, self.cadence, self.seed, self.hosts)

    def tables(self, labels: bool, lenient: bool) -> dict[str, pl.DataFrame]:
        """Simulate all objects, or return those of an earlier time from the cache."""
        return cache.kept(self.cache_dir, self.name, self.fingerprint(), self._simulate)

    def _simulate(self) -> dict[str, pl.DataFrame]:
        simulator = self.simulator()
        groups = self._ids()
        ids = np.concatenate(list(groups.values()))
        chunks = list(
            tracked(
                simulator.chunks(ids, workers=self.workers),
                total=-(-len(ids) // CHUNK_SIZE),
                description="simulating",
                unit="chunks",
            )
        )
        subset = np.repeat(np.array(list(groups)), [len(group) for group in groups.values()])
        objects = pl.concat(chunk.objects for chunk in chunks).with_columns(
            pl.Series(LABEL, pl.concat(chunk.truth for chunk in chunks)[TARGET])
            .cast(pl.String)
            .replace(dict.fromkeys(UNKNOWN, "99")),
            pl.Series(SUBSET, subset.tolist() if self.part == "both" else [None] * len(ids)).cast(
                pl.String
            ),
        )
        return {
            "observations": pl.concat(chunk.observations for chunk in chunks),
            "objects": objects.select(OBJECT_ID, LABEL, SUBSET, *self.metadata),
        }

    def fingerprint(self) -> dict[str, Any]:
        """Describe the settings that decide what `read` returns."""
        return {
            "survey": self.name,
            "code": code_stamp("simulation", "surveys", "tables"),
            "classes": {label: describe(one) for label, one in self.classes.items()},
            "cadence": describe(self.cadence),
            "hosts": describe(self.hosts),
            "part": self.part,
            "objects": {name: [len(ids), self.first] for name, ids in self._ids().items()},
            "seed": self.seed,
            "metadata": list(self.metadata),
        }

    def _ids(self) -> dict[str, NDArray[np.int64]]:
        """Return the ids of each group, those of the part alone."""
        groups = {}
        if self.part != "test":
            groups["train"] = training_ids(self.training, self.first)
        if self.part == "both":
            groups["held_out"] = training_ids(self.held_out, self.first + self.training)
        if self.part != "train":
            groups["test"] = wide_ids(self.test, self.first)
        return groups
