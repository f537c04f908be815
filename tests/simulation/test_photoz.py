"""Photometric redshifts against those of PLAsTiCC's training set."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.photoz import HostSettings, host_redshifts

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"PLAsTiCC's files are not in {DATA} (see LCCLASSIFY_TEST_DATA)"
)
BINS = ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.2), (1.2, 1.8), (1.8, 3.5))


@pytest.fixture(scope="module")
def real():
    """True and photometric redshift and its error of all extragalactic training objects."""
    names = ("true_z", "hostgal_photoz", "hostgal_photoz_err")
    table = pl.read_csv(DATA / "plasticc_train_metadata.csv.gz", infer_schema=False).select(
        pl.col(name).str.strip_chars().cast(pl.Float64) for name in names
    )
    return table.filter(pl.col("hostgal_photoz") > 0).to_numpy().T


def simulated(redshift, seed=1, training=True):
    n = len(redshift)
    return host_redshifts(
        HostSettings(), redshift, np.full(n, training), Draws.of(seed, np.arange(n))
    )


def figures(true, photoz, error):
    deviation = (photoz - true) / (1 + true)
    return {
        "photoz quartiles": np.percentile(photoz, [25, 50, 75]),
        "error quartiles": np.percentile(error, [25, 50, 75]),
        "error 90 %": np.percentile(error, 90),
        "nmad": 1.4826 * np.median(np.abs(deviation)),
        "over 0.05": np.mean(np.abs(deviation) > 0.05),
        "over 0.15": np.mean(np.abs(deviation) > 0.15),
        "over 0.5": np.mean(np.abs(deviation) > 0.5),
    }


@needs_data
@pytest.mark.parametrize(("low", "high"), [(0, 3.5), *BINS])
def test_like_the_training_set(real, low, high):
    """The same true redshifts, drawn twenty times over."""
    true, photoz, error = real
    inside = (true >= low) & (true < high)
    n = inside.sum()
    many = np.tile(true[inside], 20)
    host = simulated(many)
    expected = figures(true[inside], photoz[inside], error[inside])
    found = figures(many, host.photoz, host.photoz_err)
    print(f"\nz {low}-{high}: {n} objects; real, simulated")
    for name in expected:
        print(f"  {name:17s}", np.round(expected[name], 4), np.round(found[name], 4))
    # The spread of a median is 1.25 / sqrt(n) of the width: bins of few objects are looser.
    loose = 1 if n > 200 else 2
    width = found["nmad"] * (1 + low)
    assert found["photoz quartiles"] == pytest.approx(
        expected["photoz quartiles"], rel=0.05 * loose, abs=width / 2
    )
    assert found["nmad"] == pytest.approx(expected["nmad"], rel=0.25 * loose)
    for name in ("over 0.05", "over 0.15", "over 0.5"):
        binomial = np.sqrt(max(expected[name], 1 / n) / n)
        assert abs(found[name] - expected[name]) < 0.02 + 3 * binomial, name
    if n > 200:
        # Large errors (the upper quartile) have no smooth law in the real data.
        assert found["error quartiles"][:2] == pytest.approx(
            expected["error quartiles"][:2], rel=0.4
        )
        assert found["error 90 %"] == pytest.approx(expected["error 90 %"], rel=0.4)


def test_range_and_decimals():
    redshift = np.concatenate([np.full(5000, z) for z in (0.001, 0.3, 1.5, 3.4, 6.0)])
    host = simulated(redshift)
    assert host.photoz.min() > 0
    assert host.photoz.max() <= 3
    assert host.photoz_err.min() > 0
    assert np.array_equal(host.photoz, np.round(host.photoz, 4))
    assert np.array_equal(host.photoz_err, np.round(host.photoz_err, 4))
    assert host.specz == pytest.approx(redshift, abs=1e-4)


def test_galactic_objects_have_zeros():
    host = simulated(np.zeros(50))
    assert not host.photoz.any()
    assert not host.photoz_err.any()
    assert not host.specz.any()


def test_spectra_are_few_and_near():
    redshift = np.random.default_rng(0).gamma(4, 0.12, 100_000)
    host = simulated(redshift, training=False)
    have = np.isfinite(host.specz)
    assert have.mean() == pytest.approx(0.036, abs=0.006)
    assert np.median(redshift[have]) < np.median(redshift[~have])
    assert np.isfinite(simulated(redshift).specz).all()


def test_an_object_keeps_its_redshift():
    redshift = np.linspace(0.01, 2, 999)
    draws = Draws.of(7, np.arange(999))
    training = np.zeros(999, dtype=bool)
    whole = host_redshifts(HostSettings(), redshift, training, draws)
    some = np.array([500, 3, 77])
    part = host_redshifts(HostSettings(), redshift[some], training[some], draws.take(some))
    assert np.array_equal(part.photoz, whole.photoz[some])
    assert np.array_equal(part.photoz_err, whole.photoz_err[some])
    assert np.array_equal(part.specz, whole.specz[some], equal_nan=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lost": [0.1]}, "hosts.lost must have a number for each of the 10"),
        ({"loose": [0.95] * 10}, "add up to"),
        ({"core_error": [-0.1] * 10}, "hosts.core_error"),
        ({"redshift": [1.0] * 10}, "hosts.redshift must be ascending"),
        ({"spectroscopic_share": 2}, "hosts.spectroscopic_share"),
        ({"spectroscopic_width": 0}, "hosts.spectroscopic_width"),
    ],
)
def test_impossible_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        HostSettings(**arguments)


def test_the_share_of_spectra_is_a_setting():
    redshift = np.full(2000, 0.3)
    draws, training = Draws.of(0, np.arange(2000)), np.zeros(2000, dtype=bool)
    none = host_redshifts(HostSettings(spectroscopic_share=0.0), redshift, training, draws)
    many = host_redshifts(HostSettings(spectroscopic_share=0.3), redshift, training, draws)
    assert np.isnan(none.specz).all()
    assert np.isfinite(many.specz).mean() > 0.3
