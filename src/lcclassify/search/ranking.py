"""The order of a search's trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from optuna.trial import FrozenTrial, TrialState

ORDER: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def ranked(trials: Iterable[FrozenTrial], directions: Sequence[str]) -> list[FrozenTrial]:
    """Return the trials, complete ones best first by the first objective, then the others."""
    sign = -1 if directions[0] == "maximize" else 1

    def key(trial: FrozenTrial) -> tuple[int, float, int]:
        place = ORDER.index(trial.state) if trial.state in ORDER else len(ORDER)
        values = trial.values if trial.state == TrialState.COMPLETE else None
        return place, sign * values[0] if values else 0.0, trial.number

    return sorted(trials, key=key)


def complete(trials: Iterable[FrozenTrial], directions: Sequence[str]) -> list[FrozenTrial]:
    """Return the complete trials, best first."""
    return [t for t in ranked(trials, directions) if t.state == TrialState.COMPLETE]
