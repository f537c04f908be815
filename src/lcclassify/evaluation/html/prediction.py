"""The report of a prediction, evaluated or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lcclassify.evaluation.html.curves import top_probability_chart
from lcclassify.evaluation.html.further import sets_table, shift_content, stack_warnings
from lcclassify.evaluation.html.gallery import class_sections
from lcclassify.evaluation.html.light_curves import LightCurve, band_key
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.html.page import rendered
from lcclassify.evaluation.html.sections import evaluated_section, predicted_counts
from lcclassify.evaluation.html.tables import bar_table
from lcclassify.evaluation.report import class_name


@dataclass(frozen=True)
class PredictionAccount:
    """What was classified.

    Attributes:
        title: Heading of the report.
        facts: Names and values: bundle, objects, seconds.
        sentences: How the data were read and used.
        classes: Labels, in the order of the probabilities.
        names: What they are called, by label.
        unscored: Objects without probabilities, by reason.
        abstained: Objects of which no class is named, by reason.
        set_sizes: Objects by the number of classes in their set, where there are sets.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sentences: Sequence[str]
    classes: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)
    unscored: Mapping[str, int] = field(default_factory=dict)
    abstained: Mapping[str, int] = field(default_factory=dict)
    set_sizes: Mapping[str, int] = field(default_factory=dict)


def prediction_html(
    account: PredictionAccount,
    objects: ReportObjects,
    curves: Mapping[str, LightCurve],
    passbands: Sequence[str],
    metrics: Mapping[str, Any] | None = None,
    shift: Mapping[str, Any] | None = None,
    sets: Mapping[str, Any] | None = None,
    intervals: Mapping[str, Any] | None = None,
) -> str:
    """Return the report of a prediction as HTML.

    Args:
        account: What was classified.
        objects: All objects that have probabilities; targets below 0 where there is no label
            or the object is not part of the evaluation.
        curves: Light curves of a few of them, by id.
        passbands: Of the light curves, in order.
        metrics: By model, what `Evaluation.to_dict` gives, the whole last; None where nothing
            was evaluated.
        shift: How the survey compares with the training set.
        sets: Coverage of prediction sets, where it was evaluated.
        intervals: By model and metric ``[low, high]``, where they are known.
    """
    names = [class_name(label, account.names.get(label, label)) for label in account.classes]
    counts = predicted_counts(objects, names)
    sections = []
    if metrics:
        number = next(iter(metrics.values()))["n_objects"]
        title = f"{number:,} labelled objects, evaluated"
        sections.append(evaluated_section("evaluated", title, metrics, objects, intervals))
    summaries = [f"{int(count):,} predicted" for count in counts.values()]
    prediction = {
        "counts": bar_table("Most probable classes", ["class", "objects"], counts),
        "charts": [top_probability_chart(objects.top)] if len(objects) else [],
        "others": [
            bar_table(caption, [what, "objects"], {name: float(n) for name, n in found.items()})
            for caption, what, found in (
                ("Objects without probabilities", "reason", account.unscored),
                ("Objects of which no class is named", "reason", account.abstained),
                ("Sets of classes", "classes in the set", account.set_sizes),
            )
            if found
        ],
    }
    by_label = dict(zip(account.classes, names, strict=True))
    return rendered(
        {
            "title": account.title,
            "kind": "Prediction",
            "about": "What was classified",
            "facts": account.facts,
            "sentences": account.sentences,
            "warnings": stack_warnings(metrics, None) if metrics else [],
            "prediction": prediction,
            "sections": sections,
            "worth": None,
            "sets": [sets_table(sets, by_label, "objects")] if sets else [],
            "shift": shift_content(shift),
            "learning": [],
            "importances": [],
            "classes": class_sections(
                objects, names, summaries, curves, passbands, by_prediction=True
            ),
            "gallery_of": "classified objects, under the class that they are given",
            "bands": band_key(passbands),
            "config": "",
        }
    )
