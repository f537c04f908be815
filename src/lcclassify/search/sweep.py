"""The loop of a search: words of the command line in, trials launched, results out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from optuna.trial import TrialState
from rich.text import Text

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.interrupts import interrupts_kept
from lcclassify.search.entries import Params
from lcclassify.search.experiment import shown
from lcclassify.search.fingerprint import fingerprint
from lcclassify.search.grammar import read_space
from lcclassify.search.job import reason_of
from lcclassify.search.keys import check_keys, lookup_in
from lcclassify.search.launching import REFUSALS, Surroundings, run_batch, run_in_processes
from lcclassify.search.memory import limited_memory
from lcclassify.search.results import show_results, write_results
from lcclassify.search.samplers import RandomSearch
from lcclassify.search.settings import SearchSettings
from lcclassify.search.space import Space
from lcclassify.search.study import REASON, SearchStudy
from lcclassify.terminal import working
from lcclassify.training.memory import is_out_of_memory

_CANDIDATES = 10  # configurations of which one at least must be accepted at the start


def run_search(around: Surroundings, arguments: Sequence[str]) -> None:
    """Run or resume a search, from the words of its command line, until it has all its trials.

    Raises:
        ConfigError: The space or a setting is invalid, or the folder has another search.
        TrainingError: No trial was completed.
        KeyboardInterrupt: The user stopped it.
    """
    words, space, settings = _read(around, arguments)
    check_keys(space, around.config, around.choices, around.loader.get_group_options)
    settings.check_run(around.config)
    first = _first(around, settings, space)
    _check_candidates(around, words, settings, space, first)
    around.folder.mkdir(parents=True, exist_ok=True)
    study = SearchStudy(around.folder, settings, space, fingerprint(around.config, space), first)
    size = space.cardinality
    begun = len(study.trials())
    around.say(
        Text.assemble(
            (f"search {settings.name}", "bold"),
            f": {study.total} trials",
            f", {begun} of them begun before" if begun else "",
            f", {settings.sampler['name']}, of ",
            "a continuous space" if size is None else f"{size:,} configurations",
            f", in {shown(around.folder)}",
        )
    )
    try:
        with interrupts_kept():
            n_jobs = settings.n_jobs or around.workers()
            if around.train is not None and n_jobs > 1:
                run_in_processes(around, study, words, n_jobs)
            else:
                while claims := study.ask(n_jobs):
                    run_batch(around, study, words, claims)
    except KeyboardInterrupt as stop:
        finished = sum(trial.state.is_finished() for trial in study.trials())
        write_results(study, figures=False)
        raise KeyboardInterrupt(
            f"interrupted after {finished} of {study.total} trials; the same command resumes"
        ) from stop
    with working(around.console, "drawing figures"):
        write_results(study, figures=True)
    show_results(around.console, study)
    trials = study.trials()
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        reasons = [str(t.user_attrs[REASON]) for t in trials if REASON in t.user_attrs]
        raise TrainingError(
            f"no trial of the search {settings.name} was completed; the first one: "
            f"{reasons[0] if reasons else 'another process trains it'}"
        )
    around.say(f"best: --config-dir {shown(around.folder)} experiment={settings.name}_best")


def _read(
    around: Surroundings, arguments: Sequence[str]
) -> tuple[list[str], Space, SearchSettings]:
    """Return the words that all trials share, the space and the settings."""
    parser = OverridesParser.create(config_loader=around.loader)
    search = around.config.get("search")
    settings = SearchSettings.from_config(search)
    search = dict(search) if isinstance(search, Mapping) else {}
    words: list[str] = []
    fixed: list[str] = []
    swept: list[Override] = []
    for word, override in zip(arguments, parser.parse_overrides(list(arguments)), strict=True):
        key = override.get_key_element().lstrip("+~")
        if not override.is_sweep_override():
            words.append(word)
            fixed.append(key)
        elif key.startswith(("search.space.", "search.layers.")):
            search = _with_text(search, key.split(".")[1:], override.get_value_string(), key)
        elif key.split(".")[0].split("@")[0] == "search":
            raise ConfigError(f"'{word}': what is searched cannot itself have several values")
        else:
            swept.append(override)
    space = read_space(search["space"] or {}, search["layers"] or {}, swept, fixed, around.loader)
    return words, space, settings


def _with_text(group: Mapping[str, Any], path: list[str], text: str, key: str) -> dict[str, Any]:
    """Return a nested mapping with one text changed."""
    inner = group.get(path[0])
    if len(path) == 1:
        return dict(group) | {path[0]: text}
    if inner is not None and not isinstance(inner, Mapping):
        raise ConfigError(f"'{key}' cannot be set: '{path[0]}' holds no keys")
    return dict(group) | {path[0]: _with_text(inner or {}, path[1:], text, key)}


def _first(around: Surroundings, settings: SearchSettings, space: Space) -> Params | None:
    if not settings.include_default:
        return None
    params, outside = space.default(lookup_in(around.config, around.choices))
    if outside:
        around.say(
            "  the configuration as it is will not be tried, because the space has other values "
            f"of {', '.join(outside)}"
        )
    return params


def _check_candidates(
    around: Surroundings,
    words: list[str],
    settings: SearchSettings,
    space: Space,
    first: Params | None,
) -> None:
    """Refuse a search none of whose configurations can be trained, as far as is known now.

    Single ones may be refused when their turn comes: they are recorded as failed.
    """
    candidates = RandomSearch(space, first, settings.sampler["seed"])
    size = space.cardinality
    refused: Exception | None = None
    for number in range(_CANDIDATES if size is None else min(_CANDIDATES, size)):
        chosen = space.words(candidates.configuration(number))
        try:
            with interrupts_kept(), limited_memory():  # a network is built to see whether it can be
                around.check(around.compose([*words, *chosen]))
        except REFUSALS as error:
            refused = refused or error
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            refused = refused or ConfigError(reason_of(error))
        else:
            return
    if refused is not None:
        raise refused
