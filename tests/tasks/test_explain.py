"""An explanation is what classifying the object without a part of it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hydra import compose, initialize_config_dir

from lcclassify.build import config_dir
from lcclassify.errors import BundleError, ConfigError, DataError
from lcclassify.evaluation.figures import ExplainedObject, LightCurvePanel, explanation_figure
from lcclassify.evaluation.figures.explanation import N_CLASSES
from lcclassify.inference.bundle import Bundle, save
from lcclassify.inference.explaining import explain
from lcclassify.inference.predictor import Predictor
from lcclassify.inference.training_objects import TrainingObjects
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise
from lcclassify.tasks.explain import explain as explain_command

PASSBANDS = Passbands(("g", "r", "i"))
TAXONOMY = Taxonomy(("Ia", "II", "90"), names={"Ia": "SN Ia"})
METADATA = ("photoz", "photoz_err", "mwebv")
N_OBJECTS = 30
SINGLE, NEVER = 4, 9  # objects of one night, and of none
NETWORKS = {
    "dense": {"_target_": "lcclassify.nn.dense.DenseNet", "units": [6]},
    "bigru": {
        "_target_": "lcclassify.nn.bigru.BiGRUNet",
        "gru_units": [4],
        "dense_units": [],
        "join_context": True,
    },
}


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(N_OBJECTS), 24)
    night = np.tile(np.repeat(np.arange(8), 3), N_OBJECTS)
    ids, night = (a[~((ids == NEVER) | ((ids == SINGLE) & (night > 0)))] for a in (ids, night))
    n_rows = len(ids)
    observations = pl.DataFrame(
        {
            "object_id": ids,
            "mjd": 5.0 * night + rng.uniform(0, 0.1, n_rows),
            "passband": rng.choice(PASSBANDS.names, n_rows).tolist(),
            "flux": rng.normal(10, 30, n_rows),
            "flux_err": rng.uniform(1, 3, n_rows),
        }
    )
    objects = pl.DataFrame(
        {
            "object_id": np.arange(N_OBJECTS),
            "photoz": rng.uniform(0.1, 1, N_OBJECTS),
            "photoz_err": rng.uniform(0.01, 0.1, N_OBJECTS),
            "mwebv": rng.uniform(0, 0.1, N_OBJECTS),
        }
    )
    return observations, objects


def made(tables, noise=0.0, redshift="photoz"):
    curves, _ = canonicalise(*tables, PASSBANDS, metadata=METADATA)
    sequences = {
        "bands": ["flux", "observed"],
        "times": ["days_since_previous"],
        "redshift": redshift,
    }
    settings = Representation(name="test", noise=noise, sequences=sequences, context=("metadata",))
    fitted = settings.fit(curves, seed=3)
    prepared = fitted.prepare(curves)
    torch.manual_seed(0)
    members = [
        [
            Submodel(
                network,
                features=FeatureTransform.fitted(prepared.features),
                context=FeatureTransform.fitted(prepared.context, kind="standard"),
                sequences=SequenceTransform.fitted(prepared.sequences, kind="standard"),
                n_classes=len(TAXONOMY),
                max_length=fitted.max_length,
            )
        ]
        for network in NETWORKS.values()
    ]
    with torch.no_grad():
        for (submodel,) in members:
            for parameter in submodel.network.parameters():
                parameter.mul_(2.0)
    ensemble = EnsembleClassifier(members, None)
    return Bundle(fitted, TAXONOMY, ensemble, tuple(NETWORKS), zeropoint=27.5)


@pytest.fixture(scope="module")
def predictor(tables):
    return Predictor(made(tables), accelerator="cpu")


@pytest.fixture(scope="module")
def keeping(predictor, tables):
    """A predictor whose bundle keeps half of the objects."""
    curves, _ = canonicalise(*tables, PASSBANDS, metadata=METADATA)
    prepared = predictor.bundle.representation.prepare(curves)
    targets = np.arange(len(prepared)) % 3
    kept = TrainingObjects.of(
        prepared.object_ids[::2], targets[::2], np.bincount(targets), prepared.features[::2],
        prepared.feature_names, (), None,
    )  # fmt: skip
    return Predictor(replace(predictor.bundle, training_objects=kept), accelerator="cpu")


def own(tables, object_id):
    return tuple(table.filter(pl.col("object_id") == object_id) for table in tables)


def said(predictor, observations, objects):
    """Probabilities of a table's only object, by the ordinary way."""
    frame = predictor.predict_proba(observations, objects)
    return frame.select([f"class_{label}" for label in TAXONOMY.classes]).row(0)


