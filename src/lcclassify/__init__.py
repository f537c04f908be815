"""Photometric light-curve classification with ensembles of dense and recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcclassify.inference.predictor import Predictor

__all__ = ["__version__", "load"]

__version__ = version("lcclassify")


def load(
    path: str | Path,
    *,
    accelerator: str = "auto",
    batch_size: int | None = None,
    precision: str = "32",
    threads: int | None = None,
    unknown_fraction: float | None = None,
    priors: Mapping[str, float] | str | None = None,
) -> Predictor:
    """Load a trained classifier.

    Args:
        path: Folder of a bundle.
        accelerator: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
        batch_size: Objects scored at a time; None for what is fast on the device.
        precision: ``32``; ``bf16`` or ``int8``: faster, and probabilities change by about 0.01.
        threads: Batches scored at a time on a CPU; None for as many as torch has threads.
        unknown_fraction: Share of objects of no known class expected; None for the bundle's.
        priors: Shares of the classes expected: ``training``, those of the training objects;
            ``flat``, all alike; or stated by class, the others sharing the rest as in training;
            None for the bundle's.

    Returns:
        A predictor, whose `predict_proba` takes pandas or Polars tables.

    Raises:
        BundleError: The bundle is missing, damaged or of another format version, or a share of
            unknown objects or of classes is given and it does not tell them.
        ConfigError: An argument is invalid, or there is no such accelerator.

    Example:
        >>> classifier = load("outputs/run/bundle")  # doctest: +SKIP
        >>> classifier.predict_proba(observations, objects)  # doctest: +SKIP
    """
    # torch and its kin take seconds to import; `import lcclassify` alone does not wait.
    from lcclassify.inference.expectations import Expectations
    from lcclassify.inference.predictor import Predictor

    return Predictor.load(
        path,
        accelerator=accelerator,
        batch_size=batch_size,
        precision=precision,
        threads=threads,
        expectations=Expectations.stated(unknown_fraction, priors),
    )
