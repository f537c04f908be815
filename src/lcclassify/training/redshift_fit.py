"""Fits of what estimates redshifts: over all folds, and once on all training objects."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lcclassify.errors import TrainingError
from lcclassify.files import replaced_file, write_json
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.redshift import SEEN_LEVELS, RedshiftEstimator
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.context import TrainingContext
from lcclassify.training.member_fit import predict_rows
from lcclassify.training.photometric_errors import PhotometricErrors
from lcclassify.training.quantile_trees import grow_quantiles
from lcclassify.training.redshift_settings import RedshiftSettings
from lcclassify.training.seeds import derive_seed
from lcclassify.training.workers import result_of, run_fits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WEIGHTS: Final = "estimator.safetensors"
_CONFIG: Final = "estimator.json"
# Features that are brightness at the distance of the photometric redshift.
_AT_DISTANCE: Final = ("peak_absolute_magnitude", "bolometric_magnitude", "log_radius")
# As in `lcclassify.training.tree_fit`.
_PRODUCTS: Final = 100.0


@dataclass(frozen=True)
class CatalogueColumns:
    """Columns of the catalogue's redshift, and those that are all but blind to it.

    Features at times of the rest frame are among the latter: they vary little with it.

    Attributes:
        photometric: The photometric redshift, or None.
        error: Its error, or None.
        blind: ``(n,)`` ascending columns that trees may ask for.
    """

    photometric: int | None
    error: int | None
    blind: IntArray

    @classmethod
    def of(cls, names: Sequence[str], redshift: str | None) -> CatalogueColumns:
        """Tell them by their names.

        Args:
            names: F names of features.
            redshift: That of the photometric redshift, or None.
        """
        known = {redshift, f"{redshift}_err", "distmod"}
        positions = {name: position for position, name in enumerate(names)}
        blind = [
            position
            for name, position in positions.items()
            if name not in known and not name.startswith(_AT_DISTANCE)
        ]
        if redshift is None:
            return cls(None, None, np.array(blind))
        return cls(positions.get(redshift), positions.get(f"{redshift}_err"), np.array(blind))


@dataclass(frozen=True)
class RedshiftFit:
    """One fit of what estimates redshifts, in this process or another.

    Attributes:
        settings: What is fitted.
        label: ``fold_0`` and so on, or ``all``.
        folder: Where what it leaves is kept.
        tensors: All objects.
        train_rows: Rows that it learns from, all with a spectroscopic redshift.
        truth: ``(n,)`` their spectroscopic redshifts.
        columns: What its features are.
        seed: Of all that is random in it.
    """

    settings: RedshiftSettings
    label: str
    folder: Path
    tensors: TensorSet
    train_rows: IntArray
    truth: FloatArray
    columns: CatalogueColumns
    seed: int

    @property
    def name(self) -> str:
        """What is trained, for the user."""
        return f"{self.settings.name} {self.label.replace('_', ' ')}"

    def cost(self) -> float:
        """Return about how much there is to compute, in a network's products."""
        growth = self.settings.boosting
        values = len(self.train_rows) * len(self.columns.blind) * growth.feature_share
        return _PRODUCTS * growth.rounds * len(SEEN_LEVELS) * values

    def result(self) -> RedshiftEstimator | None:
        """Return the estimator, or None where there is none yet or a file is damaged."""
        try:
            text = (self.folder / _CONFIG).read_text(encoding="utf-8")
            estimator = RedshiftEstimator.from_config(json.loads(text))
            estimator.load_state_dict(load_file(self.folder / _WEIGHTS))
        except (OSError, ValueError, SafetensorError, RuntimeError):
            return None
        return estimator.eval()

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Fit, and leave the estimator in the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _CONFIG).unlink(missing_ok=True)
        growth, n_objects = self.settings.boosting, len(self.train_rows)
        total = growth.rounds * len(SEEN_LEVELS)
        started = time.perf_counter()
        reporter.started(self.name, total * n_objects, 0)

        def after_round(number: int) -> None:
            reporter.advanced(self.name, n_objects, f"round {number + 1}/{total}")

        features = self.tensors.features[torch.as_tensor(self.train_rows)].cpu().numpy()
        try:
            trees = grow_quantiles(
                growth,
                SEEN_LEVELS,
                features,
                np.log1p(self.truth),
                self.columns.blind,
                self.seed,
                after_round,
            )
        finally:
            reporter.stopped(self.name)
        sizes = {key: value for key, value in trees.config().items() if key != "_target_"}

        def with_table(table: PhotometricErrors) -> RedshiftEstimator:
            return RedshiftEstimator(
                features.shape[1],
                posterior=vars(self.settings.posterior),
                photometric=self.columns.photometric,
                error=self.columns.error,
                n_errors=len(table.log_errors),
                n_deviations=len(table.deviations),
                trees=sizes,
            )

        nothing = PhotometricErrors.fitted(np.zeros(0), np.zeros(0))
        redshift, error, scale = with_table(nothing).catalogued(features)
        known = redshift > 0
        table = PhotometricErrors.fitted(
            error[known], ((np.log1p(redshift) - np.log1p(self.truth)) / scale)[known]
        )
        estimator = with_table(table)
        estimator.trees.load_state_dict(trees.state_dict())
        for key, values in vars(table).items():
            getattr(estimator, key).copy_(torch.as_tensor(values))
        self._save(estimator)
        seconds = max(time.perf_counter() - started, 1e-9)
        rate = total * n_objects / seconds
        reporter.finished(self.name, f"{n_objects:,} redshifts, {rate:,.0f} objects/s")

    def _save(self, estimator: RedshiftEstimator) -> None:
        with replaced_file(self.folder / _WEIGHTS) as partial:
            save_file(estimator.state_dict(), partial)
        # Written last, it marks the fit as finished.
        write_json(self.folder / _CONFIG, estimator.config())