# --- what is left out ---------------------------------------------------------------


def test_the_whole_is_what_the_predictor_says(tables, predictor):
    found = predictor.explain(*tables, object_id=2)
    expected = said(predictor, *own(tables, 2))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(found.members.mean(0), found.probabilities, atol=1e-12)
    np.testing.assert_allclose(found.seen[-1], found.probabilities, atol=1e-6)
    assert (found.object_id, found.member_names) == (2, ("dense", "bigru"))


def test_every_change_is_that_of_a_shorter_table(tables, predictor):
    observations, objects = own(tables, 2)
    found = predictor.explain(observations, objects)
    k = found.predicted
    before = np.log(said(predictor, observations, objects)[k])

    def change(rows, table=objects):
        return np.log(said(predictor, rows, table)[k]) - before

    night = (observations["mjd"] // 5).cast(pl.Int64)
    assert len(found.night_mjd) == 8
    for j in range(8):
        expected = change(observations.filter(night != j))
        np.testing.assert_allclose(found.night_changes[j], expected, atol=1e-5)
        first = said(predictor, observations.filter(night <= j), objects)
        np.testing.assert_allclose(found.seen[j], first, atol=1e-6)
    for name, value in zip(found.passbands, found.passband_changes, strict=True):
        expected = change(observations.filter(pl.col("passband") != name))
        np.testing.assert_allclose(value, expected, atol=1e-5)
    unknown = objects.with_columns(
        photoz=pl.lit(None, pl.Float64), photoz_err=pl.lit(None, pl.Float64)
    )
    np.testing.assert_allclose(found.redshift_change, change(observations, unknown), atol=1e-5)
    assert np.abs(found.night_changes).max() > 0.01


def test_noise_is_drawn_once(tables):
    """A representation's noise depends on the position of an observation, which moves."""
    predictor = Predictor(made(tables, noise=2.0), accelerator="cpu")
    found = predictor.explain(*tables, object_id=2)
    np.testing.assert_allclose(found.probabilities, said(predictor, *own(tables, 2)), atol=1e-6)
    np.testing.assert_allclose(found.seen[-1], found.probabilities, atol=1e-6)
    quiet = Predictor(made(tables), accelerator="cpu").explain(*tables, object_id=2)
    assert np.abs(found.probabilities - quiet.probabilities).max() > 1e-3


def test_of_a_single_night_nothing_would_be_left(tables, predictor):
    found = predictor.explain(*tables, object_id=SINGLE)
    assert np.isnan(found.night_changes).tolist() == [True]
    assert found.seen.shape == (1, 3)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["nights"][0]["log_probability_change"] is None
    assert content["predicted_class"] in TAXONOMY.classes
    assert sum(content["probabilities"].values()) == pytest.approx(1)


def test_without_a_redshift(tables):
    predictor = Predictor(made(tables, redshift=None), accelerator="cpu")
    assert predictor.explain(*tables, object_id=2).redshift_change is None


def test_names_that_are_text(tables, predictor):
    text = [
        table.with_columns(pl.format("SN {}", "object_id").alias("object_id")) for table in tables
    ]
    found = predictor.explain(*text, object_id="SN 2")
    assert found.object_id == "SN 2"
    number = predictor.explain(*tables, object_id=2)
    np.testing.assert_allclose(found.night_changes, number.night_changes, atol=1e-6)


def test_objects_that_cannot_be_explained(tables, predictor):
    with pytest.raises(DataError, match="there is no object 99"):
        predictor.explain(*tables, object_id=99)
    with pytest.raises(DataError, match=f"object {NEVER} has no usable observation"):
        predictor.explain(*tables, object_id=NEVER)
    with pytest.raises(DataError, match="one object is explained at a time: name one of 30"):
        predictor.explain(*tables)


def test_in_several_parts(tables, predictor, monkeypatch):
    curves, _ = canonicalise(*tables, PASSBANDS, metadata=METADATA)
    whole = explain(predictor, curves, 3)
    monkeypatch.setattr("lcclassify.inference.explaining._AT_A_TIME", 4)
    parts = explain(predictor, curves, 3)
    np.testing.assert_allclose(parts.night_changes, whole.night_changes, atol=1e-6)
    np.testing.assert_allclose(parts.seen, whole.seen, atol=1e-6)
    assert parts.redshift_change == pytest.approx(whole.redshift_change, abs=1e-6)


# --- the figure ---------------------------------------------------------------------


@pytest.mark.parametrize("n_nights", [1, 40])
def test_figure(n_nights):
    rng = np.random.default_rng(1)
    time = np.arange(n_nights, dtype=float)
    seen = rng.dirichlet(np.ones(9), n_nights)
    changes = rng.normal(size=n_nights)
    changes[0] = np.nan
    panel = LightCurvePanel(
        "1",
        time,
        time,
        np.ones(n_nights),
        np.zeros(n_nights, np.int64),
        np.zeros(0),
        np.zeros((3, 0)),
    )
    shown = ExplainedObject(
        light_curve=panel,
        passbands=("g", "r", "i"),
        class_names=tuple(f"$class_{k}" for k in range(9)),
        probabilities=seen[-1],
        member_names=("a", "b"),
        members=rng.dirichlet(np.ones(9), 2),
        night_time=time,
        night_changes=changes,
        left_out=("g", "redshift"),
        left_out_changes=np.array([np.nan, -0.5]),
        seen=seen,
        neighbours=[] if n_nights == 1 else [("7", 3, 0.5), ("_8", 8, 2.0)],
    )
    figure = explanation_figure(shown)
    figure.canvas.draw()
    by_title = {axes.get_title(): axes for axes in figure.axes}
    lines = by_title["after the first nights"].lines
    assert len({line.get_color() for line in lines}) == N_CLASSES
    drawn = [line.get_ydata().tolist() for line in lines]
    assert seen[:, seen.max(axis=0).argmax()].tolist() in drawn
    widths = [bar.get_width() for bar in by_title["by member"].patches]
    assert sum(widths) == pytest.approx(2)  # each member's add up to 1
    labels = [text.get_text() for text in by_title["left out"].get_yticklabels()]
    assert labels == ["g (all there is)", "redshift"]
    assert ("training objects like it" in by_title) == (n_nights > 1)
    if n_nights > 1:
        near = by_title["training objects like it"]
        assert [bar.get_width() for bar in near.patches] == [0.5, 2.0]
        assert near.get_yticklabels()[0].get_text() == r"7, \$class_3"


def test_the_nearest_training_objects(tables, predictor, keeping):
    assert predictor.explain(*tables, object_id=2).neighbours is None
    assert predictor.explain(*tables, object_id=2).to_dict()["nearest_training_objects"] is None
    found = keeping.explain(*tables, object_id=2)
    first, *others = found.neighbours
    assert (first.object_id, first.distance) == (2, pytest.approx(0, abs=1e-4))
    distances = [one.distance for one in others]
    assert len(others) == 4
    assert distances == sorted(distances)
    assert 0.3 < distances[0] < 3
    told = found.to_dict()["nearest_training_objects"]
    assert told[0] == {"object_id": 2, "class": TAXONOMY.classes[2], "distance": first.distance}


# --- the command --------------------------------------------------------------------


@pytest.fixture
def words(tables, predictor, tmp_path):
    observations, objects = tables
    # Rows of an object lie apart in the file.
    observations.sort("mjd").write_csv(tmp_path / "observations.csv")
    objects.write_csv(tmp_path / "objects.csv")
    save(predictor.bundle, tmp_path / "bundle")
    return {
        "bundle": str(tmp_path / "bundle"),
        "survey": "table",
        "survey.root": str(tmp_path),
        "survey.observations": "observations.csv",
        "survey.objects": "objects.csv",
        "survey.passbands": "[g,r,i]",
        "survey.metadata": "[photoz,photoz_err,mwebv]",
        "survey.zeropoint": "27.5",
        "paths.cache_dir": str(tmp_path / "cache"),
        "object": "2",
        "output": str(tmp_path / "two.png"),
    }


def ran(words):
    overrides = [f"{key}={value}" for key, value in words.items()]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return explain_command(compose("explain", overrides=overrides))


@pytest.mark.parametrize("chunk_rows", [250_000, 50])
def test_figure_and_values(words, tables, predictor, tmp_path, monkeypatch, chunk_rows, capsys):
    monkeypatch.setattr("lcclassify.tasks.explain.CHUNK_ROWS", chunk_rows)
    result = ran(words)
    assert result.figure.read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "two.json").read_text())
    expected = predictor.explain(*tables, object_id=2)
    assert content["object_id"] == 2
    changes = [night["log_probability_change"] for night in content["nights"]]
    np.testing.assert_allclose(changes, expected.night_changes, atol=1e-5)
    shown = capsys.readouterr().out
    assert "Object 2 is " in shown
    assert "The bundle keeps no training objects" in shown


