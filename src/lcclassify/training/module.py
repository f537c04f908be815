"""The one LightningModule: it trains any network from batches to logits."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from lcclassify.build import instantiate
from lcclassify.schema import Batch, PlainConfig
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import Schedule


class ClassifierModule(LightningModule):
    """Trains a network with any loss and any `torch.optim` optimiser.

    Args:
        network: Called with a `Batch`, returns logits ``(N, K)``.
        loss: Called with logits and targets, returns a scalar.
        optimizer: Plain configuration with `_target_`; parameters come from here.
        schedule: The learning rate's course.
        n_classes: K.
        seed: Seed of dropout and noise; each epoch has its own, so that a resumed
            fit continues as the uninterrupted one would.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        optimizer: PlainConfig,
        schedule: Schedule,
        n_classes: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.optimizer_config = optimizer
        self.schedule = schedule
        self.seed = seed
        self.accuracy = MulticlassAccuracy(num_classes=n_classes, average="micro")

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the epoch's dropout and noise.

        Not in `on_train_epoch_start`, which Lightning leaves out in the first epoch
        after it went on from a checkpoint.
        """
        if batch_idx == 0:
            torch.manual_seed(
                derive_seed(self.seed, "epoch", self.current_epoch, "rank", self.global_rank)
            )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's loss."""
        loss: Tensor = self.loss(self.network(batch), batch.targets)
        rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        size, shared = len(batch.targets), self.trainer.world_size > 1
        for name, value in (("train/loss", loss), ("lr", rate)):
            self.log(name, value, on_step=False, on_epoch=True, batch_size=size, sync_dist=shared)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log a validation batch's loss and accuracy; return its probabilities ``(N, K)``."""
        logits = self.network(batch)
        size = len(batch.targets)
        shared = self.trainer.world_size > 1
        self.log("val/loss", self.loss(logits, batch.targets), batch_size=size, sync_dist=shared)
        probabilities = torch.softmax(logits, dim=1)
        self.accuracy(probabilities, batch.targets)
        self.log("val/accuracy", self.accuracy, batch_size=size)
        return probabilities

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimiser over what has a gradient, and its schedule."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = instantiate(self.optimizer_config, parameters)
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule.factor(total))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
