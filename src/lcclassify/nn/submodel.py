"""One member of an ensemble: fitted input transforms and the network behind them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, Self

import torch
from torch import Tensor, nn

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_network
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.schema import Batch, InputSizes, PlainConfig

INPUTS: Final = ("features", "context", "sequences")


class Submodel(nn.Module):
    """A network with its input transforms, from raw batches to logits.

    The transforms must be fitted (or rebuilt with their indicator columns) before,
    because the network's sizes follow from theirs.

    Args:
        network: Plain configuration for `build_network`, also kept in `config`.
        features: Transform of the feature table.
        context: Transform of the context columns.
        sequences: Transform of the sequences.
        n_classes: K.
        max_length: Longest training sequence in nights.

    Attributes:
        sizes: The network's sizes, after the transforms.
        network: The network, called with transformed batches.
        reads: The inputs that it reads, any of `INPUTS`.
        needs: These and those that it reads as they are, before any transform.

    Raises:
        ConfigError: The network's configuration is invalid.
    """

    def __init__(
        self,
        network: PlainConfig,
        *,
        features: FeatureTransform,
        context: FeatureTransform,
        sequences: SequenceTransform,
        n_classes: int,
        max_length: int,
    ) -> None:
        super().__init__()
        self.features = features
        self.context = context
        self.sequences = sequences
        self.sizes = InputSizes(
            n_features=features.n_out,
            n_context=context.n_out,
            n_channels=sequences.n_channels,
            n_classes=n_classes,
            max_length=max_length,
            n_indicators=len(features.indicator_columns),
        )
        self.network_config: PlainConfig = dict(network)
        self.network = build_network(network, self.sizes)
        # A network may name the inputs it reads; the others are not worth the time.
        self.reads: tuple[str, ...] = getattr(self.network, "reads", INPUTS)
        self.needs: tuple[str, ...] = (*self.reads, *getattr(self.network, "reads_raw", ()))

    def transform(self, batch: Batch) -> Batch:
        """Return the batch as the network takes it; no gradient flows through.

        What the network does not read stays as it is.
        """
        if "features" in self.reads:
            batch = batch._replace(features=self.features(batch.features))
        if "context" in self.reads:
            batch = batch._replace(context=self.context(batch.context))
        if "sequences" in self.reads:
            batch = batch._replace(sequences=self.sequences(batch.sequences, batch.lengths))
        return batch

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K)`` of a raw batch."""
        logits: Tensor = self.network(self.transform(batch))
        return logits

    @torch.no_grad()
    def predict_proba(self, batch: Batch) -> Tensor:
        """Return the probabilities ``(N, K) float64`` of a raw batch, rows summing to 1.

        Uses the module's present mode: call ``eval()`` before.
        """
        return torch.softmax(self(batch).to(torch.float64), dim=1)

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `from_config` rebuilds the shape."""
        return {
            "network": self.network_config,
            "features": self.features.config(),
            "context": self.context.config(),
            "sequences": self.sequences.config(),
            "n_classes": self.sizes.n_classes,
            "max_length": self.sizes.max_length,
            "sizes": asdict(self.sizes),
        }

    @classmethod
    def from_config(cls, config: PlainConfig) -> Self:
        """Build a submodel that waits for ``load_state_dict``.

        Args:
            config: What `config` returned.

        Raises:
            ConfigError: A key is missing or invalid, or the sizes disagree.
        """
        try:
            submodel = cls(
                config["network"],
                features=FeatureTransform(**config["features"]),
                context=FeatureTransform(**config["context"]),
                sequences=SequenceTransform(**config["sequences"]),
                n_classes=config["n_classes"],
                max_length=config["max_length"],
            )
            stated = config["sizes"]
        except KeyError as error:
            raise ConfigError(f"a submodel's configuration needs the key {error}") from None
        except TypeError as error:
            raise ConfigError(f"a submodel's configuration is invalid: {error}") from None
        # Bundles of releases that had no such number do not state how many columns are flags.
        if {"n_indicators": submodel.sizes.n_indicators, **stated} != asdict(submodel.sizes):
            raise ConfigError(
                f"a submodel's sizes {stated} contradict those of its transforms, "
                f"{asdict(submodel.sizes)}"
            )
        return submodel
