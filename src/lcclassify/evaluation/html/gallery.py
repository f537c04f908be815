"""Sections of classes: a few light curves of each, and what they are examples of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from lcclassify.evaluation.examples import (
    PER_KIND,
    RIGHT,
    UNCERTAIN,
    UNKNOWN,
    WRONG,
    Example,
    choose_examples,
)
from lcclassify.evaluation.html.light_curves import LightCurve, light_curve_svg
from lcclassify.evaluation.html.objects import ReportObjects, short_name

_OWN: Final = {
    RIGHT: "Right, most confident first",
    WRONG: "Wrong, most confident first",
    UNCERTAIN: "Most uncertain",
    UNKNOWN: "Most unlike every class",
}
_PREDICTED: Final = {
    RIGHT: "Most confident",
    WRONG: "Of another class by their label, most confident first",
    UNCERTAIN: "Most uncertain",
    UNKNOWN: "Most unlike every class",
}
_SAID: Final = 3  # probabilities under a light curve
_DRAWN: Final = 100_000  # observations of all light curves together, about 3 MB
_FEWEST: Final = 100  # of these that a light curve has in any case


@dataclass(frozen=True)
class Panel:
    """One light curve of the gallery.

    Attributes:
        svg: The drawing.
        name: The object's id.
        lines: Text below it.
    """

    svg: Markup
    name: str
    lines: Sequence[str]


@dataclass(frozen=True)
class ClassSection:
    """What a report says of one class.

    Attributes:
        name: Of the class.
        summary: Counts and scores in a line.
        kinds: Heading and panels of each kind of example.
    """

    name: str
    summary: str
    kinds: Sequence[tuple[str, Sequence[Panel]]]


def class_sections(
    objects: ReportObjects,
    names: Sequence[str],
    summaries: Sequence[str],
    curves: Mapping[str, LightCurve],
    passbands: Sequence[str],
    *,
    by_prediction: bool = False,
) -> list[ClassSection]:
    """Return a section a class.

    Args:
        objects: All objects.
        names: Of the K classes.
        summaries: A line of each.
        curves: Light curves by id; only objects that are here are shown.
        passbands: All passbands, in order.
        by_prediction: Whether objects stand under the class that they are given.
    """
    having = np.array([i for i, one in enumerate(objects.ids) if one in curves], dtype=np.int64)
    shown = objects.take(having)
    headings = _PREDICTED if by_prediction else _OWN
    kinds: list[dict[str, list[Panel]]] = [{} for _ in names]
    chosen: list[Example] = []
    # Of long light curves fewer are shown, and of very long ones not every observation.
    for per_kind in range(PER_KIND, 0, -1):
        chosen = choose_examples(
            shown.probabilities,
            shown.targets,
            shown.unknown,
            by_prediction=by_prediction,
            per_kind=per_kind,
        )
        if sum(len(curves[shown.ids[one.row]].mjd) for one in chosen) <= _DRAWN:
            break
    most = max(_FEWEST, _DRAWN // max(len(chosen), 1))
    for example in chosen:
        panel = _panel(shown, example.row, names, curves, passbands, most)
        kinds[example.group].setdefault(headings[example.kind], []).append(panel)
    return [
        ClassSection(name, summary, list(own.items()))
        for name, summary, own in zip(names, summaries, kinds, strict=True)
    ]


def _panel(
    objects: ReportObjects,
    row: int,
    names: Sequence[str],
    curves: Mapping[str, LightCurve],
    passbands: Sequence[str],
    most: int,
) -> Panel:
    own, target = objects.probabilities[row], int(objects.targets[row])
    best = np.argsort(-own, kind="stable")[:_SAID]
    said = ", ".join(f"{names[k]} {own[k]:.2f}" for k in best if own[k] >= 0.005)
    lines = [said]
    if target >= 0:
        is_right = target == int(best[0])
        lines.append("right" if is_right else f"true class: {names[target]}")
    if objects.unknown is not None and np.isfinite(objects.unknown[row]):
        lines.append(f"unknown {objects.unknown[row]:.2f}")
    lines += [
        f"{short_name(quantity)} {values[row]:.2f}"
        for quantity, values in objects.quantities.items()
        if np.isfinite(values[row])
    ]
    name = objects.ids[row]
    svg, shown = light_curve_svg(
        curves[name], passbands, f"Light curve of object {name}: {'; '.join(lines)}", most
    )
    return Panel(svg, name, [*lines, shown])
