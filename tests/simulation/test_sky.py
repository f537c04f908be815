"""Dust and positions against PLAsTiCC's training metadata."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.simulation.cadence import CadenceSettings, simulate_fields
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sky import choose_fields, object_mwebv

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"PLAsTiCC's files are not in {DATA} (see LCCLASSIFY_TEST_DATA)"
)
N = 40_000


@pytest.fixture(scope="module")
def fields():
    return simulate_fields(CadenceSettings(), 0)


@pytest.fixture(scope="module")
def real():
    return pl.read_csv(DATA / "training_set_metadata.csv")


@pytest.fixture(scope="module")
def draws():
    return Draws.of(3, np.arange(N))


def chosen(fields, draws, deep, scale=None):
    return choose_fields(fields, draws.uniform("field"), np.full(len(draws), deep), scale)


@needs_data
def test_dust_by_latitude(fields, draws, real):
    """Quartiles of E(B-V) of the wide survey by |b|, within 30 %."""
    field = chosen(fields, draws, False)
    mwebv = object_mwebv(fields, field, draws)
    latitude = np.abs(fields.gal_b[field])
    wide = real.filter(pl.col("ddf") == 0)
    print("\n|b|: objects, E(B-V) 25 50 75 % real, simulated")
    for low in range(0, 80, 10):
        theirs = wide.filter(pl.col("gal_b").abs().is_between(low, low + 10))["mwebv"]
        ours = mwebv[(latitude >= low) & (latitude < low + 10)]
        expected, found = (np.percentile(x, [25, 50, 75]) for x in (theirs, ours))
        print(f"  {low:2d} {len(theirs):4d}", expected.round(3), found.round(3))
        assert found == pytest.approx(expected, rel=0.3)


@needs_data
def test_dust_of_deep_fields(fields, draws, real):
    mwebv = object_mwebv(fields, chosen(fields, draws, True), draws)
    theirs = real.filter(pl.col("ddf") == 1)["mwebv"]
    expected, found = (np.percentile(x, [5, 25, 50, 75, 95]) for x in (theirs, mwebv))
    print("\ndeep E(B-V), 5 25 50 75 95 %: real", expected, "simulated", found)
    assert found == pytest.approx(expected, rel=0.3)


@needs_data
def test_places_of_deep_fields(fields, real):
    """Each real object lies within 2.5 degrees of a simulated deep pointing."""
    theirs = np.radians(real.filter(pl.col("ddf") == 1).select("ra", "decl").to_numpy())
    mine = np.radians(np.stack([fields.ra[fields.ddf], fields.decl[fields.ddf]], axis=1))

    def vectors(place):
        ra, decl = place.T
        return np.stack([np.cos(decl) * np.cos(ra), np.cos(decl) * np.sin(ra), np.sin(decl)])

    nearest = np.degrees(np.arccos(np.clip((vectors(theirs).T @ vectors(mine)).max(axis=1), -1, 1)))
    assert nearest.max() < 2.5


@needs_data
def test_extragalactic_latitudes(fields, draws, real):
    """An even sky has the latitudes of extragalactic objects, but for those lost to dust."""
    field = chosen(fields, draws, False)
    wide = real.filter(pl.col("ddf") == 0, pl.col("hostgal_photoz") > 0)
    expected = np.percentile(wide["gal_b"].abs(), [25, 50, 75])
    # Dust dims by A_r = 2.27 E(B-V), and the number brighter than a limit falls by 10^(-0.6 A_r).
    seen = draws.uniform("dimmed") < 10 ** (-0.6 * 2.273 * fields.mwebv[field])
    found = np.percentile(np.abs(fields.gal_b[field][seen]), [25, 50, 75])
    print("\n|b| 25 50 75 %: real", expected, "simulated", found)
    assert found == pytest.approx(expected, abs=4)
    expected = np.percentile(wide["decl"], [25, 50, 75])
    found = np.percentile(fields.decl[field][seen], [25, 50, 75])
    print("decl 25 50 75 %: real", expected, "simulated", found)
    assert found == pytest.approx(expected, abs=5)


@needs_data
def test_the_inner_plane_is_left_out(fields, real):
    """As for the real objects: none but a few at its edge."""

    def inside(longitude, latitude, width):
        longitude = np.minimum(longitude, 360 - longitude)
        return np.mean(np.abs(latitude) < width * (1 - longitude / 90))

    wide = real.filter(pl.col("ddf") == 0)
    mine = fields.gal_l[~fields.ddf], fields.gal_b[~fields.ddf]
    assert inside(*mine, 10) == 0
    assert inside(wide["gal_l"].to_numpy(), wide["gal_b"].to_numpy(), 10) < 0.005
    assert inside(*mine, 12) > 0.005


def test_fields_are_of_the_kind_wanted(fields, draws):
    deep = draws.uniform("which") < 0.3
    field = choose_fields(fields, draws.uniform("field"), deep, 10.0)
    assert np.array_equal(fields.ddf[field], deep)
    counts = np.bincount(field[deep], minlength=len(fields))[fields.ddf]
    assert counts.min() > 0.4 * counts.mean()


def test_galactic_sources_crowd_to_the_plane(fields, draws):
    latitude = [
        np.median(np.abs(fields.gal_b[chosen(fields, draws, False, scale)]))
        for scale in (5.0, 20.0, 60.0, None)
    ]
    assert latitude == sorted(latitude)
    assert latitude[0] < 8
    assert latitude[-1] > 30
    # Within a narrow zone the density must fall by e per scale height, cos b aside.
    place = np.abs(fields.gal_b[chosen(fields, draws, False, 15.0)])
    even = np.abs(fields.gal_b[chosen(fields, draws, False)])
    ratio = [
        np.mean((place >= low) & (place < low + 5)) / np.mean((even >= low) & (even < low + 5))
        for low in (0, 15, 30)
    ]
    assert ratio[0] / ratio[1] == pytest.approx(np.e, rel=0.1)
    assert ratio[1] / ratio[2] == pytest.approx(np.e, rel=0.15)


def test_ends_of_the_unit_interval(fields):
    uniform = np.array([1e-17, 1 - 1e-16, 0.5])
    for deep in (False, True):
        field = choose_fields(fields, uniform, np.full(3, deep), 0.1)
        assert (fields.ddf[field] == deep).all()


def test_an_object_keeps_its_place(fields, draws):
    field = chosen(fields, draws, False, 30.0)
    some = np.array([9, 39_000, 12])
    part = draws.take(some)
    alone = choose_fields(fields, part.uniform("field"), np.zeros(3, dtype=bool), 30.0)
    assert np.array_equal(alone, field[some])
    whole = object_mwebv(fields, field, draws)
    assert np.array_equal(object_mwebv(fields, alone, part), whole[some])
    assert np.abs(whole / fields.mwebv[field] - 1)[fields.mwebv[field] > 0.1].max() < 0.2
