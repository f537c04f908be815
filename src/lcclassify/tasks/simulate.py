"""Writes a simulated survey as PLAsTiCC's files, for any tool to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from omegaconf import DictConfig

from lcclassify.build import instantiate
from lcclassify.checks import check_flag
from lcclassify.errors import ConfigError, OutputError
from lcclassify.files import new_folder, unwritable
from lcclassify.simulation.simulator import CHUNK_SIZE, training_ids, wide_ids
from lcclassify.surveys.origin import write_origin
from lcclassify.surveys.plasticc_writer import PlasticcWriter
from lcclassify.surveys.simulated import SimulatedSurvey
from lcclassify.tasks.surveying import output_of, require
from lcclassify.terminal import say, tracked

_MANDATORY = {"output": "the folder to write to, such as output=simulated"}


@dataclass(frozen=True)
class SimulateResult:
    """What a simulation left behind.

    Attributes:
        output: Folder of the files.
        files: The files.
        n_objects: Objects written.
        n_observations: Observations written.
        elapsed: Seconds.
    """

    output: Path
    files: tuple[Path, ...]
    n_objects: int
    n_observations: int
    elapsed: float


def simulate(cfg: DictConfig) -> SimulateResult:
    """Simulate a survey's training and test objects and write them.

    Memory does not grow with the number of objects: chunks are made by several threads and
    written as they come. The folder appears when everything is in it.

    Args:
        cfg: `conf/simulate.yaml`, composed.

    Raises:
        ConfigError: A key is missing, or a value invalid.
        OutputError: The folder cannot be written to, or holds files already.
    """
    begin = perf_counter()
    require(cfg, _MANDATORY)
    survey = instantiate(cfg.survey)
    if not isinstance(survey, SimulatedSurvey):
        raise ConfigError(f"survey={survey.name} cannot be simulated: take survey=simulated")
    if survey.held_out:
        raise ConfigError(
            f"survey.held_out is {survey.held_out}, but PLAsTiCC's files know training and test "
            "objects only: set it to 0"
        )
    check_flag("gallery", cfg.gallery)
    groups = {
        "train": training_ids(survey.training, survey.first),
        "test": wide_ids(survey.test, survey.first),
    }
    groups = {
        part: ids for part, ids in groups.items() if len(ids) and survey.part in (part, "both")
    }
    simulator = survey.simulator()
    n_observations = 0
    output = output_of(cfg)
    with _appearing(output) as folder:
        for part, ids in groups.items():
            with PlasticcWriter(
                folder, part, cfg.naming, cfg.format, len(ids), cfg.objects_per_file
            ) as writer:
                chunks = simulator.chunks(ids, workers=survey.workers)
                for chunk in tracked(
                    chunks, -(-len(ids) // CHUNK_SIZE), f"simulating {part}", "chunks"
                ):
                    writer.write(chunk)
                    n_observations += len(chunk.observations)
        write_origin(folder)
        if cfg.gallery:
            from lcclassify.tasks.gallery import draw_gallery

            draw_gallery(simulator, folder / "gallery.png")
    result = SimulateResult(
        output=output,
        files=tuple(sorted(output.iterdir())),
        n_objects=sum(len(ids) for ids in groups.values()),
        n_observations=n_observations,
        elapsed=perf_counter() - begin,
    )
    _say(result)
    return result


@contextmanager
def _appearing(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` that takes its name when all is written."""
    if output.exists() and not output.is_dir():
        raise OutputError(f"output='{output}' must be a folder, but it is a file")
    try:
        if output.is_dir() and any(output.iterdir()):
            raise OutputError(
                f"output='{output}' holds files already, and those of two surveys must not mix: "
                "name another folder"
            )
        with new_folder(output) as partial:
            yield partial
    except OSError as error:
        raise unwritable(output, error) from error


def _say(result: SimulateResult) -> None:
    rate = result.n_objects / result.elapsed
    for text in (
        f"{result.n_objects:,} objects, {result.n_observations:,} observations in "
        f"{result.elapsed:.1f} s ({rate:,.0f} objects/s):",
        *(f"  {path}" for path in result.files),
    ):
        say(text)
