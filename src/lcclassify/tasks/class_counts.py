"""What a run says of classes of which too few objects train."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.schema import Taxonomy
from lcclassify.training.settings import AUTO_MODE
from lcclassify.training.splits import Split

_FEWEST: Final = 3  # training objects: one to learn from, one to watch, one to compare

IntArray = NDArray[np.int64]


def class_notes(
    targets: IntArray,
    split: Split,
    taxonomy: Taxonomy,
    folds: int,
    modes: tuple[str, str],
    *,
    unknown_told: bool,
) -> tuple[str, ...]:
    """Return sentences on the classes of which little or nothing is learned.

    Args:
        targets: ``(N,)`` class of each object, `UNKNOWN_TARGET` where there is none.
        split: The roles of these objects.
        taxonomy: The K classes.
        folds: Number of folds.
        modes: `stacking.mode` as it was asked for, and what came of it.
        unknown_told: Whether objects of no known class are told, whose probability classes
            without training objects share.

    Returns:
        Nothing where every class has enough training objects.
    """
    counts = {role: _counts(targets, split, role, len(taxonomy)) for role in _ROLES}
    trained = counts["train"]
    judged = counts["test"] + counts["held_out"]
    names = taxonomy.display_names()
    found = []
    if unlearned := np.flatnonzero((trained == 0) & (judged > 0)).tolist():
        listed = ", ".join(f"{names[k]} ({_judged(counts, k)})" for k in unlearned)
        those = _those(unlearned)
        found.append(f"No training object is of {listed}: {_fate(those, unknown_told)}.")
    if absent := [names[k] for k in np.flatnonzero((trained == 0) & (judged == 0)).tolist()]:
        found.append(f"No object that trains or tests is of {', '.join(absent)}.")
    few = np.flatnonzero((trained > 0) & (trained < max(folds, _FEWEST))).tolist()
    is_refused = modes[1] == "oof" and bool(((trained > 0) & (trained < folds)).any())
    if few and not is_refused:  # `check_folds` says the same where it refuses them
        listed = ", ".join(f"{names[k]} ({trained[k]})" for k in few)
        found.append(
            f"Few training objects are of {listed}: what is learned of {_those(few)} need not "
            f"hold{_consequence(int(trained[few].min()), folds, modes)}. More objects are needed, "
            "or merge or leave out such classes (by survey.class_map, if the survey has one)."
        )
    return tuple(found)


_ROLES: Final = ("train", "test", "held_out")


def _counts(targets: IntArray, split: Split, role: str, n_classes: int) -> IntArray:
    own = targets[split.rows(role)]
    found: IntArray = np.bincount(own[own >= 0], minlength=n_classes)
    return found


def _judged(counts: dict[str, IntArray], k: int) -> str:
    """Return how many test and held-out objects a class has, in words."""
    parts = [("test", counts["test"][k]), ("held-out", counts["held_out"][k])]
    listed = " and ".join(f"{number:,} {what}" for what, number in parts if number)
    return f"{listed} object{'s' if sum(number for _, number in parts) > 1 else ''}"


def _those(classes: list[int]) -> str:
    return "this class" if len(classes) == 1 else "these classes"


def _fate(those: str, unknown_told: bool) -> str:
    """Return what becomes of the objects of classes that no training object is of."""
    if unknown_told:
        return (
            f"nothing is learned of {those}, and such objects are found only by being unlike all "
            "other classes (unknown.fraction)"
        )
    return f"nothing is learned of {those}, and such objects are taken for others"


def _consequence(fewest: int, folds: int, modes: tuple[str, str]) -> str:
    """Return what else follows, where cross-validation is given up for small classes."""
    asked, mode = modes
    if asked == AUTO_MODE and mode == "holdout" and fewest < folds:
        return (
            f", and as {folds} folds need as many of each class, the head learns from a "
            "validation share instead (stacking.mode=auto)"
        )
    return ""
