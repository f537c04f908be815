"""What `--help` shows: a command's purpose, its groups with their choices, and its own settings.

Hydra's help composes the configuration and prints all of it, some 1,500 lines for `train.py`;
`--cfg job` does so as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile
from typing import Any, Final

import yaml

from lcclassify.build import config_dir

OTHER_CONFIG: Final = ("-cn", "--config-name", "-cp", "--config-path")  # take another than ours
_FOREIGN: Final = (*OTHER_CONFIG, "-cd", "--config-dir")
_FLAGS: Final = {"-h", "--help"}
_INDENT: Final = "  "
_HANGING: Final = 16  # columns before a group's choices
_WIDTH: Final = 98


def is_asked_for(words: Sequence[str]) -> bool:
    """Tell whether a command line asks for this help; that of other configurations is Hydra's."""
    return bool(_FLAGS & set(words)) and not any(word.startswith(_FOREIGN) for word in words)


def help_text(command: str, program: str) -> str:
    """Return the help of a command.

    Args:
        command: Name of its configuration, such as ``train``.
        program: How the user called it, such as ``python train.py``.
    """
    file = config_dir() / f"{command}.yaml"
    text = file.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    chosen = set(_groups_of(content))
    inner = _inside(chosen) - chosen
    parts = [content["hydra"]["help"]["header"].rstrip()]
    for title, wanted in (
        ("Choices, as group=choice", chosen),
        ("Choices inside those, as group@place=choice", inner),
    ):
        if wanted:
            parts.append(_section(title, [_listed(name) for name in sorted(wanted)]))
    parts.append(_section("Settings, as key=value, with what they are by default", _settings(text)))
    more = [f"{program} --cfg job shows all keys that can be set, also those of the choices"]
    if chosen:
        more.append("... --cfg job -p survey shows those of one of them")
    parts.append("\n".join(more))
    return "\n\n".join(parts)


def _groups_of(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the groups of which a YAML takes a choice, but for Hydra's own."""
    for entry in content.get("defaults", ()):
        if isinstance(entry, dict):
            (name,) = entry
            if not name.startswith(("override ", "optional ")):
                yield name.partition("@")[0]


def _inside(groups: Iterable[str]) -> set[str]:
    """Return the groups of which choices of other groups take one, at any depth."""
    found: set[str] = set()
    waiting = list(groups)
    while waiting:
        for file in (config_dir() / waiting.pop()).glob("*.yaml"):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            named = {name[1:] for name in _groups_of(content or {}) if name.startswith("/")}
            waiting.extend(named - found)
            found |= named
    return found


def _listed(group: str) -> str:
    choices = sorted(file.stem for file in (config_dir() / group).glob("*.yaml"))
    line = textwrap.fill(", ".join(choices), _WIDTH - _HANGING, break_on_hyphens=False)
    return f"{group:<{_HANGING - 1}} {textwrap.indent(line, ' ' * _HANGING).lstrip()}"


def _settings(text: str) -> list[str]:
    """Return the lines of a YAML between its list of defaults and Hydra's own settings."""
    lines = text.splitlines()
    end = next(n for n, line in enumerate(lines) if line.startswith("hydra:"))
    after = lines[lines.index("defaults:") + 1 : end]
    settings = dropwhile(lambda line: not line or line.startswith(" "), after)
    return "\n".join(settings).rstrip().split("\n")


def _section(title: str, lines: Sequence[str]) -> str:
    body = textwrap.indent("\n".join(lines), _INDENT)
    return f"{title}:\n\n{body}"
