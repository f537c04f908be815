"""Statistics of runs of observations are those of their definitions, whatever the values."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lcclassify.representations import sequences
from lcclassify.representations.blocks import blocks_of
from lcclassify.representations.features import reference
from lcclassify.representations.features.reference import feature_matrix
from lcclassify.representations.nights import group_nights
from lcclassify.representations.segments import STATISTICS, statistics
from lcclassify.representations.sequences import (
    BAND_CHANNELS,
    TIME_CHANNELS,
    SequenceForm,
    build_sequences,
    object_flux_scale,
)


def definition(values):
    """The statistics of one sample, from their definitions, in extended precision."""
    n = len(values)
    if n == 0:
        return dict.fromkeys(STATISTICS, np.nan)
    x = values.astype(np.longdouble)
    mean = x.sum() / n
    deviation = x - mean
    equal = values.min() == values.max()
    second, third = (deviation**2).sum() / n, (deviation**3).sum() / n
    with np.errstate(all="ignore"):
        skew = third / second**1.5 * np.sqrt(np.longdouble(n) * (n - 1)) / (n - 2)
        std = np.sqrt((deviation**2).sum() / (n - 1))
    return {
        "min": values.min(),
        "max": values.max(),
        "mean": mean,
        "median": np.median(values),
        "std": np.nan if n < 2 else 0.0 if equal else std,
        "sum": x.sum(),
        "skew": np.nan if n < 3 or equal else skew,
    }


def assert_defined(found, values, with_median=True):
    expected = definition(values)
    unit = np.abs(values).max() if len(values) else 0.0
    for name, got in zip(STATISTICS, found, strict=True):
        if name == "median" and not with_median:
            assert np.isnan(got)
            continue
        # What cancels is known to rounding errors of what it is the sum of.
        absolute = 1e-9 if name == "skew" else 1e-13 * unit * max(len(values), 1)
        want = float(expected[name])
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=absolute, err_msg=name)


row = st.tuples(st.integers(0, 2), st.booleans(), st.integers(-6, 6))
ragged = st.lists(st.lists(row, max_size=25), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(ragged, st.sampled_from([1e-30, 0.1, 1.0, 1e20]), st.sampled_from([0.0, 1.0, 1e4]))
def test_objects_passbands_and_detections(objects, scale, offset):
    rows = [row for rows in objects for row in rows]
    passband = np.array([row[0] for row in rows], dtype=np.uint8)
    detected = np.array([row[1] for row in rows], dtype=bool)
    # Two quantities: one has few values and many ties, the other has hardly any.
    few = (np.array([row[2] for row in rows], dtype=float) + offset) * scale
    many = few + scale * np.random.default_rng(0).normal(size=len(few))
    mjd = np.arange(len(rows)) ** 1.5
    bounds = np.cumsum([0, *map(len, objects)])
    medians = np.array([[True, True], [False, True]])
    table, counts, spans = statistics(
        bounds, passband, detected, mjd, np.stack([few, many]), medians, 3
    )
    for n, (a, b) in enumerate(pairwise(bounds)):
        everyone = np.ones(b - a, dtype=bool)
        groups = [*(passband[a:b] == band for band in range(3)), everyone, detected[a:b]]
        for g, chosen in enumerate(groups):
            assert counts[n, g] == chosen.sum()
            for q, values in enumerate((few, many)):
                with_median = g < 4 and bool(medians[q, int(g == 3)])
                assert_defined(table[n, g, q], values[a:b][chosen], with_median)
            if g < 4:
                times = mjd[a:b][chosen & detected[a:b]]
                span = np.ptp(times) if len(times) else 0.0 if chosen.any() else np.nan
                np.testing.assert_array_equal(spans[n, g], span)


def described(values):
    """Return the statistics of one object's values by name."""
    n = len(values)
    rows = (np.zeros(n, np.uint8), np.zeros(n, bool), np.arange(n, dtype=float))
    medians = np.array([[True, True]])
    table, _, _ = statistics(np.array([0, n]), *rows, np.array(values)[None], medians, 1)
    return dict(zip(STATISTICS, table[0, 1, 0].tolist(), strict=True))


