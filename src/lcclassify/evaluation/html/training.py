"""The report of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lcclassify.evaluation.html.curves import learning_charts
from lcclassify.evaluation.html.further import (
    sets_table,
    shift_content,
    stack_warnings,
    worth_table,
)
from lcclassify.evaluation.html.gallery import class_sections
from lcclassify.evaluation.html.light_curves import LightCurve, band_key
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.html.page import rendered
from lcclassify.evaluation.html.sections import class_summaries, evaluated_section
from lcclassify.evaluation.html.tables import bar_table, class_names, published_table

_IMPORTANT: Final = 25  # features that are shown of each member


@dataclass(frozen=True)
class RunAccount:
    """What was run.

    Attributes:
        title: Heading of the report.
        facts: Names and values: survey, seed, versions, seconds.
        sentences: How the data were read and used.
        config: The whole configuration, as YAML.
        published: Whether figures were published of these very objects.
        cv_accuracy: Cross-validation accuracies to stand beside published ones.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sentences: Sequence[str]
    config: str
    published: bool = False
    cv_accuracy: Mapping[str, float] | None = None


def training_html(
    account: RunAccount,
    metrics: Mapping[str, Any],
    objects: ReportObjects | None,
    held_out: ReportObjects | None,
    curves: Mapping[str, LightCurve],
    passbands: Sequence[str],
    histories: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> str:
    """Return the report of a training run as HTML.

    Args:
        account: What was run.
        metrics: What `metrics.json` holds; keys but ``models`` may be absent.
        objects: Those that ``models`` is of, with what the reported model says of them; None
            where they are not known.
        held_out: Those that ``held_out`` is of.
        curves: Light curves of a few of `objects`, by id.
        passbands: Of the light curves, in order.
        histories: By member and fit what its ``history.json`` holds.
    """
    models = metrics["models"]
    main = models[list(models)[-1]]
    names = class_names(main)
    what = str(metrics.get("evaluated_on") or "objects")
    beside = published_table(main, account.cv_accuracy or {}) if account.published else None
    sections = [
        evaluated_section(
            "evaluated",
            f"{main['n_objects']:,} {what}",
            models,
            objects,
            metrics.get("intervals"),
            beside,
        )
    ]
    alike = metrics.get("held_out") or {}
    said = held_out.what if held_out is not None else "held-out objects"
    if alike:
        number = next(iter(alike.values()))["n_objects"]
        intervals = metrics.get("held_out_intervals")
        title = f"{number:,} {said}"
        sections.append(evaluated_section("held-out", title, alike, held_out, intervals))
    worth = metrics.get("worth")
    by_label = dict(zip(main["classes"], names, strict=True))
    sets = [
        sets_table(found, by_label, objects_said)
        for found, objects_said in (
            (metrics.get("sets"), what),
            (metrics.get("held_out_sets"), said),
        )
        if found
    ]
    importances = [
        bar_table(
            f"{member}: log-loss that is lost without a feature's values",
            ["feature", "importance"],
            dict(sorted(found.items(), key=lambda item: -item[1])[:_IMPORTANT]),
            digits=4,
        )
        for member, found in (metrics.get("importances") or {}).items()
        if found
    ]
    classes = (
        []
        if objects is None
        else class_sections(objects, names, class_summaries(main), curves, passbands)
    )
    return rendered(
        {
            "title": account.title,
            "kind": "Training run",
            "about": "What was run",
            "facts": account.facts,
            "sentences": account.sentences,
            "warnings": stack_warnings(models, worth),
            "prediction": None,
            "sections": sections,
            "worth": None if not worth else worth_table(worth),
            "sets": sets,
            "shift": shift_content(metrics.get("shift")),
            "learning": [
                chart for name, fits in histories.items() for chart in learning_charts(name, fits)
            ],
            "importances": importances,
            "classes": classes,
            "gallery_of": f"{what}, under their own class",
            "bands": band_key(passbands),
            "config": account.config,
        }
    )
