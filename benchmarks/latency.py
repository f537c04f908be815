"""What it costs to classify one object, as a broker does with each alert.

Loads a bundle, or makes one of the default stack's sizes on a small simulated survey, whose
networks are untrained, since weights do not change what they cost. Then it classifies objects
one at a time, which are simulated likewise, and prints median, 90th and 99th percentile of the
milliseconds by the clock and of the processor, for tables of Polars, of pandas and nested ones,
for alert packets in Rubin's form, and the share of each part. All of it is warm: the first calls
are not counted.

    python benchmarks/latency.py
    python benchmarks/latency.py outputs/run/bundle --calls 2000
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import polars as pl
import torch
from hydra import compose, initialize_config_dir

import lcclassify
from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.errors import ConfigError
from lcclassify.inference.bundle import Bundle, save
from lcclassify.inference.nested import classify_nested
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.build import build_head
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    MJD,
    OBJECT_ID,
    PASSBAND,
    LightCurves,
    PlainConfig,
)
from lcclassify.surveys.alerts import alert_tables
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.chunks import SurveyData
from lcclassify.surveys.simulated import SimulatedSurvey

WARM = 20  # calls that are not counted
OBJECTS = 50
RUBIN = 31.4  # AB magnitude of a nanojansky


def untrained(config: PlainConfig, data: SurveyData) -> Bundle:
    """Return a bundle with the default stack's networks, transforms fitted."""
    settings = instantiate(config["representation"])
    settings = settings.of_survey(SimulatedSurvey.redshift, data.light_curves.metadata_columns)
    fitted = settings.fit(data.light_curves, seed=0)
    prepared = fitted.prepare(data.light_curves)
    transforms = fitted.settings.transforms
    torch.manual_seed(0)

    def network(settings: PlainConfig) -> Submodel:
        return Submodel(
            settings,
            features=FeatureTransform.fitted(prepared.features, **transforms["features"]),
            context=FeatureTransform.fitted(prepared.context, **transforms["context"]),
            sequences=SequenceTransform.fitted(prepared.sequences, **transforms["sequences"]),
            n_classes=len(data.taxonomy),
            max_length=fitted.max_length,
        )

    model, refit = config["model"], config["stacking"]["refit"]
    members = [[network(one["network"]) for _ in range(refit)] for one in model["members"].values()]
    head = build_head(model["head"]["network"], len(members), len(data.taxonomy))
    return Bundle(
        representation=fitted,
        taxonomy=data.taxonomy,
        classifier=EnsembleClassifier(members, head, n_rounds=refit),
        member_names=tuple(model["members"]),
        zeropoint=data.zeropoint,
    )


