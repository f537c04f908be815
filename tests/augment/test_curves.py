"""Flat arrays hold what canonical tables hold, and lose nothing on the way back."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.augment.curves import Curves
from lcclassify.schema import Passbands
from lcclassify.surveys.canonical import canonicalise

NAMES = ("mjd", "passband", "flux", "flux_err", "detected")
counts_of_objects = st.lists(st.integers(0, 6), min_size=1, max_size=8)


def rows_of(curves):
    """Return the observations of each object as lists of tuples."""
    rows = list(zip(*(getattr(curves, name).tolist() for name in NAMES), strict=True))
    return [rows[curves.bounds[n] : curves.bounds[n + 1]] for n in range(len(curves))]


@pytest.fixture(scope="module")
def tables():
    """Canonical light curves with text ids, simultaneous observations and an object without any."""
    rng = np.random.default_rng(0)
    ids = rng.choice(["b", "a", "d", "e"], 60)
    observations = pl.DataFrame(
        {
            "object_id": ids,
            "mjd": 59000 + rng.integers(0, 8, 60) / 2,
            "passband": rng.choice(["g", "r"], 60),
            "flux": rng.normal(0, 9, 60),
            "flux_err": rng.choice([1.0, 2.0], 60),
        }
    )
    objects = pl.DataFrame({"object_id": ["e", "c", "a", "b", "d"], "dust": [0.1, 0.2, None, 0, 1]})
    curves, _ = canonicalise(observations, objects, Passbands(("g", "r")), metadata=("dust",))
    return curves


def test_there_and_back(tables):
    curves = Curves.of(tables)
    assert len(curves) == 5
    assert curves.counts[2] == 0
    assert curves.counts.sum() == 60
    for n, name in enumerate("abcde"):
        own = tables.observations.filter(object_id=name)
        assert rows_of(curves)[n] == own.select(NAMES).rows()
    back = curves.to_light_curves(tables.objects, tables.passbands)
    assert back.observations.equals(tables.observations)
    assert back.observations.schema == tables.observations.schema
    assert back.objects.equals(tables.objects)
    assert back.passbands == tables.passbands


@pytest.mark.parametrize("by_time", [False, True])
def test_rows_come_back_in_canonical_order(tables, by_time):
    curves = Curves.of(tables)
    order = np.random.default_rng(1).permutation(60)
    if by_time:
        order = order[np.argsort(curves.mjd[order], kind="stable")]
    order = order[np.argsort(curves.objects[order], kind="stable")]
    mixed = Curves(curves.bounds, *(getattr(curves, name)[order] for name in NAMES))
    assert not np.array_equal(mixed.flux, curves.flux)
    back = mixed.to_light_curves(tables.objects, tables.passbands)
    assert back.observations.equals(tables.observations)


def test_no_observations_at_all(tables):
    empty = Curves.of(tables).select(np.zeros(60, dtype=bool))
    back = empty.to_light_curves(tables.objects, tables.passbands)
    assert back.observations.schema == tables.observations.schema
    again = Curves.of(back)
    assert again.counts.tolist() == [0] * 5
    assert rows_of(again) == [[]] * 5


@settings(max_examples=50, deadline=None)
@given(counts_of_objects, st.data())
def test_objects_are_taken_in_any_order_and_repeated(random_curves, counts, data):
    curves = random_curves(counts)
    places = st.lists(st.integers(0, len(counts) - 1), max_size=10)
    chosen = np.array(data.draw(places), dtype=np.int64)
    rows = rows_of(curves)
    taken = curves.take(chosen)
    assert rows_of(taken) == [rows[i] for i in chosen]
    assert taken.objects.tolist() == [i for i, j in enumerate(chosen) for _ in rows[j]]


@settings(max_examples=50, deadline=None)
@given(counts_of_objects, st.integers(0, 2**20))
def test_observations_are_selected(random_curves, counts, seed):
    curves = random_curves(counts)
    keep = np.random.default_rng(seed).random(sum(counts)) < 0.5
    selected = curves.select(keep)
    assert len(selected) == len(curves)
    expected = [
        [row for place, row in zip(places, rows, strict=True) if keep[place]]
        for places, rows in zip(
            np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1]), rows_of(curves), strict=True
        )
    ]
    assert rows_of(selected) == expected
