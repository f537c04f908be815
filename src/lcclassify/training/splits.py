"""Who trains, who tests, and in which fold: one table a run, shared by all members."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.checks import check_below_one, check_whole
from lcclassify.errors import DataError, TrainingError
from lcclassify.files import replaced_file
from lcclassify.parquet import read_parquet
from lcclassify.schema import LABEL, OBJECT_ID, SUBSET, UNKNOWN_TARGET, Taxonomy
from lcclassify.training.seeds import derive_seed

ROLE: Final = "role"  # "train", "test", "held_out" or "unlabelled"
FOLD: Final = "fold"  # Int64, 0..folds-1 for training objects, null for others
VALIDATION: Final = "validation"  # Boolean, the holdout mode's validation share
_NAMED: Final = 10  # classes that an error lists

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class SplitSettings:
    """How objects are split.

    Attributes:
        test_fraction: Share of the labelled objects kept for testing, unless the
            survey itself says which objects test; 0 for none.
        folds: Number of cross-validation folds.
        validation_fraction: Share of the training objects (in cross-validation, of
            the other folds' objects) that watches the training; 0 for none.
        file: A split written by an earlier run, to be used as it is.
    """

    test_fraction: float = 0.2
    folds: int = 5
    validation_fraction: float = 0.05
    file: str | None = None

    def __post_init__(self) -> None:
        for key in ("test_fraction", "validation_fraction"):
            check_below_one(f"split.{key}", getattr(self, key))
        check_whole("split.folds", self.folds, 2)


@dataclass(frozen=True)
class Split:
    """The split of a run's objects.

    Attributes:
        table: `object_id`, `role`, `fold`, `validation`, one row an object, by id.
    """

    table: pl.DataFrame

    def rows(self, role: str) -> IntArray:
        """Return the positions of the objects with that role."""
        return np.flatnonzero((self.table[ROLE] == role).to_numpy())

    @property
    def folds(self) -> IntArray:
        """Fold of each object, ``(N,) int64``, -1 outside the training set."""
        return self.table[FOLD].fill_null(-1).to_numpy().astype(np.int64)

    @property
    def validation(self) -> IntArray:
        """Positions of the holdout mode's validation objects."""
        return np.flatnonzero(self.table[VALIDATION].to_numpy())

    def unlabelled_at_random(self, most: int, seed: int) -> IntArray:
        """Return the positions of objects without a class, of many some at random."""
        rows = self.rows("unlabelled")
        if len(rows) <= most:
            return rows
        random = np.random.default_rng(derive_seed(seed, "unlabelled"))
        chosen: IntArray = np.sort(random.choice(rows, most, replace=False))
        return chosen

    def save(self, path: Path) -> None:
        """Write the split as Parquet, whole or not at all."""
        with replaced_file(path) as partial:
            self.table.write_parquet(partial)

    @classmethod
    def load(cls, path: Path, object_ids: pl.Series) -> Split:
        """Read a split and hold it against the objects at hand.

        Raises:
            DataError: The file is missing or damaged, or its objects are others.
        """
        try:
            table = read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"the split {path} cannot be read: {error}") from error
        missing = [c for c in (OBJECT_ID, ROLE, FOLD, VALIDATION) if c not in table.columns]
        if missing:
            raise DataError(f"the split {path} lacks the column '{missing[0]}'")
        if table[OBJECT_ID].to_list() != object_ids.to_list():
            raise DataError(
                f"the split {path} was made for other objects: it has {len(table)}, "
                f"the survey {len(object_ids)}"
            )
        return cls(table)


def encode_labels(labels: pl.Series, taxonomy: Taxonomy) -> IntArray:
    """Return class indices ``(N,) int64``, `UNKNOWN_TARGET` where there is no label."""
    index = {label: position for position, label in enumerate(taxonomy.classes)}
    return np.array([index.get(label, UNKNOWN_TARGET) for label in labels], dtype=np.int64)


