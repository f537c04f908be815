"""What a search can optimise: names, directions and the epoch's metric that tells early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """A value of a finished training.

    Attributes:
        direction: "maximize" or "minimize".
        watched: Metric of each epoch that pruners are told; None if there is none.
        mode: The `stacking.mode` that it needs; None for any.
    """

    direction: Direction
    watched: str | None = None
    mode: str | None = None


def in_words(value: float) -> str:
    """Return an objective's value as tables show it: counts as whole numbers."""
    return f"{value:,.0f}" if value >= 1000 and value == int(value) else f"{value:.4f}"


# The scores of test objects are not here: a search that saw them would leave none to test on.
METRICS: Final = {
    "val/accuracy": Metric("maximize", "val/accuracy"),
    "val/loss": Metric("minimize", "val/loss"),
    "cv/accuracy": Metric("maximize", "val/accuracy", "oof"),
    "cv/balanced_accuracy": Metric("maximize", "val/accuracy", "oof"),
    "cv/macro_f1": Metric("maximize", "val/accuracy", "oof"),
    "cv/log_loss": Metric("minimize", "val/loss", "oof"),
    "cv/weighted_log_loss": Metric("minimize", "val/loss", "oof"),
    "seconds": Metric("minimize"),
    "parameters": Metric("minimize"),
}