def test_stated_shares_of_the_classes_are_those_explained(words, predictor, tmp_path, capsys):
    ran(words)
    counts = {"Ia": 8, "II": 1, "90": 1}
    counted = replace(predictor.bundle, provenance={"class_counts": counts})
    save(counted, tmp_path / "bundle")
    before = json.loads((tmp_path / "two.json").read_text())
    ran({**words, "priors": "{Ia: 0.1}"})
    content = json.loads((tmp_path / "two.json").read_text())
    assert (content["priors"], content["unknown_fraction"]) == ({"Ia": 0.1}, None)
    said = [(content["probabilities"], before["probabilities"])]
    said += [(content["members"][name], before["members"][name]) for name in NETWORKS]
    for now, then in said:
        ratios = [now[label] / then[label] for label in TAXONOMY.classes]
        # Shares of .1 and .45 instead of .8 and .1.
        np.testing.assert_allclose(np.array(ratios[1:]) / ratios[0], 4.5 / 0.125, rtol=1e-6)
    shown = " ".join(capsys.readouterr().out.split())
    assert "for these shares of the classes: SN Ia 0.100, II 0.450, 90 0.450" in shown
    with pytest.raises(BundleError, match="needs a bundle that tells unknown objects"):
        ran({**words, "unknown.fraction": "0.1"})


