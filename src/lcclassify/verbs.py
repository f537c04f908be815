"""The one command: `lcclassify VERB ...` finds the verb and hands the other words over.

Nothing but the standard library is imported before a verb is chosen, so that the list of verbs
is there at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from lcclassify.errors import did_you_mean

# Each is a function of lcclassify.cli and a file of conf/.
VERBS: Final = {
    "train": "trains, stacks and evaluates an ensemble, and writes a bundle",
    "predict": "classifies a survey's objects with a bundle",
    "prepare": "writes a survey's features and sequences to files",
    "simulate": "writes a simulated survey as PLAsTiCC's files",
    "report": "writes the results of a run or a prediction as one HTML file",
    "explain": "shows what decided about one object",
    "export": "writes a bundle's classifier as an ONNX model",
}

_EXIT_ERROR: Final = 1


def main(words: Sequence[str] | None = None) -> None:
    """Entry point of `lcclassify` and `python -m lcclassify`.

    Args:
        words: The verb and what follows it; None for the command line.
    """
    words = sys.argv[1:] if words is None else words
    if not words or words[0] in ("-h", "--help", "help"):
        _print(_listed())
    elif words[0] == "--version":
        from lcclassify import __version__

        print(f"lcclassify {__version__}")
    elif words[0] in VERBS:
        # Hydra reads the words from there, and messages the name of the program.
        sys.argv = [f"lcclassify {words[0]}", *words[1:]]
        getattr(import_module("lcclassify.cli"), words[0])()
    else:
        known = did_you_mean(words[0], VERBS)
        print(f"error: lcclassify has no verb '{words[0]}': {known}", file=sys.stderr)
        sys.exit(_EXIT_ERROR)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # such as by `| head -1`; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _listed() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:{width}}  {what}" for verb, what in VERBS.items()]
    return "\n".join(
        [
            "lcclassify VERB [KEY=VALUE ...]",
            "",
            *lines,
            "",
            "lcclassify VERB --help shows what can be set.",
        ]
    )
