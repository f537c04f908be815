"""Classifies light curves with a bundle, a chunk of objects at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from lcclassify.checks import check_choice, is_whole
from lcclassify.errors import ConfigError
from lcclassify.inference.bundle import Bundle, load
from lcclassify.inference.decisions import Decisions, check_unknown
from lcclassify.inference.door import check_fits, table_curves
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.frames import Frame, like
from lcclassify.inference.predictions import (
    NO_OBJECT_ROW,
    NO_OBSERVATION,
    NOT_FINITE,
    Predictions,
    concatenated,
    with_unscored,
)
from lcclassify.inference.scoring import scored_batches
from lcclassify.nn.devices import chosen_device
from lcclassify.nn.gru import with_products
from lcclassify.representations.prepared import PreparedSet
from lcclassify.schema import OBJECT_ID, LightCurves
from lcclassify.tables.sortedids import positions

if TYPE_CHECKING:
    from lcclassify.inference.explaining import Explanation

# A recurrent network's states of a batch must fit into a core's cache; a GPU wants work.
BATCH_SIZES: Final = {"cpu": 128, "cuda": 4096}
PRECISIONS: Final = ("32", "bf16", "int8")
CHUNK_SIZE: Final = 20_000  # objects prepared at a time: a few hundred megabytes


class Predictor:
    """Scores light curves with a bundle's classifier.

    What an object gets depends on nothing but its own observations and metadata.

    Args:
        bundle: The trained classifier.
        accelerator: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
        batch_size: Objects scored at a time; None for what is fast on the device.
        precision: ``32``; ``bf16`` for products of matrices in bfloat16; ``int8`` for
            those of recurrent layers in 8-bit integers, on a CPU. Both are faster where
            the processor has such products, and change probabilities by up to a hundredth.
        chunk_size: Objects prepared at a time.
        threads: Batches scored at a time on a CPU, one in each thread; None for as many as
            torch has been given threads. All predictors of a process that have equally many
            share them. Other threads than these keep torch's settings.
        expectations: What shares of the objects are what; by default the bundle's.

    Attributes:
        bundle: The bundle.
        device: Where the networks run.
        batch_size: Objects scored at a time.
        precision: One of `PRECISIONS`.
        threads: Batches scored at a time on a CPU.
        unknown_fraction: Share of unknown objects expected; None where the bundle tells none.
        shares: ``(K,)`` of the classes, that probabilities are for; None where none are told.

    Raises:
        BundleError: Shares are given that the bundle tells nothing of.
        ConfigError: An argument is invalid, or there is no such accelerator.

    Example:
        >>> predictor = Predictor.load("outputs/run/bundle")  # doctest: +SKIP
        >>> predictor.predict_proba(observations, objects)  # doctest: +SKIP
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        accelerator: str = "auto",
        batch_size: int | None = None,
        precision: str = "32",
        chunk_size: int = CHUNK_SIZE,
        threads: int | None = None,
        expectations: Expectations | None = None,
    ) -> None:
        self.device = chosen_device(accelerator)
        if batch_size is None:
            batch_size = BATCH_SIZES[self.device.type]
        if threads is None:
            threads = torch.get_num_threads()
        sizes = {"batch_size": batch_size, "chunk_size": chunk_size, "threads": threads}
        for key, size in sizes.items():
            if not is_whole(size) or size < 1:
                raise ConfigError(f"{key} must be an integer of at least 1, got {size!r}")
        expected = expectations or Expectations()
        check_unknown(expected.unknown_fraction, bundle.classifier.unknown is not None)
        self.unknown_fraction = expected.fraction(bundle)
        self._changes = expected.changes(bundle)
        self.shares = expected.shares(bundle)
        self.bundle = bundle
        check_choice("precision", str(precision), PRECISIONS)
        if precision == "int8" and self.device.type != "cpu":
            raise ConfigError(
                "precision=int8 is for a CPU: take accelerator=cpu, or precision=bf16 for a GPU"
            )
        self.batch_size = batch_size
        self.precision = str(precision)
        self.threads = threads
        self._chunk_size = chunk_size
        products = "int8" if self.precision == "int8" else "float32"
        self._classifier = with_products(bundle.classifier.to(self.device).eval(), products)

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> Predictor:
        """Return a predictor with the bundle of a folder.

        Args:
            folder: The folder.
            options: Arguments by name, as of `Predictor`.

        Raises:
            BundleError: The bundle cannot be used.
            ConfigError: An argument is invalid, or there is no such accelerator.
        """
        return cls(load(folder), **options)

    @property
    def classes(self) -> tuple[str, ...]:
        """The K class labels in output order."""
        return self.bundle.taxonomy.classes

    def check(self, light_curves: LightCurves) -> None:
        """Refuse light curves that the bundle was not trained for.

        Raises:
            DataError: The passbands differ, or a metadata column is missing.
        """
        check_fits(self.bundle.representation, light_curves)

    def predict(
        self,
        light_curves: LightCurves,
        *,
        orphan_ids: pl.Series | None = None,
        keep_members: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """Score every object of the object table.

        Args:
            light_curves: Canonical tables with the bundle's passbands and metadata.
            orphan_ids: Ids of objects that were observed and have no row in the
                object table: each becomes a row without probabilities.
            keep_members: Whether to keep each member's probabilities, too.
            progress: Called with the number of objects done since the last call.

        Returns:
            One row for every object, in the order of the ids.

        Raises:
            DataError: The passbands differ, or a metadata column is missing.
        """
        self.check(light_curves)
        parts = []
        for chunk in light_curves.parts(self._chunk_size):
            prepared = self.prepare(chunk)
            part = self.score(
                prepared, chunk.objects[OBJECT_ID], keep_members=keep_members, progress=progress
            )
            parts.append(part)
        predictions = concatenated(parts)
        if orphan_ids is None or not len(orphan_ids):
            return predictions
        return with_unscored(predictions, orphan_ids, NO_OBJECT_ROW)

    def decided(self, predictions: Predictions, decisions: Decisions) -> pl.DataFrame:
        """Return predictions as a table, with what is decided from them.

        Raises:
            BundleError: The bundle does not hold what that needs.
        """
        classifier = self.bundle.classifier
        decisions.check(classifier.unknown is not None, classifier.sets is not None)
        found = None
        if decisions.sets is not None and classifier.sets is not None:
            # Thresholds are of the bundle's own probabilities; a class's hold for any share.
            own, weights = predictions.probabilities, None
            if self._changes is not None:
                change, _ = self._changes
                own, weights = change.undone(own), change.ratios.tolist()
            made = classifier.sets.to("cpu").sets(
                torch.as_tensor(own), decisions.sets, decisions.sets_by, weights
            )
            found = made.numpy()
        frame = predictions.to_frame(self.classes)
        return decisions.decided(frame, predictions, self.classes, found)

    def prepare(self, light_curves: LightCurves) -> PreparedSet | None:
        """Return what the networks are given; None where nothing was observed."""
        if light_curves.observations.is_empty():
            return None
        return self.bundle.representation.prepare(light_curves)

    def score(
        self,
        prepared: PreparedSet | None,
        object_ids: pl.Series,
        *,
        keep_members: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """Score prepared objects; safe to be called by several threads at once.

        Args:
            prepared: What `prepare` gave.
            object_ids: ``(N,)`` ids, ascending, those of `prepared` among them.
            keep_members: Whether to keep each member's probabilities, too.
            progress: Called with the number of objects done since the last call.

        Returns:
            One row for every id.
        """
        n_objects, n_classes = len(object_ids), len(self.classes)
        probabilities = np.full((n_objects, n_classes), np.nan)
        members = None
        if keep_members:
            members = np.full((n_objects, len(self.bundle.member_names), n_classes), np.nan)
        unknown = None if self._classifier.unknown is None else np.full(n_objects, np.nan)
        observed = np.zeros(n_objects, dtype=bool)
        if prepared is not None:
            rows = positions(prepared.object_ids, object_ids)
            observed[rows] = True
            scored = scored_batches(
                self._classifier,
                prepared,
                device=self.device,
                batch_size=self.batch_size,
                precision=self.precision,
                threads=self.threads,
                unknown_fraction=self.unknown_fraction,
            )
            for batch_rows, combined, each, strange in scored:
                target = rows[batch_rows]
                probabilities[target] = combined
                if unknown is not None and strange is not None:
                    unknown[target] = strange
                if members is not None:
                    members[target] = each
                if progress is not None:
                    progress(len(batch_rows))
        if progress is not None and not observed.all():
            progress(int((~observed).sum()))
        if self._changes is not None:
            change, of_members = self._changes
            probabilities = change.changed(probabilities)
            members = None if members is None else of_members.changed(members)
        finite = np.isfinite(probabilities).all(axis=1)
        probabilities[~finite] = np.nan
        if unknown is not None:
            unknown[~finite] = np.nan
        reasons = np.where(finite, 0, np.where(observed, 2, 1))
        return Predictions(
            object_ids=object_ids,
            probabilities=probabilities,
            reasons=pl.Series([None, NO_OBSERVATION, NOT_FINITE], dtype=pl.String)[reasons],
            members=members,
            unknown=unknown,
        )

    def predict_light_curves(
        self, light_curves: LightCurves, *, orphan_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        """Return `predict` as a table, see `Predictions.to_frame`."""
        return self.predict(light_curves, orphan_ids=orphan_ids).to_frame(self.classes)

    def member_probabilities(self, light_curves: LightCurves) -> NDArray[np.float64]:
        """Return each member's probabilities.

        Returns:
            ``(N, M, K) float64`` in the order of the object table, NaN for objects
            that cannot be scored.
        """
        members = self.predict(light_curves, keep_members=True).members
        if members is None:
            raise RuntimeError("the members' probabilities were not kept")
        return members

    def predict_proba(self, observations: Frame, objects: Frame | None = None) -> Frame:
        """Classify tables in memory, of Polars, pandas, pyarrow or astropy.

        What of the tables is not used is logged. A `DataWarning` is given where the training
        survey stated detections and these tables do not.

        Args:
            observations: One row an observation: `object_id`, `mjd` (days, dates or times),
                `passband` (names; numbers only where the bundle's survey has them), `flux`
                and `flux_err` in the bundle's units, or in astropy's units of flux density,
                and optionally `detected`.
            objects: One row an object: `object_id` and the bundle's metadata columns.
                Without it the metadata are taken from columns of the observations,
                and are missing where there are none. Labels are not looked at.

        Returns:
            One row for every object, of the same library as `observations`: `object_id`,
            ``class_<label>`` for every class, `unknown` where the bundle tells it,
            `predicted_class`, `reason`. An object that cannot be scored has a reason and
            no probabilities.

        Raises:
            DataError: A table is of another kind, a column missing or of the wrong
                type, a passband unknown, or rows of an object contradict each other.
        """
        curves, orphan_ids = table_curves(self.bundle, observations, objects)
        scored: Frame = like(observations, self.predict_light_curves(curves, orphan_ids=orphan_ids))
        return scored

    def explain(
        self,
        observations: Frame,
        objects: Frame | None = None,
        *,
        object_id: int | str | None = None,
    ) -> Explanation:
        """Say what decided about one object, by leaving parts of its light curve out.

        Args:
            observations: As in `predict_proba`.
            objects: Likewise.
            object_id: The object; may be left out where the tables have one alone.

        Raises:
            DataError: As in `predict_proba`, or there is no such object.
        """
        from lcclassify.inference.explaining import explain

        return explain(self, table_curves(self.bundle, observations, objects)[0], object_id)
