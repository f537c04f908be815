"""Noise is normal, and depends on the seed, the object and the observation alone."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lcclassify.representations.noise import add_flux_noise, standard_normals

EXPECTED_INTEGERS = [-1.490032527862151, 0.35499610612262256, -0.5416425995603817]
EXPECTED_TEXTS = [-1.7652328459171587, 0.37252225745796774, 0.6306188862036367]

object_ids = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8, unique=True),
    st.lists(st.text(max_size=12), min_size=1, max_size=8, unique=True),
)


def repeated(ids, count):
    return pl.Series([i for i in ids for _ in range(count)])


def test_the_numbers_are_standard_normal():
    # Many objects of few observations, and one of many: both ways of counting.
    for ids in (repeated(range(20_000), 10), repeated([130_787_713], 200_000)):
        noise = standard_normals(ids, seed=1)
        assert abs(noise.mean()) < 4 / np.sqrt(len(noise))
        assert abs(noise.std() - 1) < 4 / np.sqrt(2 * len(noise))
        assert stats.kstest(noise, "norm").pvalue > 1e-3
        # Neighbours, also those of the next object, know nothing of each other.
        for lag in (1, 2, 10):
            assert abs(np.corrcoef(noise[:-lag], noise[lag:])[0, 1]) < 4 / np.sqrt(len(noise))
        assert len(np.unique(noise)) == len(noise)


def test_the_numbers_are_always_the_same():
    # Written down once: a change of these changes every model of the paper's form.
    np.testing.assert_allclose(
        standard_normals(pl.Series([615, 615, 713]), seed=0), EXPECTED_INTEGERS, rtol=1e-12
    )
    np.testing.assert_allclose(
        standard_normals(pl.Series(["SN1", "SN1", "é"]), seed=7), EXPECTED_TEXTS, rtol=1e-12
    )


@pytest.mark.parametrize("ids", [[615, 615, -3, 2**62], ["a", "a", "ünï", ""]])
def test_another_process_draws_the_same(ids):
    program = (
        "import json, sys, polars as pl\n"
        "from lcclassify.representations.noise import standard_normals\n"
        "print(json.dumps(standard_normals(pl.Series(json.loads(sys.argv[1])), 5).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(ids)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == standard_normals(pl.Series(ids), 5).tolist()


@settings(max_examples=60, deadline=None)
@given(object_ids, st.integers(0, 2**31 - 1), st.integers(1, 20))
def test_an_objects_noise_does_not_depend_on_the_others(ids, seed, count):
    together = standard_normals(repeated(ids, count), seed)
    assert len(np.unique(together)) == len(together)
    for position, object_id in enumerate(ids):
        alone = standard_normals(pl.Series([object_id] * count), seed)
        np.testing.assert_array_equal(alone, together[position * count : (position + 1) * count])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_seed_and_object_are_told_apart(one, other):
    draw = {
        (object_id, seed): standard_normals(pl.Series([object_id]), seed)[0]
        for object_id in (one, other)
        for seed in (one, other)
    }
    assert len(set(draw.values())) == len(draw)


def test_noise_is_in_units_of_the_error(survey, curves_of):
    curves = curves_of(*survey(60))
    before = curves.observations
    after = add_flux_noise(curves, 2 / 3, seed=3).observations
    assert after.drop("flux").equals(before.drop("flux"))
    drawn = ((after["flux"] - before["flux"]) / before["flux_err"]).to_numpy()
    expected = standard_normals(before["object_id"], 3) * 2 / 3
    np.testing.assert_allclose(drawn, expected, rtol=1e-6, atol=1e-6)


def test_no_noise_changes_nothing(survey, curves_of):
    curves = curves_of(*survey(3))
    assert add_flux_noise(curves, 0, seed=3) is curves
    empty = curves_of(survey(3)[0].head(0), survey(3)[1])
    assert add_flux_noise(empty, 0.5, seed=3).observations.is_empty()
