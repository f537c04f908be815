"""Sections that only some runs have: the stack's members, prediction sets, a shifted survey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lcclassify.evaluation.html.tables import DASH, Cell, TableBlock, number

_CHANCE: Final = 2.0  # standard errors beyond which a difference is more than chance

_SHIFTED: Final = {
    "training": "training",
    "here": "here",
    "distance": "distance of distributions, 0 to 1",
    "below_training": "share below all training objects",
    "above_training": "share above all training objects",
    "missing": "share without a value",
}

ADVICE: Final = (
    "What may help: leave out members that are worth nothing ('~model.members.NAME'); let the head "
    "learn from more objects (stacking.mode=oof, or a larger split.validation_fraction); or use "
    "that member alone (model=NAME)."
)


def worth_table(worth: Mapping[str, Any]) -> TableBlock:
    """Return members beside the stack without each, from ``worth`` of `metrics.json`."""
    rows = [
        [
            Cell("stack"),
            Cell(number(worth["stack"]["log_loss"])),
            Cell(number(worth["stack"]["accuracy"])),
            *(Cell(DASH) for _ in range(3)),
        ]
    ]
    for name, member in worth["members"].items():
        without = member.get("without") or {}
        gained = member.get("gained")
        rows.append(
            [
                Cell(name),
                Cell(number(member["own"]["log_loss"])),
                Cell(number(member["own"]["accuracy"])),
                Cell(number(without.get("log_loss"))),
                Cell(number(without.get("accuracy"))),
                Cell(_difference(gained)),
            ]
        )
    return TableBlock(
        f"Members and stack on {worth['n_objects']:,} objects that neither learned from",
        [
            *("member", "log-loss", "accuracy"),
            *("log-loss without it", "accuracy without it", "worth"),
        ],
        rows,
        "Worth is how much higher the stack's log-loss is without the member, ± standard error.",
    )


def stack_warnings(models: Mapping[str, Any], worth: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each way in which a member is better than the whole by more than chance.

    Args:
        models: By model, what `Evaluation.to_dict` gives, the whole last.
        worth: ``worth`` of `metrics.json`.
    """
    found = []
    *members, whole = models
    losses = {name: models[name]["metrics"]["log_loss"] for name in models}
    # Of a report made anew, earlier metrics do not tell whether a difference is chance.
    behind = models[whole].get("behind") or {}
    better = [name for name in members if name in behind and _is_beyond_chance(behind[name])]
    if better:
        best = min(better, key=lambda name: losses[name])
        found.append(
            f"On these objects the log-loss of {whole} ({losses[whole]:.4f}) is worse than that of "
            f"{best} alone ({losses[best]:.4f}), by {_difference(behind[best])[1:]}, more than "
            f"chance explains. {ADVICE}"
        )
    for name, member in (worth or {"members": {}})["members"].items():
        lost = member["lost"]
        if _is_beyond_chance(lost):
            found.append(
                f"{name} alone has a lower log-loss than the stack, by {_difference(lost)[1:]} on "
                f"objects that neither learned from, more than chance explains. {ADVICE}"
            )
    return found


def _is_beyond_chance(difference: Mapping[str, Any]) -> bool:
    """Tell whether a difference is positive by more than chance, as `Difference` does."""
    error = difference["error"]
    return error is not None and difference["mean"] > _CHANCE * error


def sets_table(sets: Mapping[str, Any], names: Mapping[str, str], what: str) -> TableBlock:
    """Return coverage and size of prediction sets.

    Args:
        sets: ``level``, ``marginal`` and ``classes``, each with ``coverage`` and ``mean_size``.
        names: Of classes, by label.
        what: What the objects are.
    """
    rows = [
        [Cell(name), Cell(_percent(one.get("coverage"))), Cell(number(one.get("mean_size"), 2))]
        for name, one in [
            ("all objects", sets.get("marginal") or {}),
            *((names.get(label, label), one) for label, one in (sets.get("classes") or {}).items()),
        ]
    ]
    return TableBlock(
        f"Sets of classes that should hold the true one for {_percent(sets['level'])} of {what}",
        ["class", "held the true class", "mean number of classes"],
        rows,
    )


def shift_table(rows: Sequence[Mapping[str, Any]]) -> TableBlock:
    """Return how a survey compares with the training set, from rows of plain values."""
    columns = [(key, header) for key, header in _SHIFTED.items() if any(key in row for row in rows)]
    return TableBlock(
        "This survey beside the training set",
        ["quantity", *(header for _, header in columns)],
        [
            [Cell(str(row["what"])), *(Cell(_any(row.get(key))) for key, _ in columns)]
            for row in rows
        ],
    )


def shift_content(shift: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the section of a shifted survey shows, None without one."""
    if not shift:
        return None
    sentences = [str(sentence) for sentence in shift.get("sentences") or []]
    if shift.get("auc") is not None:
        chance = shift.get("auc_by_chance")
        alike = "0.5" if chance is None else f"0.5 ± {chance:.2f}"
        sentences.append(
            f"A classifier tells the two apart with an AUC of {shift['auc']:.3f} ({alike}: alike)."
        )
    expected = shift.get("expected_accuracy")
    if expected:
        sentences.append(
            f"Expected accuracy here: {_percent(expected[0])} ({_percent(expected[1])} to "
            f"{_percent(expected[2])})."
        )
    warning = shift.get("warning")
    rows = shift.get("rows") or []
    return {
        "sentences": sentences,
        "warning": str(warning) if isinstance(warning, str) and warning else "",
        "table": shift_table(rows) if rows else None,
    }


def _difference(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return DASH
    error = DASH if value["error"] is None else f"{value['error']:.4f}"
    return f"{value['mean']:+.4f} ± {error}"


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{value:.1%}"


def _any(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return DASH if value is None else str(value)
