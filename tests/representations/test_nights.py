"""A night takes what lies within its length of its first observation, and no more."""

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lcclassify.errors import DataError
from lcclassify.representations.nights import group_nights
from lcclassify.schema import LightCurves, Passbands


def starts_by_loop(objects, length):
    """The definition, word for word: the starts of each object's nights."""
    found = []
    for times in objects:
        starts = []
        for now in sorted(times):
            if not starts or now - starts[-1] > length:
                starts.append(now)
        found.append(starts)
    return found


def starts_of(objects, length):
    rows = [
        (n, mjd, 0, 1.0, 1.0, False) for n, times in enumerate(objects) for mjd in sorted(times)
    ]
    nights = group_nights(table(rows), length)
    return [part.tolist() for part in np.split(nights.start, nights.offsets[1:-1])]


# Times in steps of 0.0001 day make differences of exactly one night likely.
light_curves = st.lists(
    st.lists(st.integers(0, 30_000).map(lambda n: 59000 + n / 1e4), min_size=1, max_size=60),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(light_curves, st.sampled_from([0.33, 0.0001, 0.5, 10.0]))
@example([[59000.0, 59000.5, 59001.0], [59000.0, 59000.25, 59000.5, 59000.75]], 0.5)
@example([[59750.10, 59750.43, 59750.4301]], 0.33)
@example([[59750.5, 59750.83, 59751.16, 59751.49], [59750.5]], 0.33)
def test_nights_follow_the_definition(objects, length):
    assert starts_of(objects, length) == starts_by_loop(objects, length)


@pytest.mark.parametrize(
    ("second", "n_nights"),
    # The definition is a difference in floating point, as the reference computes it:
    # 59750.43 - 59750.10 is 0.33 + 1.7e-12 and 59750.63 - 59750.30 is 0.33 - 5.5e-12.
    [(59750.43, 2), (59750.4299, 1), (59750.4301, 2)],
)
def test_a_visit_at_the_end_of_the_night(second, n_nights):
    assert (59750.43 - 59750.10 > 0.33, 59750.63 - 59750.30 > 0.33) == (True, False)
    assert [len(starts) for starts in starts_of([[59750.10, second]], 0.33)] == [n_nights]
    assert [len(starts) for starts in starts_of([[59750.30, 59750.63]], 0.33)] == [1]


def table(rows, ids=None):
    """Light curves of rows (object, mjd, passband, flux, flux_err, detected)."""
    schema = {
        "object_id": pl.Int64,
        "mjd": pl.Float64,
        "passband": pl.UInt8,
        "flux": pl.Float64,
        "flux_err": pl.Float64,
        "detected": pl.Boolean,
    }
    observations = pl.DataFrame(rows, schema=schema, orient="row")
    ids = sorted({row[0] for row in rows}) if ids is None else ids
    objects = pl.DataFrame({"object_id": pl.Series(ids, dtype=pl.Int64)})
    return LightCurves(observations, objects, Passbands(("g", "r")))


def test_the_smallest_error_is_kept_and_of_equal_ones_the_earliest():
    nights = group_nights(
        table(
            [
                (1, 10.0, 0, 5.0, 2.0, False),
                (1, 10.1, 0, 6.0, 1.0, False),
                (1, 10.2, 0, 7.0, 1.0, True),
                (1, 10.2, 1, -1.0, 3.0, False),
                (1, 12.0, 1, 8.0, 0.5, False),
                (4, 12.0, 0, 9.0, 0.5, False),
            ],
            ids=[1, 2, 4],
        )
    )
    assert nights.offsets.tolist() == [0, 2, 2, 3]
    assert nights.start.tolist() == [10.0, 12.0, 12.0]
    np.testing.assert_array_equal(nights.flux, [[6, -1], [np.nan, 8], [9, np.nan]])
    np.testing.assert_array_equal(nights.flux_err, [[1, 3], [np.nan, 0.5], [0.5, np.nan]])
    assert nights.detected.tolist() == [True, False, False]


def test_no_objects_or_no_observations():
    assert group_nights(table([], ids=[])).offsets.tolist() == [0]
    nights = group_nights(table([], ids=[3, 5]))
    assert nights.offsets.tolist() == [0, 0, 0]
    assert nights.flux.shape == (0, 2)


ROWS = [(1, 10.0, 0, 5.0, 2.0, False), (1, 11.0, 0, 5.0, 2.0, False), (2, 9.0, 1, 5.0, 2.0, True)]


@pytest.mark.parametrize(
    ("rows", "ids", "message"),
    [
        ([ROWS[1], ROWS[0], ROWS[2]], [1, 2], "object 1 are not sorted by time"),
        ([ROWS[2], ROWS[0], ROWS[1]], [1, 2], "not sorted by object_id"),
        ([ROWS[0], ROWS[2], ROWS[1]], [1, 2], "not sorted by object_id"),
        (ROWS, [2, 1], "not sorted by object_id"),
        (ROWS, [1], "1 objects have observations but no row .* object 2"),
        (ROWS, [2, 3], "1 objects have observations but no row .* object 1"),
        (ROWS, [], "2 objects have observations but no row .* object 1"),
    ],
)
def test_tables_that_are_not_canonical_are_refused(rows, ids, message):
    with pytest.raises(DataError, match=message):
        group_nights(table(rows, ids))


def test_a_hundred_thousand_observations_without_a_break():
    mjd = 59000 + np.cumsum(np.random.default_rng(0).uniform(0.001, 0.03, 100_000))
    assert starts_of([mjd], 0.33) == starts_by_loop([mjd], 0.33)
