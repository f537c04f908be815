"""What is drawn of an object is a function of the seed, the epoch and the object alone."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.light import DropObservations, FluxJitter
from lcclassify.surveys.canonical import canonicalise

N = 12
STEPS = {
    "light": (FluxJitter(0.6), DropObservations(0.35)),
    "elsewhere": (ObserveElsewhere(),),
    "both": (ObserveElsewhere(attempts=2), FluxJitter(0.3), DropObservations(0.2)),
    "none": (),
}


@pytest.fixture(scope="module")
def training(explosions, shorten, sample_of, canonical):
    """Light curves of objects with and without redshifts and enough observations, and a sample."""
    redshift = np.linspace(0.05, 0.5, N)
    curves, _ = explosions(redshift, seed=6, every=5.0)
    curves = shorten(curves, 4)
    redshift[[2, 7]] = np.nan, 0.0
    sample = sample_of(curves, redshift)
    missing = np.where(np.arange(N) == 9, np.nan, sample.drawn.columns["photoz"])
    columns = {**sample.drawn.columns, "photoz": missing}
    light_curves = canonical(replace(sample.drawn, columns=columns))
    return light_curves, replace(sample, drawn=as_drawn(light_curves))


@pytest.fixture(scope="module")
def fitted(training):
    return {name: Augmenter.fitted(*training, steps) for name, steps in STEPS.items()}


@pytest.fixture(params=STEPS)
def augmenter(request, fitted):
    return fitted[request.param]


def assert_equal(one, other):
    """Compare light curves bit by bit."""
    assert one.observations.equals(other.observations)
    assert one.objects.equals(other.objects)
    assert one.passbands == other.passbands


def part_of(light_curves, rows):
    objects = light_curves.objects[rows]
    observations = light_curves.observations.join(
        objects.select("object_id"), on="object_id", how="semi", maintain_order="left"
    )
    return replace(light_curves, observations=observations, objects=objects)


def test_training_objects_as_they_are(training, fitted):
    light_curves, _ = training
    drawn = as_drawn(light_curves)
    assert set(drawn.columns) == {"photoz", "photoz_err", "distmod", "dust"}
    assert drawn.sources.tolist() == list(range(N))
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, light_curves.objects[name].fill_null(np.nan))
    back = drawn.curves.to_light_curves(light_curves.objects, light_curves.passbands)
    assert_equal(back, light_curves)
    # Without a step nothing is changed, be the epoch what it may.
    for epoch in (0, 5):
        assert_equal(fitted["none"].draw(1, epoch), light_curves)


@pytest.mark.parametrize("name", ["light", "elsewhere", "both"])
def test_every_epoch_has_other_objects(name, fitted, training):
    augmenter = fitted[name]
    draws = [augmenter.draw(seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0), (2, 1))]
    for i, one in enumerate([training[0], *draws]):
        for other in draws[i:]:
            assert not one.observations["flux"].equals(other.observations["flux"])
    assert_equal(augmenter.draw(1, 1), draws[1])
    # Seed and epoch cannot stand in for one another, and neither can ids.
    fluxes = np.concatenate([draw.observations["flux"].to_numpy() for draw in draws])
    original = training[0].observations["flux"].to_numpy()
    fresh = fluxes[~np.isin(fluxes, original)]
    assert len(fresh) > 100
    assert len(np.unique(fresh)) == len(fresh)


def test_rows_do_not_depend_on_the_others(augmenter):
    whole = augmenter.draw(3, 2)
    for rows in ([0, 2, 4, 5, 9], [11], [2], [4], [], list(range(N))):
        rows = np.array(rows, dtype=np.int64)
        assert_equal(augmenter.draw(3, 2, rows), part_of(whole, rows))


def test_draws_are_canonical(augmenter, training):
    light_curves, _ = training
    drawn = augmenter.draw(0, 4)
    assert drawn.observations.schema == light_curves.observations.schema
    assert drawn.objects.schema == light_curves.objects.schema
    assert drawn.objects.drop("photoz", "photoz_err", "distmod").equals(
        light_curves.objects.drop("photoz", "photoz_err", "distmod")
    )
    again, report = canonicalise(
        drawn.observations.sample(fraction=1, shuffle=True, seed=1),
        drawn.objects,
        drawn.passbands,
        metadata=drawn.metadata_columns,
    )
    assert report.rows_read == len(drawn.observations)
    assert again.observations.equals(drawn.observations)
    # What was missing is still missing, and no object is without observations.
    nulls = [table.objects["photoz"].is_null().to_list() for table in (drawn, light_curves)]
    assert nulls[0] == nulls[1]
    assert drawn.observations["object_id"].n_unique() == N


def test_redshifts_are_drawn_anew(fitted, training):
    light_curves, _ = training
    drawn = fitted["elsewhere"].draw(0, 0).objects
    photoz = drawn["photoz"].fill_null(np.nan).to_numpy()
    before = light_curves.objects["photoz"].fill_null(np.nan).to_numpy()
    moved = np.ones(N, dtype=bool)
    moved[[2, 4, 7, 9]] = False  # no redshift, two observations, none above zero, none known
    assert (photoz[moved] != before[moved]).all()
    np.testing.assert_array_equal(photoz[~moved], before[~moved])
    # What is not known of one object stays so though it is moved as others are.
    assert np.isnan(photoz[9])
    fluxes = [
        table.observations.filter(object_id=109)["flux"].to_list()
        for table in (fitted["elsewhere"].draw(0, 0), light_curves)
    ]
    assert fluxes[0] != fluxes[1]


def test_text_ids(training):
    light_curves, sample = training
    named = [pl.col("object_id").cast(pl.String)]
    text = replace(
        light_curves,
        observations=light_curves.observations.with_columns(named),
        objects=light_curves.objects.with_columns(named),
    )
    augmenter = Augmenter.fitted(text, sample, STEPS["both"])
    whole = augmenter.draw(3, 2)
    assert whole.objects["object_id"].to_list() == [str(100 + n) for n in range(N)]
    rows = np.array([1, 4, 8])
    assert_equal(augmenter.draw(3, 2, rows), part_of(whole, rows))


def test_another_process_draws_the_same(tmp_path, training, fitted):
    """Be the steps fitted there or sent there, and in an epoch that comes first."""
    (tmp_path / "given").write_bytes(
        pickle.dumps((training, STEPS["both"], fitted["both"], np.array([1, 2, 7, 10])))
    )
    program = (
        "import pickle, sys\n"
        "from pathlib import Path\n"
        "from lcclassify.augment.augmenter import Augmenter\n"
        "training, steps, sent, rows = pickle.loads((Path(sys.argv[1]) / 'given').read_bytes())\n"
        "own = Augmenter.fitted(*training, steps)\n"
        "done = [a.draw(5, e, r) for a in (own, sent) for e in (3, 0) for r in (rows, None)]\n"
        "(Path(sys.argv[1]) / 'done').write_bytes(pickle.dumps(done))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    done = pickle.loads((tmp_path / "done").read_bytes())
    rows = np.array([1, 2, 7, 10])
    expected = [fitted["both"].draw(5, e, r) for e in (3, 0) for r in (rows, None)] * 2
    for one, other in zip(done, expected, strict=True):
        assert_equal(one, other)
