"""The simulated cadence against PLAsTiCC's real light curves and published figures of it."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError
from lcclassify.simulation import conditions
from lcclassify.simulation.cadence import CadenceSettings, simulate_fields

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"PLAsTiCC's files are not in {DATA} (see LCCLASSIFY_TEST_DATA)"
)
BANDS = "ugrizy"
NIGHT = 0.33  # days from a night's first observation
# Training set: (observations - deep objects x mean of the deep ones) / wide objects.
WIDE_OBSERVATIONS = 126
DEEP_OBSERVATIONS = 330


@pytest.fixture(scope="module")
def fields():
    return simulate_fields(CadenceSettings(), 0)


@pytest.fixture(scope="module")
def real():
    """The ten light curves, one of each distinct cadence: mjd and passband by object."""
    table = pl.read_csv(DATA / "sample10_training_set.csv").sort("object_id", "mjd")
    curves, seen = {}, set()
    for (name,), one in table.group_by("object_id", maintain_order=True):
        if one["mjd"][0] not in seen:
            seen.add(one["mjd"][0])
            curves[name] = one["mjd"].to_numpy(), one["passband"].to_numpy()
    return curves


def visits_of(fields, number):
    part = slice(fields.starts[number], fields.starts[number + 1])
    return fields.mjd[part], fields.passband[part]


def deep(fields):
    """One pointing of each of the five deep fields."""
    return [visits_of(fields, number) for number in np.flatnonzero(fields.ddf)[:5]]


def nights(mjd):
    """First observation of each night."""
    starts = [mjd[0]]
    for time in mjd:
        if time - starts[-1] > NIGHT:
            starts.append(time)
    return np.array(starts)


def night_words(mjd, passband):
    """Each night's passbands in their order, such as "rgizy"."""
    which = np.searchsorted(nights(mjd), mjd, side="right") - 1
    words = [""] * (which[-1] + 1)
    for night, band in zip(which, passband, strict=True):
        words[night] += BANDS[band]
    return words


def per_field(fields):
    counts = np.diff(fields.starts)
    field = np.repeat(np.arange(len(fields)), counts)
    return counts, field


def test_shapes_and_order(fields):
    counts, field = per_field(fields)
    assert len(fields) == 6130
    assert fields.ddf.sum() == 130
    assert fields.starts[0] == 0
    assert fields.starts[-1] == len(fields.mjd)
    assert fields.starts.dtype == np.int64
    assert fields.passband.dtype == np.uint8
    assert np.all((np.diff(fields.mjd) >= 0) | (np.diff(field) > 0))
    assert set(np.unique(fields.passband)) == set(range(6))
    assert np.isfinite(fields.sky_noise).all()
    assert (fields.sky_noise > 0).all()
    assert (fields.visits > 0).all()
    assert fields.mjd.min() >= 59580
    assert fields.mjd.max() <= 59580 + 1096
    wide = ~fields.ddf
    assert fields.decl[wide].min() >= -65
    assert fields.decl[wide].max() <= 4.5
    assert (np.abs(fields.gal_b[fields.ddf]) > 35).all()
    assert counts[wide].min() > 20


def test_a_night_has_each_passband_once(fields):
    _, field = per_field(fields)
    night = np.floor(fields.mjd - conditions.MIDNIGHT + 0.5)
    keys = (field * 10 + fields.passband) * 4000 + (night - night.min())
    assert len(np.unique(keys)) == len(keys)


def test_observations_happen_in_the_dark(fields):
    hour = (fields.mjd - conditions.MIDNIGHT + 0.5) % 1 - 0.5
    assert np.abs(hour).max() < 6 / 24


