"""Tables in memory in PLAsTiCC's form are read as its files are."""

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.errors import DataError
from lcclassify.inference.bundle import Bundle, save
from lcclassify.inference.door import detections_differ
from lcclassify.inference.nested import classify_nested
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.simulated import SimulatedSurvey

nested_pandas = pytest.importorskip("nested_pandas")

METADATA = ("hostgal_photoz", "distmod", "ddf_bool", "mwebv")
SCALED = {"kind": "standard", "impute": "median", "indicator": True}


@pytest.fixture(scope="module")
def raw():
    """Zenodo's tables of 20 objects, some without a host."""
    rng = np.random.default_rng(2)
    n_rows, ids = 900, np.arange(20)
    flux = rng.normal(20, 60, n_rows)
    observations = pl.DataFrame(
        {
            "object_id": rng.choice(ids, n_rows),
            "mjd": rng.uniform(59000, 59200, n_rows),
            "passband": rng.integers(0, 6, n_rows),
            "flux": flux,
            "flux_err": rng.uniform(1, 5, n_rows),
            "detected_bool": (flux > 30).astype(int),
        }
    )
    redshift = np.where(ids % 3, rng.uniform(0.1, 1, 20), -9)
    objects = pl.DataFrame(
        {
            "object_id": ids,
            "ddf_bool": ids % 2,
            "hostgal_photoz": redshift,
            "distmod": np.where(ids % 3, 40 + redshift, -9),
            "mwebv": rng.uniform(0, 0.1, 20),
            "true_target": 90,
        }
    )
    return observations, objects


@pytest.fixture(scope="module")
def survey(raw, tmp_path_factory):
    """What is read of the same tables in files."""
    folder = tmp_path_factory.mktemp("zenodo")
    for table, name in zip(raw, ("lightcurves", "metadata"), strict=True):
        table.write_csv(folder / f"plasticc_train_{name}.csv")
    return PlasticcSurvey(folder, metadata=METADATA).read()


@pytest.fixture(scope="module")
def bundle(survey):
    return make_bundle(survey.light_curves, "plasticc")


def make_bundle(curves, survey):
    fitted = Representation(name="plasticc", context=("metadata",)).fit(curves, seed=1)
    prepared = fitted.prepare(curves)
    torch.manual_seed(1)
    member = Submodel(
        {"_target_": "lcclassify.nn.dense.DenseNet", "units": [8]},
        features=FeatureTransform.fitted(prepared.features, **SCALED),
        context=FeatureTransform.fitted(prepared.context, **SCALED),
        sequences=SequenceTransform.fitted(prepared.sequences, kind="standard"),
        n_classes=2,
        max_length=fitted.max_length,
    )
    return Bundle(
        fitted,
        Taxonomy(("42", "90")),
        EnsembleClassifier([[member]], head=None),
        member_names=("dense",),
        provenance={"survey": survey},
    )


def nest(observations, objects):
    frame = nested_pandas.NestedFrame(objects.to_pandas().set_index("object_id"))
    return frame.join_nested(observations.to_pandas().set_index("object_id"), "sources")


def answers(bundle, folder, observations, objects):
    """Return the probabilities that each of the doors gives."""
    flat = Predictor(bundle, accelerator="cpu").predict_proba(observations, objects)
    nested = classify_nested(nest(observations, objects), bundle=save(bundle, folder / "bundle"))
    names = ["class_42", "class_90"]
    return flat.select(names).to_numpy(), nested[names].to_numpy(float)


def test_tables_get_what_the_files_get(raw, survey, bundle, tmp_path):
    predictor = Predictor(bundle, accelerator="cpu")
    of_files = predictor.predict_light_curves(survey.light_curves)
    expected = of_files.select("class_42", "class_90").to_numpy()
    assert expected.std(axis=0).min() > 1e-4
    observations, objects = raw
    renamed = (
        observations.rename({"detected_bool": "detected"}),
        objects.rename({"ddf_bool": "ddf"}),
    )
    for tables in (raw, renamed, (observations, objects.with_columns(pl.col("distmod").cast(str)))):
        for found in answers(bundle, tmp_path, *tables):
            np.testing.assert_array_equal(found, expected)
    carried = observations.join(objects, on="object_id")
    found = predictor.predict_proba(carried.sample(fraction=1, shuffle=True, seed=1))
    assert found.equals(of_files)


def test_numbers_mean_passbands_in_their_survey_alone(raw, survey, bundle, tmp_path):
    observations, objects = raw
    other = make_bundle(survey.light_curves, "table")
    names = dict(enumerate(PlasticcSurvey.passbands.names))
    named = observations.with_columns(pl.col("passband").replace_strict(names))
    expected = answers(bundle, tmp_path, observations, objects)
    np.testing.assert_array_equal(answers(bundle, tmp_path, named, objects), expected)
    with pytest.raises(DataError, match="unknown passband '6'"):
        answers(bundle, tmp_path, observations.with_columns(pl.col("passband") + 1), objects)
    marks = [pl.col("hostgal_photoz", "distmod").replace(-9.0, None)]
    given = answers(other, tmp_path, named, objects.with_columns(marks))
    np.testing.assert_array_equal(given, expected)
    with pytest.raises(DataError, match="names u, g, r, i, z, y, because"):
        answers(other, tmp_path, observations, objects)


@pytest.mark.parametrize("kind", [PlasticcSurvey, SimulatedSurvey])
def test_surveys_in_this_form(raw, survey, kind):
    bundle = make_bundle(survey.light_curves, kind.name)
    assert bundle.representation.passbands == kind.passbands
    assert len(Predictor(bundle, accelerator="cpu").predict_proba(*raw)) == 20


def test_numbers_that_are_names(raw, tmp_path):
    observations, objects = raw
    rows = observations.with_columns(pl.col("passband") + 1)
    passbands = Passbands(("1", "2", "3", "4", "5", "6"))
    curves, _ = canonicalise(rows, objects, passbands, metadata=METADATA)
    bundle = make_bundle(curves, "table")
    expected = Predictor(bundle, accelerator="cpu").predict_light_curves(curves)
    expected = expected.select("class_42", "class_90").to_numpy()
    for found in answers(bundle, tmp_path, rows.drop("detected_bool"), objects):
        np.testing.assert_array_equal(found, expected)


def test_whether_a_survey_states_detections(survey):
    rows = survey.light_curves.observations
    assert detections_differ(rows)
    computed = rows.with_columns(detected=pl.col("flux") / pl.col("flux_err") >= 5)
    assert not detections_differ(computed)
    assert not detections_differ(rows.clear())