def timed(calls: Sequence[Callable[[], object]], count: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each of `count` calls, by the clock and of the processor."""
    clock, processor = [], []
    for number in range(WARM + count):
        call = calls[number % len(calls)]
        begin, begin_processor = perf_counter(), process_time()
        call()
        clock.append(1e3 * (perf_counter() - begin))
        processor.append(1e3 * (process_time() - begin_processor))
    return clock[WARM:], processor[WARM:]


def line(name: str, calls: Sequence[Callable[[], object]], count: int) -> None:
    """Time calls and print a line of the table."""
    cells = []
    for times in timed(calls, count):
        cells += [f"{value:8.2f}" for value in np.percentile(times, [50, 90, 99])]
    print(f"{name:>28}", *cells)


def parts(predictor: Predictor, tables: Sequence[Sequence[pl.DataFrame]], count: int) -> None:
    """Print what each part of classifying an object takes."""
    fitted, network = predictor.bundle.representation, predictor.bundle.classifier
    curves = [canonicalise(*both, fitted.passbands, metadata=fitted.metadata)[0] for both in tables]
    prepared = [fitted.prepare(one) for one in curves]
    ids = [one.objects[OBJECT_ID] for one in curves]
    scored = [predictor.score(*both) for both in zip(prepared, ids, strict=True)]
    cases: dict[str, list[Callable[[], object]]] = {
        "canonicalise": [
            lambda both=both: canonicalise(*both, fitted.passbands, metadata=fitted.metadata)
            for both in tables
        ],
        "features and sequences": [lambda one=one: fitted.prepare(one) for one in curves],
        "networks": [
            lambda both=both: predictor.score(*both) for both in zip(prepared, ids, strict=True)
        ],
        "table": [lambda one=one: one.to_frame(predictor.classes) for one in scored],
    }
    for name, calls in cases.items():
        line(name, calls, count)
    weights = sum(parameter.numel() for parameter in network.parameters())
    nights = np.mean([len(one.sequences) for one in prepared])
    rows = np.mean([len(one.observations) for one in curves])
    print(f"objects of {rows:.0f} observations in {nights:.0f} nights; {weights:,} weights")


def nested(curves: LightCurves, bundle: Path, ids: Sequence[int]) -> list[Callable[[], object]]:
    """Return calls that classify an object each from a nested frame."""
    import nested_pandas

    names = dict(enumerate(curves.passbands.names))
    observations = curves.observations.to_pandas().set_index(OBJECT_ID)
    observations[PASSBAND] = observations[PASSBAND].map(names)
    frame = nested_pandas.NestedFrame(curves.objects.to_pandas().set_index(OBJECT_ID))
    frame = frame.join_nested(observations, "sources")
    return [
        lambda one=frame.loc[[number]]: classify_nested(one, bundle=bundle, keep=[])
        for number in ids
    ]


def alerts(
    predictor: Predictor, tables: Sequence[Sequence[pl.DataFrame]]
) -> list[Callable[[], object]]:
    """Return calls that classify an object each from its last alert."""

    def call(observations: pl.DataFrame, objects: pl.DataFrame) -> Callable[[], object]:
        object_id = int(objects[OBJECT_ID][0])
        sources = [
            {
                "diaObjectId": object_id,
                "visit": visit,
                "midpointMjdTai": row[MJD],
                "band": row[PASSBAND],
                "psfFlux": row[FLUX],
                "psfFluxErr": row[FLUX_ERR],
                "ra": 0.0,
                "dec": 0.0,
            }
            for visit, row in enumerate(observations.iter_rows(named=True))
        ]
        seen = [one for one, each in zip(sources, observations[DETECTED], strict=True) if each]
        packet = {
            "diaSource": sources[-1],
            "prvDiaSources": seen,
            "prvDiaForcedSources": sources[:-1],
            "diaObject": sources[-1],
        }

        def classified() -> object:
            found = alert_tables([packet], zeropoint=RUBIN)
            return predictor.predict_proba(found.observations, objects)

        return classified

    return [call(*both) for both in tables]


def main() -> None:
    """Time every way of classifying one object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    register_resolvers()
    words = ["~quick", "survey.training=300", "survey.held_out=0", "survey.test=200"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = to_plain(compose("train", words))
    data: SurveyData = instantiate(config["survey"]).read()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.bundle or save(untrained(config, data), Path(temporary) / "bundle")
        predictor = lcclassify.load(folder, accelerator="cpu")
        fitted = predictor.bundle.representation
        curves = data.light_curves
        try:
            predictor.check(curves)
        except ValueError as error:
            raise ConfigError(f"the bundle cannot classify simulated objects: {error}") from error
        ids = curves.objects[OBJECT_ID].sample(OBJECTS, seed=0).to_list()
        named = curves.observations.with_columns(
            pl.col(PASSBAND).replace_strict(dict(enumerate(curves.passbands.names)))
        )
        objects = curves.objects.select(OBJECT_ID, *fitted.metadata)
        tables = [
            [table.filter(pl.col(OBJECT_ID) == number) for table in (named, objects)]
            for number in ids
        ]
        pandas = [[table.to_pandas() for table in both] for both in tables]
        print(f"{predictor.threads} threads; milliseconds by the clock, and of the processor:")
        print(f"{'':>28}", *(f"{name:>8}" for name in ("median", "90 %", "99 %") * 2))
        for kind, frames in (("Polars", tables), ("pandas", pandas)):
            calls = [lambda both=both: predictor.predict_proba(*both) for both in frames]
            line(f"predict_proba, {kind}", calls, options.calls)
        line("alert packets", alerts(predictor, tables), options.calls)
        line("classify_nested", nested(curves, folder, ids), options.calls)
        parts(predictor, tables, options.calls)


if __name__ == "__main__":
    main()