def test_same_seed_same_survey():
    settings = CadenceSettings(wfd_fields=50, ddf_fields=7)
    first, again, other = (simulate_fields(settings, seed) for seed in (3, 3, 4))
    for name in ("ra", "mwebv", "starts", "mjd", "passband", "sky_noise", "visits"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert not np.array_equal(first.mjd[:100], other.mjd[:100])


def test_wide_observations(fields):
    """About 100-180 an object, with the median and the passbands of PLAsTiCC."""
    counts, field = per_field(fields)
    wide = ~fields.ddf
    quantiles = np.percentile(counts[wide], [5, 25, 50, 75, 95])
    print("\nwide observations an object, 5 25 50 75 95 %:", quantiles)
    assert quantiles[2] == pytest.approx(WIDE_OBSERVATIONS, rel=0.05)
    # Boone 2019's mixture of three normal distributions for PLAsTiCC's test set.
    assert quantiles == pytest.approx([101, 115, 129, 138, 149], rel=0.07)
    for band, expected in enumerate((8, 12, 27, 27, 27, 25)):
        found = np.median(np.bincount(field[fields.passband == band], minlength=len(wide))[wide])
        print(f"  {BANDS[band]}: {found:.0f} (expected {expected})")
        assert abs(found - expected) <= 2.5


def test_wide_nights_and_seasons(fields):
    words, lengths, sizes = [], [], []
    for number in range(0, 6000, 40):
        mjd, passband = visits_of(fields, number)
        words += night_words(mjd, passband)
        sizes.append(len(nights(mjd)))
        breaks = np.flatnonzero(np.diff(mjd) > 60)
        inner = np.split(mjd, breaks + 1)[1:-1]  # whole seasons only
        lengths += [one[-1] - one[0] for one in inner if len(one) > 15]
    size = np.bincount([len(word) for word in words], minlength=4)
    print("\nwide: share of nights with 1, 2, 3 passbands", (size[1:] / size.sum()).round(3))
    print("wide: nights an object", np.percentile(sizes, [0, 5, 50, 95, 100]))
    print("wide: days a season", np.percentile(lengths, [5, 50, 95]).round(0))
    assert size[4:].sum() == 0
    assert size[1] > size[2] > size[3] > 0
    assert 150 <= np.median(lengths) <= 245
    assert max(sizes) <= 162  # the longest sequence of PLAsTiCC's training set


@needs_data
def test_deep_observations_and_nights(fields, real):
    def row(curves):
        return np.array(
            [
                [len(mjd), len(nights(mjd)), *(np.sum(band == b) for b in range(6))]
                for mjd, band in curves
            ]
        )

    simulated = row(deep(fields))
    true = row(real.values())
    print("\ndeep fields: observations, nights, then by passband\nreal\n", true)
    print("simulated\n", simulated)
    # Five fields and one realisation of the weather: a mean varies by 5 %.
    assert simulated[:, 0].mean() == pytest.approx(DEEP_OBSERVATIONS, rel=0.10)
    assert simulated.mean(axis=0) == pytest.approx(true.mean(axis=0), rel=0.15)
    assert simulated[:, 0].min() > 200
    assert simulated[:, 0].max() < 420
    assert simulated[:, 1].min() >= 65
    assert simulated[:, 1].max() <= 162


@needs_data
def test_deep_nights_are_sequences_or_u(fields, real):
    def shares(curves):
        words = [word for curve in curves for word in night_words(*curve)]
        kinds = {"u": 0, "rgizy": 0, "other": 0}
        for word in words:
            kinds[word if word in kinds else "other"] += 1
        return {kind: count / len(words) for kind, count in kinds.items()}

    true, simulated = shares(real.values()), shares(deep(fields))
    print("\nshare of deep nights\nreal", true, "\nsimulated", simulated)
    for kind, share in true.items():
        assert simulated[kind] == pytest.approx(share, abs=0.06)


@needs_data
def test_deep_times(fields, real):
    """Sequences take an hour, come every third day or after the moon, and u is dark."""

    def figures(curves):
        gaps, steps, ages_u, ages_r, season = [], [], [], [], []
        for mjd, band in curves:
            r = mjd[band == 2]
            gaps += list(np.round(np.diff(r)))
            steps += [np.diff(mjd[(mjd >= t) & (mjd < t + NIGHT)]) for t in r]
            age = np.abs((mjd - 51549.76 + 14.765) % 29.530589 - 14.765)
            ages_u += list(age[band == 0])
            ages_r += list(age[band == 2])
            breaks = np.flatnonzero(np.diff(mjd) > 60)
            season += [one[-1] - one[0] for one in np.split(mjd, breaks + 1) if len(one) > 60]
        whole = np.array([one for one in steps if len(one) == 4])
        return {
            "share of 3-day gaps": np.mean(np.array(gaps) == 3),
            "median gap": np.median(gaps),
            "hours of a sequence": 24 * np.median(whole.sum(axis=1)),
            "moon age of u, 95 %": np.percentile(ages_u, 95),
            "moon age of r, 5 %": np.percentile(ages_r, 5),
            "moon age of r, 50 %": np.percentile(ages_r, 50),
            "moon age of r, 95 %": np.percentile(ages_r, 95),
            "days of a season": np.median(season),
        }

    true, simulated = figures(real.values()), figures(deep(fields))
    tolerance = dict.fromkeys(true, 0.2) | {"share of 3-day gaps": 0.35, "median gap": 0.5}
    print()
    for name, value in true.items():
        print(f"{name:22s} real {value:7.3f} simulated {simulated[name]:7.3f}")
    for name, value in true.items():
        assert simulated[name] == pytest.approx(value, rel=tolerance[name]), name


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"wfd_fields": 0}, "wfd_fields"),
        ({"ddf_fields": 1.5}, "ddf_fields"),
        ({"nights": -3}, "nights"),
        ({"nights": True}, "nights"),
        ({"start": float("nan")}, "start"),
        ({"wfd_visits": 0}, "wfd_visits"),
        ({"south": 10}, "south"),
        ({"north": 60}, "north"),
        ({"start": "today"}, "start"),
    ],
)
def test_impossible_settings(changes, word):
    with pytest.raises(ConfigError, match=word):
        CadenceSettings(**changes)


@pytest.mark.parametrize("nights", [1, 20, 400])
def test_short_surveys(nights):
    fields = simulate_fields(CadenceSettings(wfd_fields=30, ddf_fields=3, nights=nights), 1)
    assert len(fields.starts) == 34
    assert fields.starts[-1] == len(fields.mjd) == len(fields.visits)
    if nights == 400:
        assert np.median(np.diff(fields.starts)[:30]) == pytest.approx(126 * 400 / 1095, rel=0.15)


def test_more_visits_are_observed_when_wanted():
    twice = simulate_fields(CadenceSettings(wfd_fields=100, ddf_fields=1, wfd_visits=60), 0)
    assert np.median(np.diff(twice.starts)[:100]) == pytest.approx(60, rel=0.1)