@dataclass(frozen=True)
class FittedRedshifts:
    """What estimates redshifts, and what it says of a run's objects.

    Attributes:
        estimator: Of all training objects.
        columns: ``(N, n) float64``, what joins the inputs of each object: of a training object
            by the fit without its fold.
    """

    estimator: RedshiftEstimator
    columns: FloatArray


def redshift_fits(
    context: TrainingContext,
    settings: RedshiftSettings,
    truth: FloatArray,
    columns: CatalogueColumns,
) -> list[RedshiftFit]:
    """Return a fit for each fold, without its objects, and last one on all training objects.

    Args:
        context: What all fits share.
        settings: What is fitted.
        truth: ``(N,)`` spectroscopic redshifts, NaN where there is none.
        columns: What the features are.

    Raises:
        TrainingError: Too few training objects have a spectroscopic redshift above 0.
    """
    training = context.split.rows("train")
    with np.errstate(invalid="ignore"):
        usable = training[truth[training] > 0]
    if len(usable) < settings.fewest:
        raise TrainingError(
            f"{len(usable):,} training objects have a spectroscopic redshift above 0, and "
            f"model.redshift.fewest is {settings.fewest}: take redshift@model.redshift=none"
        )
    folds = context.split.folds[usable]
    parts = {f"fold_{fold}": usable[folds != fold] for fold in range(context.n_folds)}
    return [
        RedshiftFit(
            settings=settings,
            label=label,
            folder=context.folder / settings.name / label,
            tensors=context.tensors,
            train_rows=rows,
            truth=truth[rows],
            columns=columns,
            seed=derive_seed(context.seed, "redshift", label),
        )
        for label, rows in (parts | {"all": usable}).items()
    ]


def fit_redshifts(context: TrainingContext, fits: Sequence[RedshiftFit]) -> FittedRedshifts:
    """Run the fits of `redshift_fits` that are not finished, and ask them of all objects.

    Raises:
        TrainingError: What a fit left has been damaged.
    """
    run_fits(fits, context.workers, context.reporter)
    *of_folds, estimator = [result_of(fit) for fit in fits]
    tensors, folds = context.tensors.to("cpu"), context.split.folds
    columns = np.zeros((len(tensors), estimator.n_columns))
    for number, one in enumerate([*of_folds, estimator]):
        rows = np.flatnonzero(folds == (number if number < len(of_folds) else -1))
        if len(rows):
            columns[rows] = predict_rows(one, tensors, rows, threads=context.workers)
    return FittedRedshifts(estimator, columns)
