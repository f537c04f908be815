"""Silences what Lightning says once a fit and is beside the point here."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Final

from lightning.pytorch import Callback

# Said once a fit, and beside the point for tensors in memory or a run that trains
# dozens of small networks.
_BESIDE_THE_POINT: Final = (
    ".*does not have many workers.*",
    ".*number of training batches.*smaller than the logging interval.*",
    ".*Checkpoint directory.*exists and is not empty.*",
    ".*treespec, LeafSpec.*",
    ".*No positive samples.*",
    ".*`isinstance\\(treespec.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*Total length of `(DataLoader|list)` across ranks is zero.*",
    ".*GPU available but not used.*",
    ".*lr_scheduler.step\\(\\)` before `optimizer.step\\(\\)`.*",
)


def hush() -> None:
    """Silence it, for as long as the caller's `warnings.catch_warnings` lasts."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for pattern in _BESIDE_THE_POINT:
        warnings.filterwarnings("ignore", pattern)


class HushedProcesses(Callback):
    """Silences a spawned process as soon as it is handed its trainer.

    Filters and log levels are not passed on to it, and Lightning's first words come
    before any hook of a callback; unpickling comes before them.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {"hushed": True}

    def __setstate__(self, state: dict[str, Any]) -> None:
        hush()
