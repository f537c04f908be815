"""The model card: what a bundle is, for a reader, from its plain description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lcclassify.schema import PlainConfig

_OWN_SECTIONS = ("class_counts", "metrics", "notes")


def model_card(document: PlainConfig) -> str:
    """Return the card as Markdown.

    Args:
        document: The content of ``bundle.yaml``.
    """
    provenance = document["provenance"]
    sections = [
        ("What it does", _purpose(document)),
        ("Classes", _classes(document, provenance.get("class_counts"))),
        ("Inputs", _inputs(document)),
        ("Networks", _networks(document)),
        ("Scores at training", _scores(provenance.get("metrics"))),
        ("Caveats", _caveats(document, provenance.get("notes"))),
        ("Provenance", _provenance(provenance)),
    ]
    lines = ["# Model card: photometric light-curve classifier"]
    for title, content in sections:
        lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"


def _purpose(document: PlainConfig) -> Iterator[str]:
    n_classes, members = len(document["classes"]), document["members"]
    yield (
        f"It turns the multi-band light curve of one object into probabilities of {n_classes} "
        f"classes, by {_count(len(members), 'member')} ({', '.join(members)})"
        + (
            "."
            if len(members) == 1 and document["ensemble"]["head"] is None
            else ", averaged."
            if document["ensemble"]["head"] is None
            else " combined by a trained stacking head."
        )
    )
    yield ""
    yield (
        "`python predict.py bundle=THIS_FOLDER survey=... output=...`, or in Python "
        "`lcclassify.load(folder).predict_proba(observations, objects)`."
    )


def _classes(document: PlainConfig, counts: Any) -> Iterator[str]:
    has_counts = isinstance(counts, Mapping)
    yield "| class | name | weight in the log-loss |" + (
        " training objects |" if has_counts else ""
    )
    yield "|---|---|---|" + ("---|" if has_counts else "")
    for item in document["classes"]:
        row = f"| {item['label']} | {item['name']} | {item['weight']:g} |"
        yield row + (f" {counts.get(item['label'], 0)} |" if has_counts else "")


def _inputs(document: PlainConfig) -> Iterator[str]:
    state, zeropoint = document["representation"], document["zeropoint"]
    bands = [
        name if not state["wavelengths"] else f"{name} ({state['wavelengths'][i]:g} nm)"
        for i, name in enumerate(state["passbands"])
    ]
    unit = (
        "linear, in the units of the training survey, which state no zero-point"
        if zeropoint is None
        else f"linear, flux 1 is AB magnitude {zeropoint:g}"
    )
    yield "- observations: `object_id`, `mjd` (days), `passband`, `flux`, `flux_err`, `detected`"
    if document["detections_stated"]:
        yield "- `detected` is stated by the training survey; computed detections are others"
    yield f"- passbands, in order: {', '.join(bands)}"
    yield f"- fluxes: {unit}"
    yield f"- metadata columns: {', '.join(state['metadata']) or 'none'}"
    yield (
        f"- representation `{state['settings']['name']}`: {len(document['feature_names'])} "
        f"features, {len(document['channel_names'])} channels a night, "
        f"{_count(len(document['context_names']), 'context column')}; the longest training "
        f"sequence has {_count(state['max_length'], 'night')}"
    )
    if state["settings"]["noise"]:
        yield (
            f"- seeded noise of {state['settings']['noise']:g} flux_err is added to every flux, "
            "the same for the same object every time"
        )


def _networks(document: PlainConfig) -> Iterator[str]:
    for name, replicas in zip(document["members"], document["ensemble"]["members"], strict=True):
        target = replicas[0]["network"]["_target_"]
        yield f"- {name}: {_count(len(replicas), 'network')} of `{target}`"
    head = document["ensemble"]["head"]
    yield f"- head: {'mean of the members' if head is None else '`' + head['_target_'] + '`'}"


def _scores(metrics: Any) -> Iterator[str]:
    if not isinstance(metrics, Mapping) or not metrics:
        yield "None were handed over."
        return
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            scalars = (f"{key} {_number(item)}" for key, item in value.items() if _is_scalar(item))
            yield f"- {name}: {', '.join(scalars)}"
        elif _is_scalar(value):
            yield f"- {name}: {_number(value)}"


def _caveats(document: PlainConfig, notes: Any) -> Iterator[str]:
    unknown = document["ensemble"].get("unknown")
    if unknown is None:
        yield "- An object of a class that is not listed above is given one of the listed ones."
    else:
        yield (
            "- An object of a class without training objects is told by the column `unknown` "
            f"alone, with a share of {unknown['fraction']:g} of such objects expected; what is "
            "rare or faint looks strange too."
        )
    augmentation = document["provenance"].get("augmentation")
    drawn = isinstance(augmentation, Mapping) and augmentation.get("name", "none") != "none"
    last_step = document["provenance"].get("calibration")
    shares = "in the same shares"
    if isinstance(last_step, Mapping) and last_step.get("priors", "training") != "training":
        shares = f"in {last_step['priors']} shares (below)"
    yield (
        f"- The probabilities hold for objects like the training objects{' as drawn' * drawn}, "
        f"{shares}; a sample that is fainter, observed at another cadence or mixed differently "
        "has others."
    )
    if document["representation"]["metadata"]:
        yield "- Missing metadata are replaced by training values, at the cost of accuracy."
    for note in notes if isinstance(notes, list) else []:
        yield f"- {note}"


def _provenance(provenance: Mapping[str, Any]) -> Iterator[str]:
    for key, value in provenance.items():
        if key not in _OWN_SECTIONS:
            yield f"- {key}: {_flat(value)}"


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value)
    return str(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


def _number(value: Any) -> str:
    return (
        f"{value:.5g}" if isinstance(value, float) else "undefined" if value is None else str(value)
    )
