"""One fit of a member that is a network, trained with Lightning."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch

from lcclassify.nn.submodel import Submodel
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.fit import fit_network
from lcclassify.training.member_fit import MemberFit
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import MemberSettings
from lcclassify.training.streams import DrawnEpochs


@dataclass(frozen=True)
class NetworkFit(MemberFit):
    """One network of a member.

    Attributes:
        member: The network and its training.
    """

    member: MemberSettings

    def cost(self) -> float:
        """Return about how much there is to compute: rows read times parameters."""
        submodel = self._new_submodel()
        parameters = sum(parameter.numel() for parameter in submodel.parameters())
        nights = 1.0
        if "sequences" in submodel.reads and len(self.tensors):
            nights = float(self.tensors.lengths.double().mean())
        passes = 1 if self.stream is None else self.stream.passes
        return self.member.fit.epochs * passes * len(self.train_rows) * nights * parameters

    def _trained(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> Submodel:
        torch.manual_seed(derive_seed(self.seed, "initialisation"))
        submodel = self._new_submodel()
        epochs = validation = None
        if self.stream is not None:
            n_epochs = self.member.fit.epochs
            stream = self.stream.of(submodel.needs)
            stream = stream.of_fit(submodel.reads, n_epochs, len(self.train_rows))
            seed = derive_seed(self.seed, "draws")
            epochs = DrawnEpochs(stream, self.train_rows, seed, n_epochs)
            if len(self.validation_rows):
                # A few objects, drawn more often: they stand for many.
                seed = derive_seed(self.seed, "validation draws")
                validation = stream.sample(self.validation_rows, stream.passes, seed)
        fit_network(
            submodel,
            self._loss(),
            LightCurveDataModule(
                self.tensors,
                self.train_rows,
                self.validation_rows,
                self.member.fit.batch_size,
                self.seed,
                sequences="sequences" in submodel.reads,
                epochs=epochs,
                validation=validation,
            ),
            name=self.name,
            optimizer=self.member.optimizer,
            settings=self.member.fit,
            n_classes=len(self.class_weights),
            folder=self.folder,
            tensorboard=self.tensorboard,
            has_graph=self.has_graph,
            trainer_config=self.trainer,
            reporter=reporter,
            seed=self.seed,
            watcher=watcher,
            snapshot=self.snapshot,
        )
        return submodel.eval()

    def _new_submodel(self) -> Submodel:
        # Copies: members must not share modules that move between devices.
        transforms = deepcopy(self.transforms)
        return Submodel(
            self.member.network,
            features=transforms.features,
            context=transforms.context,
            sequences=transforms.sequences,
            n_classes=len(self.class_weights),
            max_length=self.max_length,
        )
