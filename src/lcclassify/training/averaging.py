"""Weights averaged over the last part of a fit, which is what it is judged by and leaves."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class AveragedWeights(WeightAveraging):
    """Averages the weights after every step, the last steps counting most.

    A plain mean of all steps until there are as many as `share` of the whole fit has, and an
    exponential one with that many steps as its time constant from then on. Validation sees the
    averaged weights, and checkpoints have them under ``state_dict`` beside those that
    training resumes from. Buffers, such as the statistics of a batch normalisation, are the
    latest ones.

    Args:
        share: Share of the fit's steps that are averaged, above 0 and at most 1.

    References:
        Polyak & Juditsky 1992, SIAM J. Control Optim. 30, 838; Izmailov et al. 2018,
        arXiv:1803.05407.
    """

    def __init__(self, share: float) -> None:
        super().__init__(use_buffers=False, multi_avg_fn=self._average)
        self.share = share
        self._least = 1.0  # weight of the latest step once the time constant is reached

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin with the weights as they are, on the device that the fit computes on."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the fit's steps."""
        self._least = 1 / max(self.share * float(trainer.estimated_stepping_batches), 1.0)

    @torch.no_grad()
    def _average(self, averaged: list[Any], current: list[Any], n_averaged: Tensor | int) -> None:
        weight = max(self._least, 1 / (int(n_averaged) + 1))
        for mean, latest in zip(averaged, current, strict=True):
            mean.lerp_(latest, weight)
