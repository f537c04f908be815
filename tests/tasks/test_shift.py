"""What is said of objects that are unlike the training objects."""

import io

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from lcclassify.inference.conditions import Difference, Quantity
from lcclassify.schema import LightCurves, Passbands
from lcclassify.tasks import shift as shifts
from lcclassify.tasks.inputs import read_inputs
from lcclassify.tasks.runs import open_run
from lcclassify.tasks.shift import Shift, foretold

CURE = "experiment=at_large"


def shift(distance, **others):
    difference = Difference(
        Quantity("highest flux", "fainter", "brighter"),
        below=0.4,
        above=0.0,
        distance=distance,
        median=0.1,
        undefined=0.0,
        undefined_before=0.0,
    )
    return Shift([difference], None, **others)


@pytest.mark.parametrize(
    ("distance", "is_drawn", "is_cured"),
    [(0.5, False, True), (0.5, True, False), (0.1, False, False)],
)
def test_the_cure_is_named_where_there_is_a_shift_and_nothing_was_drawn(
    distance, is_drawn, is_cured
):
    said = shift(distance, is_drawn=is_drawn).sentences(None)
    assert (CURE in " ".join(said)) is is_cured
    assert any("unlike the training objects" in one for one in said) is (distance > 0.2)


@pytest.mark.parametrize("is_drawn", [False, True])
def test_beginnings_are_unlike_whole_light_curves_and_farther_draws_no_cure(is_drawn):
    warning, advice = shift(0.5, is_drawn=is_drawn, early=True).advice()
    assert "unlike the training objects" in warning
    assert "compared with whole light curves" in advice
    assert "augment=early" in advice
    assert CURE not in advice
    assert shift(0.1, early=True).advice() == []


@pytest.fixture(scope="module")
def two_kinds():
    """Light curves of 300 bright, near objects, then 300 faint, far and 150 unobserved ones."""
    rng = np.random.default_rng(3)
    n, nights = 600, 5
    peak = np.where(np.arange(n) < 300, rng.uniform(20, 90, n), rng.uniform(4, 12, n))
    observations = pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(n), nights),
            "mjd": np.tile(np.arange(nights, dtype=np.float64), n),
            "flux": (peak[:, None] * rng.uniform(0.2, 1, (n, nights))).ravel(),
            "flux_err": np.ones(n * nights),
        }
    )
    redshift = np.where(np.arange(n + 150) < 300, 0.1, 0.5) + rng.uniform(-0.05, 0.05, n + 150)
    objects = pl.DataFrame({"object_id": np.arange(n + 150), "photoz": redshift})
    return LightCurves(observations, objects, Passbands(("g",)))


def test_unlike_objects_are_told_before_training(two_kinds, monkeypatch):
    ids = two_kinds.objects["object_id"]
    found = foretold(two_kinds, ids[:300], ids[300:], "photoz")
    assert {one.quantity.what for one in found.differences} == {
        "highest signal-to-noise ratio",
        "redshift",
    }
    assert found.distance > 0.9
    assert CURE in found.advice()[-1]
    assert "The objects to be classified are unlike" in found.advice()[0]
    alike = foretold(two_kinds, ids[:300:2], ids[1:300:2], "photoz")
    assert not alike.advice()
    # Of many objects some are looked at, to the same end; a redshift need not be known.
    monkeypatch.setattr(shifts, "_MOST_FORETOLD", 100)
    assert foretold(two_kinds, ids[:300], ids[300:], None).distance > 0.9
    assert foretold(two_kinds, ids[:99], ids[300:], "photoz") is None
    assert foretold(two_kinds, ids[:300], ids[:0], "photoz") is None


@pytest.mark.parametrize(
    ("words", "is_told"),
    [([], True), (["augment=light"], True), (["augment=gp", "augment.target=metadata"], False)],
)
def test_it_is_told_where_nothing_is_drawn_farther_away(
    tmp_path, compose_config, dense_words, monkeypatch, words, is_told
):
    monkeypatch.setattr(shifts, "_FEWEST", 10)
    monkeypatch.setattr(shifts, "_WARNING", 0.0)
    words = [*dense_words, *words, "survey.wavelengths=[480,620]", f"paths.output_dir={tmp_path}/r"]
    console = Console(file=io.StringIO(), width=200)
    read_inputs(open_run(compose_config(*words), words), console, set())
    assert (CURE in console.file.getvalue()) is is_told