def split_objects(
    objects: pl.DataFrame, taxonomy: Taxonomy, settings: SplitSettings, seed: int
) -> Split:
    """Split objects by class, seeded, independently of their order in files.

    Args:
        objects: Canonical object table of the N objects that can be used, by id.
        taxonomy: The classes.
        settings: Shares and numbers.
        seed: The run's seed.

    Raises:
        DataError: There are no labelled objects, or a class is too small to split.
    """
    targets = encode_labels(objects[LABEL], taxonomy)
    labelled = targets != UNKNOWN_TARGET
    if not labelled.any():
        raise DataError(
            "training needs labelled objects, and none of the survey's has a class: is the "
            "column of the labels named (survey.columns.label of survey=table)?"
        )
    only = np.unique(targets[labelled])
    if len(only) == 1:
        raise DataError(
            f"training needs at least two classes, and all {int(labelled.sum()):,} labelled "
            f"objects are of class '{taxonomy.classes[only[0]]}'"
        )
    subset = objects[SUBSET] if SUBSET in objects.columns else None
    held_out = np.zeros(0, dtype=np.int64)
    if subset is not None and subset.null_count() < len(subset):
        training, testing, held_out = (
            np.flatnonzero(labelled & (subset == name).fill_null(False).to_numpy())
            for name in ("train", "test", "held_out")
        )
        if len(training) == 0:
            raise DataError("the survey's own split names no labelled training object")
    else:
        rows = np.flatnonzero(labelled)
        training, testing = stratified_pair(
            rows,
            targets,
            taxonomy,
            settings.test_fraction,
            derive_seed(seed, "split", "test"),
            "split.test_fraction",
        )

    role = np.full(len(objects), "unlabelled", dtype=object)
    role[training], role[testing], role[held_out] = "train", "test", "held_out"
    _, validation = stratified_pair(
        training,
        targets,
        taxonomy,
        settings.validation_fraction,
        derive_seed(seed, "split", "validation"),
    )
    held = np.zeros(len(objects), dtype=bool)
    held[validation] = True
    fold = np.full(len(objects), -1, dtype=np.int64)
    fold[training] = assign_folds(
        targets[training], settings.folds, derive_seed(seed, "split", "folds")
    )
    return Split(
        pl.DataFrame(
            {
                OBJECT_ID: objects[OBJECT_ID],
                ROLE: pl.Series(role.tolist(), dtype=pl.String),
                FOLD: pl.Series(fold).replace(-1, None),
                VALIDATION: held,
            }
        )
    )


def stratified_pair(
    rows: IntArray,
    targets: IntArray,
    taxonomy: Taxonomy,
    fraction: float,
    seed: int,
    key: str = "split.validation_fraction",
) -> tuple[IntArray, IntArray]:
    """Split rows into two parts with the same mix of classes.

    Of every class at least one member is in the first part, so that of a class with a
    single member none is in the second. The second part has at least as many members as
    there are classes, even where the share alone would give fewer.

    Args:
        rows: Positions to split.
        targets: ``(N,)`` class indices of all objects.
        taxonomy: Names the classes in messages.
        fraction: Share of the second part; 0 leaves it empty.
        seed: Seed of the shuffle.
        key: What sets the share, for messages.

    Returns:
        The two parts, each ascending.

    Raises:
        DataError: The first part would have fewer objects than there are classes.
    """
    if fraction == 0 or len(rows) == 0:
        return rows, rows[:0]
    classes, counts = np.unique(targets[rows], return_counts=True)
    single = np.isin(targets[rows], classes[counts < 2])
    several = rows[~single]
    n_classes = int((counts >= 2).sum())
    size = max(round(fraction * len(several)), n_classes)
    if n_classes == 0 or len(several) - size < n_classes:
        named = ", ".join(taxonomy.classes[c] for c in classes[:_NAMED])
        more = ", ..." if len(classes) > _NAMED else ""
        raise DataError(
            f"{len(rows)} objects of {len(classes)} classes ({named}{more}) cannot spare a share "
            f"of {fraction:g} with each class on both sides: give more objects or set {key} "
            "otherwise"
        )
    from sklearn.model_selection import train_test_split

    first, second = train_test_split(
        several, test_size=size, random_state=seed, stratify=targets[several]
    )
    # Of a class of two or three, a large second part may take all: one stays.
    lost = np.setdiff1d(targets[second], targets[first])
    stays = np.array([second[targets[second] == c].min() for c in lost], dtype=np.int64)
    return (
        np.sort(np.concatenate([first, rows[single], stays])),
        np.setdiff1d(second, stays),
    )


def assign_folds(targets: IntArray, folds: int, seed: int) -> IntArray:
    """Return a fold in ``0..folds-1`` for each training object, classes spread evenly."""
    result = np.zeros(len(targets), dtype=np.int64)
    if len(targets) < folds:
        return np.arange(len(targets), dtype=np.int64)
    # The rarest classes may be smaller than the number of folds here, because a run
    # without cross-validation need not mind; `check_folds` speaks up for one that does.
    _, counts = np.unique(targets, return_counts=True)
    if counts.max() < folds:
        return np.random.default_rng(seed).permutation(np.arange(len(targets)) % folds)
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, held) in enumerate(splitter.split(np.zeros(len(targets)), targets)):
            result[held] = fold
    return result


def check_folds(targets: Sequence[int] | IntArray, folds: int, taxonomy: Taxonomy) -> None:
    """Refuse a cross-validation in which a fold could miss a class.

    Raises:
        TrainingError: A class has fewer training objects than there are folds.
    """
    classes, counts = np.unique(np.asarray(targets), return_counts=True)
    small = [(taxonomy.classes[c], n) for c, n in zip(classes, counts, strict=True) if n < folds]
    if not small:
        return
    listed = ", ".join(f"'{name}' ({count})" for name, count in small)
    fewest = min(count for _, count in small)
    fewer = f"split.folds={fewest} or " if fewest >= 2 else ""
    raise TrainingError(
        f"the training objects of {listed} are fewer than the {folds} folds: set {fewer}"
        "stacking.mode=holdout, or merge or leave out these classes (by "
        "survey.class_map, if the survey has one, where a class mapped to null is left out)"
    )
