import hashlib
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import ConfigError
from lcclassify.simulation.population import Population
from lcclassify.simulation.simulator import Simulator, training_ids, wide_ids
from lcclassify.simulation.sources.base import Source
from lcclassify.surveys.plasticc import UNKNOWN

N = 400


@pytest.fixture(scope="module")
def ids():
    return np.concatenate([training_ids(N // 4), wide_ids(N - N // 4)])


@pytest.fixture(scope="module")
def whole(simulator, ids):
    return simulator.make(ids)


def digest(chunk, object_id):
    own = pl.col("object_id") == object_id
    rows = chunk.observations.with_columns(pl.Series("true", chunk.true_flux)).filter(own)
    parts = [rows, chunk.objects.filter(own), chunk.truth.filter(own)]
    text = b"".join(
        part.select(pl.all().cast(pl.Float64).fill_null(-1)).to_numpy().tobytes() for part in parts
    )
    return hashlib.sha256(text).hexdigest()


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_an_object_is_the_same_to_the_bit_in_any_chunk_and_order(simulator, ids, whole, data):
    some = data.draw(st.lists(st.sampled_from(ids.tolist()), min_size=1, max_size=60, unique=True))
    chunk = simulator.make(np.array(some))
    assert chunk.objects["object_id"].to_list() == some
    for object_id in some[:10]:
        assert digest(chunk, object_id) == digest(whole, object_id)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_chunks_add_up_to_the_whole(simulator, ids, whole, size):
    some = ids[:50] if size == 1 else ids
    chunks = list(simulator.chunks(some, size=size, workers=2))
    assert len(chunks) == -(-len(some) // size)
    for name in ("observations", "objects", "truth"):
        joined = pl.concat(getattr(chunk, name) for chunk in chunks)
        expected = getattr(whole, name).filter(pl.col("object_id").is_in(some.tolist()))
        assert joined.equals(expected)


def test_another_process_makes_the_same_objects(simulator, whole):
    code = (
        "import sys; sys.path.insert(0, 'tests/simulation'); import numpy as np\n"
        "from hydra import compose, initialize_config_dir\n"
        "from lcclassify.build import config_dir, instantiate\n"
        "from lcclassify.cli import register_resolvers\n"
        "register_resolvers()\n"
        "with initialize_config_dir(str(config_dir()), version_base='1.3'):\n"
        "    cfg = compose('train', overrides=['survey=simulated', 'survey.seed=5',\n"
        "        'survey.cadence.wfd_fields=300', 'survey.cadence.ddf_fields=20'])\n"
        "chunk = instantiate(cfg.survey).simulator().make(np.array([3, 1]))\n"
        "print(chunk.observations.select('flux').sum().item().hex())\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    two = simulator.make(np.array([3, 1]))
    assert out.stdout.split()[-1] == two.observations["flux"].sum().hex()


def test_another_seed_is_another_sky(populations, small_cadence, whole, ids):
    other = Simulator(populations, small_cadence, seed=6).make(ids[:20])
    assert not other.objects["mwebv"].equals(whole.objects["mwebv"][:20])


def test_tables_are_clean(whole, ids):
    rows, objects = whole.observations, whole.objects
    assert rows["object_id"].unique(maintain_order=True).to_list() == ids.tolist()
    assert rows.null_count().sum_horizontal().item() == 0
    assert np.isfinite(rows.select("mjd", "flux", "flux_err").to_numpy()).all()
    assert (rows["flux_err"] > 0).all()
    assert set(rows["detected"].unique()) == {0, 1}
    assert (
        (rows["mjd"].diff() >= 0).to_numpy()[1:][rows["object_id"].diff().to_numpy()[1:] == 0].all()
    )
    assert set(rows["passband"].unique()) == set(range(6))
    galactic = objects.filter(pl.col("hostgal_photoz") == 0)
    assert galactic["distmod"].null_count() == len(galactic) > 0
    assert objects.filter(pl.col("hostgal_photoz") > 0)["distmod"].null_count() == 0
    training = objects["object_id"].is_in(training_ids(N).tolist())
    assert objects.filter(training)["hostgal_specz"].null_count() == 0


def test_every_object_has_two_detections_half_an_hour_apart(whole):
    spans = (
        whole.observations.filter(pl.col("detected") == 1)
        .group_by("object_id")
        .agg((pl.col("mjd").max() - pl.col("mjd").min()).alias("span"))
    )
    assert len(spans) == N
    assert spans["span"].min() >= 30 / 1440


def test_noise_is_as_large_as_the_errors_say(whole):
    rows = whole.observations
    pull = (rows["flux"].to_numpy() - whole.true_flux) / rows["flux_err"].to_numpy()
    assert abs(pull.mean()) < 5 / np.sqrt(len(pull))
    assert pull.std() == pytest.approx(1, abs=0.01)


def test_classes_have_their_shares(simulator, populations):
    for make, which in ((wide_ids, "fraction"), (training_ids, "training_fraction")):
        index = simulator._class_index(make(200_000))
        counts = np.bincount(index, minlength=len(populations))
        shares = np.array([getattr(one, which) for one in populations.values()])
        expected = 200_000 * shares / shares.sum()
        assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 1e-9).all()


def test_training_set_lacks_the_unknown_classes_and_is_brighter_and_nearer(simulator, populations):
    assert all(populations[name].training_fraction == 0 for name in UNKNOWN)
    near = simulator.make(training_ids(600)).truth.filter(pl.col("true_z") > 0)
    far = simulator.make(wide_ids(600)).truth.filter(pl.col("true_z") > 0)
    for target in (42, 90):
        own = pl.col("true_target") == target
        assert near.filter(own)["true_z"].median() < 0.8 * far.filter(own)["true_z"].median()


def test_ids_of_a_class_are_of_that_class(simulator):
    rare = simulator.ids_of("991", 2)
    assert simulator.make(rare).truth["true_target"].to_list() == [991, 991]
    with pytest.raises(ConfigError, match="no class '7'"):
        simulator.ids_of("7", 1)


class Dark(Source):
    galactic = True

    def draw(self, draws, redshift, span):
        return {"light": np.zeros(len(draws))}

    def flux(self, parameters, epochs):
        return np.zeros(len(epochs))

    def peak(self, parameters):
        return np.zeros((len(parameters["light"]), 6))


def test_a_class_that_is_never_found_is_an_error(small_cadence, monkeypatch):
    monkeypatch.setattr("lcclassify.simulation.selection.MAX_ATTEMPTS", 1000)
    hopeless = Simulator({"6": Population(Dark(), 1, 1)}, small_cadence)
    with pytest.raises(ConfigError, match="class 6: 1,000 objects were drawn"):
        hopeless.make(wide_ids(3))


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({}, "above 0"),
        ({"SN": Population(Dark(), 1, 1)}, "numbers, got 'SN'"),
        ({"6": Population(Dark(), 0, 1)}, "a fraction above 0"),
    ],
)
def test_impossible_classes_are_refused(classes, words, small_cadence):
    with pytest.raises(ConfigError, match=words):
        Simulator(classes, small_cadence)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fraction": -1.0}, "fraction"),
        ({"training_fraction": float("nan")}, "training_fraction"),
        ({"ddf_fraction": 1.5}, "ddf_fraction"),
        ({"latitude_scale": 0.0}, "latitude_scale"),
        ({"redshifts": {"maximum": 1.0}}, "redshifts"),
        ({"spectroscopy": {"limit": 20.0, "passband": "R"}}, "passband"),
        ({"spectroscopy": {"limit": 20.0, "width": 0.0}}, "width"),
        ({"spectroscopy": {"limits": 20.0}}, "limits"),
    ],
)
def test_impossible_populations_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Population(Dark(), **({"fraction": 1.0, "training_fraction": 1.0} | arguments))
