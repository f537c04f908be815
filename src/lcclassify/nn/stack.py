"""Stacking heads over the members' probabilities, and the whole ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import torch
from torch import Tensor, nn

from lcclassify.checks import check_choice, check_complete
from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_head
from lcclassify.nn.calibration import Calibration
from lcclassify.nn.conformal import PredictionSets
from lcclassify.nn.layers import DenseStack, check_units, dense
from lcclassify.nn.redshift import RedshiftEstimator
from lcclassify.nn.submodel import Submodel
from lcclassify.nn.unknown import UnknownDetector
from lcclassify.schema import Batch, PlainConfig

# A member that is wholly sure of a wrong class must not silence all others.
PROBABILITY_FLOOR: Final = 1e-9


class StackingHead(nn.Module):
    """Dense layers over the concatenated probabilities of all members.

    Args:
        n_members: M.
        n_classes: K.
        units: Width of each hidden layer; the paper has one of 10.
        activation: One of `lcclassify.nn.layers.ACTIVATIONS`.
        inputs: ``probabilities`` (the paper) or ``log_probabilities``.

    Raises:
        ConfigError: A value is invalid or unknown.

    References:
        Chaini & Kumar 2020, arXiv:2006.12333.
    """

    def __init__(
        self,
        n_members: int,
        n_classes: int,
        *,
        units: Sequence[int] = (10,),
        activation: str = "relu",
        inputs: str = "probabilities",
    ) -> None:
        super().__init__()
        self.n_members = n_members
        self.n_classes = n_classes
        self.units = check_units("units", units)
        self.activation = activation
        self.inputs = check_choice("inputs", inputs, ("probabilities", "log_probabilities"))
        self.hidden = DenseStack(n_members * n_classes, self.units, activation=activation)
        self.output = dense(self.hidden.n_out, n_classes)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of member probabilities ``(N, M, K)``."""
        values = probabilities
        if self.inputs == "log_probabilities":
            values = log_probabilities(probabilities)
        values = values.flatten(1).to(self.output.weight.dtype)
        logits: Tensor = self.output(self.hidden(values))
        return logits

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `build_head` rebuilds this head."""
        return {
            "_target_": "lcclassify.nn.stack.StackingHead",
            "units": list(self.units),
            "activation": self.activation,
            "inputs": self.inputs,
        }


class LinearStackingHead(nn.Module):
    """A log-linear pool: logits are linear in the members' log-probabilities.

    It starts as the geometric mean of all members with equal weights, and every
    single member is a special case of it. Parameters are the differences from that
    start, so that a prior or weight decay draws towards the equal mean and not towards nothing.

    Args:
        n_members: M.
        n_classes: K.
        form: ``shared``: one weight a member for all classes and one bias a class,
            M + K parameters. ``full``: a ``(K, M K)`` matrix and the biases.

    Raises:
        ConfigError: The form is unknown.
    """

    def __init__(self, n_members: int, n_classes: int, *, form: str = "shared") -> None:
        super().__init__()
        self.n_members = n_members
        self.n_classes = n_classes
        self.form = check_choice("form", form, ("shared", "full"))
        shape = (n_members,) if form == "shared" else (n_classes, n_members, n_classes)
        self.weight_change = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of member probabilities ``(N, M, K)``."""
        logs = log_probabilities(probabilities).to(self.bias.dtype)
        if self.form == "shared":
            change = torch.einsum("nmk,m->nk", logs, self.weight_change)
        else:
            change = torch.einsum("nmk,jmk->nj", logs, self.weight_change)
        return logs.mean(1) + change + self.bias

    @torch.no_grad()
    def set_pool(self, change: Tensor, bias: Tensor) -> None:
        """Take fitted differences from the equal pool.

        Args:
            change: ``(K, M, K)``; of the form ``shared`` the same for all classes on the
                diagonal, and 0 beside it.
            bias: ``(K,)``.
        """
        self.weight_change.copy_(change if self.form == "full" else change[0, :, 0])
        self.bias.copy_(bias)

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `build_head` rebuilds this head."""
        return {"_target_": "lcclassify.nn.stack.LinearStackingHead", "form": self.form}


def log_probabilities(probabilities: Tensor) -> Tensor:
    """Return the logarithm, of no less than `PROBABILITY_FLOOR`."""
    return probabilities.clamp(min=PROBABILITY_FLOOR).log()


class EnsembleClassifier(nn.Module):
    """Frozen members and the head that combines their probabilities.

    A head that was trained out of fold has seen one network of each member at a time. Here
    it combines the members' networks of each round of training (a fold, or all objects with
    one seed) by themselves, and the rounds' results are averaged: what it is given is
    distributed as what it learned from.

    Args:
        members: M members, each a list of submodels, those of the first round first;
            a round may have several (of several seeds), which are averaged.
        head: A stacking head, or None for the arithmetic mean of the members.
        n_rounds: Number of folds, or of trainings on all objects; 1 where all of a
            member's submodels are averaged.
        calibration: The last step, after the rounds are averaged; None for none.
        redshift: What estimates redshifts that join the inputs of all members; None for
            nothing.
        unknown: Tells objects of no known class; None for nothing.
        sets: What prediction sets are made with; None for nothing.

    Raises:
        ConfigError: A member is empty or cannot be dealt out to the rounds, or members
            or head disagree about the number of classes or members.
    """

    def __init__(
        self,
        members: Sequence[Sequence[Submodel]],
        head: nn.Module | None,
        *,
        n_rounds: int = 1,
        calibration: Calibration | None = None,
        redshift: RedshiftEstimator | None = None,
        unknown: UnknownDetector | None = None,
        sets: PredictionSets | None = None,
    ) -> None:
        super().__init__()
        if not members or not all(len(replicas) for replicas in members):
            raise ConfigError("an ensemble needs at least one member, each of at least one network")
        if n_rounds < 1 or any(len(replicas) % n_rounds for replicas in members):
            counts = [len(replicas) for replicas in members]
            raise ConfigError(f"members of {counts} networks cannot be of {n_rounds} rounds each")
        self.n_rounds = n_rounds
        classes = {submodel.sizes.n_classes for replicas in members for submodel in replicas}
        if len(classes) != 1:
            raise ConfigError(
                f"members must have the same number of classes, got {sorted(classes)}"
            )
        self.n_classes = classes.pop()
        expected = (len(members), self.n_classes)
        if isinstance(head, StackingHead | LinearStackingHead):
            found = (head.n_members, head.n_classes)
            if found != expected:
                raise ConfigError(
                    f"the head combines {found[0]} members of {found[1]} classes, the ensemble "
                    f"has {expected[0]} of {expected[1]}"
                )
        self.members = nn.ModuleList([nn.ModuleList(replicas) for replicas in members])
        self.head = head
        self.calibration = calibration
        self.redshift = redshift
        self.unknown = unknown
        self.sets = sets
        for name, part in (("unknown", unknown), ("sets", sets)):
            if part is not None and part.n_classes != self.n_classes:
                raise ConfigError(
                    f"{name} is of {part.n_classes} classes, the members of {self.n_classes}"
                )
        if calibration is not None and len(calibration.log_ratios) != self.n_classes:
            raise ConfigError(
                f"the calibration is of {len(calibration.log_ratios)} classes, the members of "
                f"{self.n_classes}"
            )
        for parameter in self.members.parameters():
            parameter.requires_grad_(False)
        self.members.eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the head; the members always stay in eval mode."""
        super().train(mode)
        self.members.eval()
        return self

    @torch.no_grad()
    def round_probabilities(self, batch: Batch) -> Tensor:
        """Return ``(N, D, M, K) float64``: every member's probabilities in each of D rounds."""
        if self.redshift is not None:
            batch = self.redshift.joined(batch)
        members = []
        for replicas in self._replicas():
            each = torch.stack([submodel.predict_proba(batch) for submodel in replicas], dim=1)
            members.append(each.unflatten(1, (self.n_rounds, -1)).mean(2))  # type: ignore[no-untyped-call]
        return torch.stack(members, dim=2)

    def member_probabilities(self, batch: Batch) -> Tensor:
        """Return each member's probabilities ``(N, M, K) float64``, averaged over rounds."""
        return self.round_probabilities(batch).mean(1)

    def unknown_probabilities(
        self, features: Tensor, fraction: float | None = None
    ) -> Tensor | None:
        """Return the probability of no known class, ``(N,) float64``; None if none is told.

        Args:
            features: ``(N, F)`` raw ones, with or without estimated redshifts behind them.
            fraction: Share of unknown objects expected; None for the one fitted with.
        """
        return None if self.unknown is None else self.unknown(features, fraction)

    def combine(self, probabilities: Tensor, unknown: Tensor | None = None) -> Tensor:
        """Return the ensemble's ``(N, K) float64``.

        Args:
            probabilities: ``(N, D, M, K)`` of all rounds and members.
            unknown: ``(N,)`` what `unknown_probabilities` gave: classes without training
                objects have it then.
        """
        combined = self._combined(probabilities)
        if self.unknown is None or unknown is None:
            return combined
        return self.unknown.shared_out(combined, unknown)

    def _combined(self, probabilities: Tensor) -> Tensor:
        if self.head is None:
            combined = probabilities.to(torch.float64).mean((1, 2))
        else:
            logits = self.head(probabilities.flatten(0, 1)).to(torch.float64)
            rounds = torch.softmax(logits, dim=1).reshape(-1, self.n_rounds, self.n_classes)
            combined = rounds.mean(1)
        if self.calibration is None:
            return combined
        calibrated: Tensor = self.calibration(combined)
        return calibrated

    def first_round(self) -> list[list[Submodel]]:
        """Return the networks of each member that belong to the first round."""
        return [replicas[: len(replicas) // self.n_rounds] for replicas in self._replicas()]

    def forward(self, batch: Batch) -> Tensor:
        """Return the probabilities ``(N, K) float64`` of a raw batch, rows summing to 1."""
        unknown = self.unknown_probabilities(batch.features)
        return self.combine(self.round_probabilities(batch), unknown)

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `from_config` rebuilds the shape."""
        members = [[submodel.config() for submodel in replicas] for replicas in self._replicas()]
        head = None if self.head is None else self.head.config()  # type: ignore[operator]
        calibration = None if self.calibration is None else self.calibration.config()
        return {
            "members": members,
            "head": head,
            "n_rounds": self.n_rounds,
            "calibration": calibration,
            "redshift": None if self.redshift is None else self.redshift.config(),
            "unknown": None if self.unknown is None else self.unknown.config(),
            "sets": None if self.sets is None else self.sets.config(),
        }

    @classmethod
    def from_config(cls, config: PlainConfig) -> Self:
        """Build an ensemble that waits for ``load_state_dict``.

        Args:
            config: What `config` returned.

        Raises:
            ConfigError: A key is missing or invalid.
        """
        check_complete("an ensemble's configuration", config, ("members", "head", "n_rounds"))
        members = [
            [Submodel.from_config(submodel) for submodel in replicas]
            for replicas in config["members"]
        ]
        head: nn.Module | None = None
        if config["head"] is not None and members and members[0]:
            head = build_head(config["head"], len(members), members[0][0].sizes.n_classes)
        # Bundles of earlier formats lack some of them.
        calibration, redshift = config.get("calibration"), config.get("redshift")
        unknown, sets = config.get("unknown"), config.get("sets")
        return cls(
            members,
            head,
            n_rounds=config["n_rounds"],
            calibration=None if calibration is None else Calibration(**calibration),
            redshift=None if redshift is None else RedshiftEstimator.from_config(redshift),
            unknown=None if unknown is None else UnknownDetector(**unknown),
            sets=None if sets is None else PredictionSets(**sets),
        )

    def _replicas(self) -> list[list[Submodel]]:
        return [
            [submodel for submodel in replicas if isinstance(submodel, Submodel)]
            for replicas in self.members
            if isinstance(replicas, nn.ModuleList)
        ]
