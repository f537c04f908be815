"""The model card: what a bundle is, for a reader, from its plain description."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lcclassify.inference.conditions import quantities
from lcclassify.schema import PlainConfig

_OWN_SECTIONS: Final = ("class_counts", "metrics", "notes", "evaluation")

HEADLINES: Final = {
    "accuracy": "accuracy",
    "log_loss": "log-loss",
    "ece": "expected calibration error",
    "aurc": "area under the risk-coverage curve",
}
# Of 41 quantiles.
_SHOWN: Final = {"least": 0, "5 %": 2, "median": 20, "95 %": 38, "largest": 40}


def model_card(document: PlainConfig) -> str:
    """Return the card as Markdown.

    Args:
        document: The content of ``bundle.yaml``.
    """
    provenance = document["provenance"]
    sections = [
        ("What it does", _purpose(document)),
        ("What it is for", _use(document, provenance)),
        ("Classes", _classes(document, provenance.get("class_counts"))),
        ("Training objects", _training(document, provenance)),
        ("Inputs", _inputs(document)),
        ("Networks", _networks(document)),
        ("Scores at training", _scores(provenance.get("metrics"))),
        ("Calibration and prediction sets", _calibration(provenance.get("evaluation"))),
        ("Test objects beside training objects", _shift(provenance.get("evaluation"))),
        ("Caveats", _caveats(document, provenance.get("notes"))),
        ("Provenance", _provenance(provenance)),
    ]
    lines = ["# Model card: photometric light-curve classifier"]
    for title, content in sections:
        said = list(content)
        if said:
            lines += ["", f"## {title}", "", *said]
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


def _use(document: PlainConfig, provenance: Mapping[str, Any]) -> Iterator[str]:
    bands = ", ".join(document["representation"]["passbands"])
    survey = provenance.get("survey")
    of_survey = "" if survey is None else f" of the survey {survey} and others like it"
    yield (
        f"- For objects{of_survey}, observed in {bands}: to choose objects to follow up, to select "
        "samples of a class, and to count classes where their shares are stated or estimated."
    )
    yield (
        "- Not for objects observed in other passbands, and not as a measurement of single objects "
        "that others rely on as if they had a spectrum."
    )
    yield (
        "- `predict.py` says how the objects that it classifies differ from the training objects; "
        "where it warns, scores below need not hold."
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


def _training(document: PlainConfig, provenance: Mapping[str, Any]) -> Iterator[str]:
    counts, conditions = provenance.get("class_counts"), document.get("conditions")
    if isinstance(counts, Mapping) and counts:
        numbers = {str(label): int(number) for label, number in counts.items()}
        known = {item["label"] for item in document["classes"]}
        absent = sorted(known - {label for label, number in numbers.items() if number})
        yield (
            f"- {sum(numbers.values()):,} objects of {_count(len(known) - len(absent), 'class')}"
            + (f"; none of {', '.join(absent)}" if absent else "")
        )
    kept = document.get("training_objects")
    if kept is not None:
        yield (
            f"- {kept['objects']:,} of them are in this bundle, with ids, classes, places and "
            f"{_count(len(kept['quantities']), 'quantity')} ({kept['bytes'] / 1e6:.2f} MB)"
        )
    if conditions is not None and conditions["quantiles"]:
        yield from ("", f"| quantity | {' | '.join(_SHOWN)} |", "|---" * (len(_SHOWN) + 1) + "|")
        yield from _ranges(document, conditions["quantiles"])


def _ranges(document: PlainConfig, quantiles: Mapping[str, Any]) -> Iterator[str]:
    state, zeropoint = document["representation"], document["zeropoint"]
    redshift = (state["settings"].get("sequences") or {}).get("redshift")
    words = quantities(document["feature_names"], state["metadata"], redshift)
    for name, values in quantiles.items():
        if name not in words or not len(values):
            continue
        row = [float(values[i]) for i in _SHOWN.values()]
        yield f"| {words[name].what} | {' | '.join(f'{value:.4g}' for value in row)} |"
        if name == "flux_max" and zeropoint is not None:
            magnitudes = [
                f"{zeropoint - 2.5 * math.log10(value):.2f}" if value > 0 else "-" for value in row
            ]
            yield f"| its magnitude | {' | '.join(magnitudes)} |"


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


def _calibration(evaluation: Any) -> Iterator[str]:
    if not isinstance(evaluation, Mapping) or not evaluation:
        return
    name, held_out = evaluation["model"], evaluation.get("held_out")
    yield f"- {name}, {evaluation['objects']:,} objects: {_with_intervals(evaluation)}"
    if held_out:
        yield (
            f"- {name}, {held_out['objects']:,} held-out objects, drawn like the training ones: "
            f"{_with_intervals(held_out)}"
        )
    for key, what in (("sets", ""), ("held_out_sets", " of held-out objects")):
        sets = evaluation.get(key)
        if not sets:
            continue
        least = min(sets["classes"].items(), key=lambda item: item[1]["coverage"], default=None)
        worst = "" if least is None else f"; least of {least[0]}, {least[1]['coverage']:.1%}"
        yield (
            f"- sets for {sets['level']:.0%}{what} hold the true class of "
            f"{sets['marginal']['coverage']:.1%}{worst}; they have "
            f"{sets['marginal']['mean_size']:.2f} classes on average"
        )


def _with_intervals(scores: Mapping[str, Any]) -> str:
    said, intervals = [], scores.get("intervals") or {}
    for name, words in HEADLINES.items():
        value = scores["metrics"].get(name)
        if value is None:
            continue
        between = intervals.get(name)
        limits = "" if between is None else f" ({between[0]:.4f} to {between[1]:.4f})"
        said.append(f"{words} {value:.4f}{limits}")
    return ", ".join(said)


def _shift(evaluation: Any) -> Iterator[str]:
    shift = evaluation.get("shift") if isinstance(evaluation, Mapping) else None
    if not shift:
        return
    yield (
        f"- largest distance of a quantity's distribution (Kolmogorov-Smirnov): "
        f"{shift['distance']:.2f}"
    )
    if shift.get("auc") is not None:
        yield f"- a classifier tells the two apart with an AUC of {shift['auc']:.2f}; 0.5 is alike"
    for sentence in shift.get("sentences") or []:
        yield f"- {sentence}"


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
    plural = {"class": "classes", "quantity": "quantities"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


def _number(value: Any) -> str:
    return (
        f"{value:.5g}" if isinstance(value, float) else "undefined" if value is None else str(value)
    )