def test_the_command_names_the_nearest_training_objects(words, tables, keeping, tmp_path, capsys):
    save(keeping.bundle, tmp_path / "bundle")
    ran(words)
    content = json.loads((tmp_path / "two.json").read_text())
    expected = keeping.explain(*tables, object_id=2).neighbours
    ids = [one["object_id"] for one in content["nearest_training_objects"]]
    assert ids == [one.object_id for one in expected]
    shown = capsys.readouterr().out.replace("\n", " ")
    assert f"{expected[1].object_id} (" in shown.partition("Training objects most like it")[2]
    assert ("It is a training object itself" in shown) == (expected[0].object_id == 2)
    assert expected[0].object_id == 2


def test_wrong_words(words):
    with pytest.raises(ConfigError, match=r"output must end in \.png"):
        ran(words | {"output": "out.pdf"})
    with pytest.raises(DataError, match=r"table has no object 77$"):
        ran(words | {"object": "77"})
    with pytest.raises(DataError, match=r"table has no object 007: similar ids are 7$"):
        ran(words | {"object": "'007'"})
    with pytest.raises(DataError, match=f"object {NEVER} has no usable observation"):
        ran(words | {"object": str(NEVER)})
    with pytest.raises(ConfigError, match="object is missing: pass the id of an object"):
        ran({key: value for key, value in words.items() if key != "object"})