@pytest.mark.parametrize("offset", [0, 10**6, 10**9, 10**12, -(10**14)])
@pytest.mark.parametrize("n", [3, 10, 1001, 100_000])
def test_deviations_and_skewness_far_from_zero(offset, n):
    deviations = np.random.default_rng(n).geometric(0.2, n) - np.arange(n) % 3
    values = [int(value) + offset for value in deviations]
    mean = Fraction(sum(values), n)
    second = sum((value - mean) ** 2 for value in values) / n if n < 2000 else None
    if second is None:  # the same, without 100,000 fractions
        total = sum(values)
        second = Fraction(sum((n * v - total) ** 2 for v in values), n**3)
        third = Fraction(sum((n * v - total) ** 3 for v in values), n**4)
    else:
        third = sum((value - mean) ** 3 for value in values) / n
    found = described(np.array(values, dtype=np.float64))
    assert found["std"] == pytest.approx(float(second * n / (n - 1)) ** 0.5, rel=1e-9)
    skew = float(third) / float(second) ** 1.5 * (n * (n - 1)) ** 0.5 / (n - 2)
    assert found["skew"] == pytest.approx(skew, rel=1e-6)


# --- medians ------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=200),
        st.lists(st.integers(-2, 2).map(float), min_size=1, max_size=200),
    )
)
@example([0.0, 0.0, 7.773000265058483e-140])
def test_the_median_is_numpys(values):
    assert described(np.array(values))["median"] == np.median(values)


@pytest.mark.parametrize("n", [99_999, 100_000])
@pytest.mark.parametrize(
    "values_of",
    {
        "rising": lambda k: k,
        "falling": lambda k: -k,
        "rising and falling": lambda k: -np.abs(k - len(k) // 2),
        "falling and rising": lambda k: np.abs(k - len(k) // 2),
        "equal": lambda k: 0 * k,
        "of two values": lambda k: k % 2,
        "saw teeth": lambda k: k % 101,
    }.items(),
    ids=lambda item: item[0],
)
def test_no_order_of_many_values_is_a_slow_one(values_of, n):
    values = values_of[1](np.arange(n)).astype(float)
    assert described(values)["median"] == np.median(values)


def test_values_that_are_not_numbers_come_to_an_end():
    for values in ([np.nan], [np.nan] * 5, [1.0, np.nan, 2.0, np.nan], [np.inf, -np.inf, 0.0]):
        assert np.isnan(described(np.array(values))["mean"])


# --- blocks -------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 50))
def test_blocks_have_every_object_once_and_in_order(counts, rows):
    offsets = np.cumsum([0, *counts])
    blocks = list(blocks_of(offsets, rows))
    objects = [n for first, last in blocks for n in range(first, last)]
    assert objects == list(range(len(counts)))
    for first, last in blocks:
        # At most one object begins in a block's rows and ends beyond them.
        assert offsets[max(last - 1, first)] - offsets[first] < rows + max(counts)
    assert len(blocks) <= offsets[-1] // rows + 2


@pytest.mark.parametrize("rows", [1, 100, 3000])
def test_the_size_of_blocks_changes_no_bit(rows, survey, curves_of, monkeypatch):
    observations, objects = survey(60, seed=8)
    some = observations[~observations["object_id"].isin([1000, 1070, 1413])]
    curves = curves_of(some, objects)
    form = SequenceForm(BAND_CHANNELS, TIME_CHANNELS)
    nights = group_nights(curves)
    redshift = np.linspace(0, 2, 60)

    def both():
        sequence = build_sequences(nights, object_flux_scale(nights), redshift, form)
        return feature_matrix(curves), sequence

    at_once = both()
    monkeypatch.setattr(reference, "ROWS", rows)
    monkeypatch.setattr(sequences, "blocks_of", lambda offsets: blocks_of(offsets, rows))
    for one, other in zip(at_once, both(), strict=True):
        np.testing.assert_array_equal(one, other)
