"""What is wrong with a command line, in one sentence each: Hydra's errors in the user's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    KeyValidationError,
    OmegaConfBaseException,
)

from lcclassify.build import config_dir
from lcclassify.errors import LcclassifyError, did_you_mean

# Mappings to which a command may add names of its own.
_OPEN = ("survey.metadata", "survey.class_map")
# Groups that have no key before one of their choices is made.
_GROUPS = {"train": ("survey", "experiment", "search"), "report": (), "export": ()}


def is_null_choice(error: ValueError) -> bool:
    """Tell whether an error is Hydra's of a group set to null, a plain one without fields."""
    return str(error).startswith("Config group override must be")


def sentence(error: Exception, command: str) -> str:
    """Return one sentence about an error.

    Args:
        error: Of ours, of Hydra, OmegaConf or the system.
        command: Name of the command's configuration, such as ``train``.
    """
    text = str(error)
    if isinstance(error, LcclassifyError):
        return text
    if isinstance(error, MissingConfigException):
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        if group and error.options:
            return f"{group} has no choice '{choice}': {did_you_mean(choice, error.options)}"
    elif isinstance(error, OSError):
        if isinstance(error, FileExistsError | NotADirectoryError):
            return f"'{error.filename}' is a file, and a folder is needed there"
        where = f": '{error.filename}'" if error.filename else ""
        return f"{error.strerror or text}{where}"
    if isinstance(error, OverrideParseException):
        return _unparsed(error.override)
    if isinstance(error, ValueError) and is_null_choice(error):
        return "a choice cannot be null: name one, such as survey=plasticc"
    cause = error.__cause__
    key = re.search(r"Could not override '(.+?)'", text)  # in no field
    if key and isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _no_key(key[1], str(cause.full_key), command)
    if any(isinstance(one, KeyValidationError) for one in (error, cause)):
        found = re.search(r"override (\S+?)=", text)
        return (
            f"null is no key of {found[1] if found else 'a mapping'}: a name that is called so "
            'stands in quotes, as in "null": a, which only a YAML can have'
        )
    return " ".join(text.split())


def _unparsed(word: str) -> str:
    """Return what is to be done about a word that Hydra cannot parse."""
    key, equals, value = word.partition("=")
    if not equals:
        return f"'{word}' cannot be read: a setting is KEY=VALUE"
    if value.startswith(("{", "[")) and value.endswith(("}", "]")):
        return (
            f"'{word}' cannot be read as a list or mapping: keys stand without quotes, "
            'and values with blanks or brackets in quotes, as in {SN Ib/c: SN Ibc, x: "a [b]"}'
        )
    quoted = value.replace("'", "\\'")
    return (
        f"'{word}' cannot be read: a value with blanks, brackets, '=' or the like stands in quotes "
        f"within quotes for the shell: \"{key}='{quoted}'\""
    )


def _no_key(key: str, absent: str, command: str) -> str:
    """Return why a key cannot be set, of which a part is absent, and the nearest that can."""
    if absent == "survey" and key != absent:
        return f"'{key}' needs a survey: choose one, such as survey=snphotcc"
    # Hydra first composes without what is swept over, such as another model.
    sweep = {"-m", "--multirun"} & set(sys.argv)
    parts = key.split(".")
    if parts[0] == "search" and len(parts) == 2:
        return _no_search_key(key, parts[1])
    where = absent.rpartition(".")[0]
    if where in _OPEN and (key in (absent, where)):
        added = f"+{absent}=... adds one, {where}.NAME=null leaves one out"
        return f"'{key}' cannot be set: {_nearest(absent.split('.'), command)}; {added}"
    hint = f"; where only a swept choice has it: ++{key}=..." if sweep else _chosen_by(parts[0])
    if any(re.match(r"resume=(?!null$)", word) for word in sys.argv):
        hint = "; a run that is resumed keeps the settings it was begun with"
    return f"'{key}' cannot be set: {_nearest(parts, command)}{hint}"


def _chosen_by(group: str) -> str:
    """Say which experiment chooses a group, if one does that the command does not name itself."""
    chosen = [word for word in sys.argv if word.startswith("experiment=")]
    named = any(word.startswith(f"{group}=") for word in sys.argv)
    if not chosen or named or group not in ("augment", "model"):
        return ""
    return f"; {group} is what {chosen[-1]} chooses"


def _no_search_key(key: str, name: str) -> str:
    from lcclassify.search.settings import KEYS

    if name in KEYS and any(word.startswith("search=") for word in sys.argv):
        return (
            f"'{key}' cannot be replaced as a whole: set its keys one by one, and add "
            f"those it does not have, as in {key}.name=... +{key}.KEY=..."
        )
    if name in KEYS:
        return f"'{key}' needs a search: choose one, such as search=dense"
    return f"'{key}' cannot be set: search has no key '{name}': {did_you_mean(name, KEYS)}"


def _nearest(parts: Sequence[str], command: str) -> str:
    """Return which part of a key there is not, and what there is instead."""
    found = _composed(command, parts[0])
    where = "the configuration"
    for number, part in enumerate(parts):
        if not isinstance(found, Mapping):
            return f"{where} has no keys of its own"
        if part not in found:
            known = [str(name) for name in found if name != "hydra"]
            if number == 0:
                known += [name for name in _GROUPS.get(command, ("survey",)) if name not in known]
            return f"{where} has no key '{part}': {did_you_mean(part, known)}"
        found, where = found[part], ".".join(parts[: number + 1])
    return "the configuration has no such key (--cfg job shows it all)"


def _composed(command: str, group: str) -> object:
    """Return the configuration with the choices of the command line that can be made.

    Args:
        command: Name of the command's configuration.
        group: What is looked at; the rest need not be as chosen.
    """
    words = [word for word in sys.argv[1:] if "=" in word and not word.startswith("-")]
    choices = [word for word in words if "." not in word.partition("=")[0]]
    others = [word for word in choices if not word.startswith("survey=")]
    if group != "survey" and (command == "train" or others != choices):
        choices = [*others, "survey=table"]  # the simulated one's populations take most of the time
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for overrides in (choices, []):
            try:
                return OmegaConf.to_container(compose(command, overrides))
            except (HydraException, OmegaConfBaseException):
                continue
    return {}
