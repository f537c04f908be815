"""The posterior of a redshift is what its definition says, of each object by itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lcclassify.errors import ConfigError
from lcclassify.nn.posterior import GRID_END, posteriors
from lcclassify.nn.redshift import RedshiftEstimator
from lcclassify.schema import Batch

LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
FORM = (1.3, 2.0, 0.03)
POSTERIOR = {
    "levels": LEVELS,
    "error_limits": (0.01, 0.1),
    "spread": 1.3,
    "freedom": 2.0,
    "least_spread": 0.03,
}
DEVIATIONS = np.linspace(-20, 20, 801)
TABLE = np.array(
    [np.exp(-0.5 * (DEVIATIONS / width) ** 2) / (width * np.sqrt(2 * np.pi)) for width in (1, 3)]
)
LOG_ERRORS = np.log([0.01, 0.1])


def say(seen, photometric, error, form=FORM):
    seen, photometric, error = np.atleast_2d(seen), np.atleast_1d(photometric), np.atleast_1d(error)
    scale = np.clip(error, 0.01, 0.1)
    return posteriors(
        seen, photometric, error, scale, LOG_ERRORS, DEVIATIONS, TABLE, np.array(LEVELS), form
    )


def by_definition(seen, photometric, error):
    """The probability below redshifts, by sums over a grid ten times as fine."""
    x = np.arange(0, GRID_END, 1e-4)
    left, right = (1.3 * max(width, 0.03) for width in np.diff(seen))
    away = (x - seen[1]) / np.where(x < seen[1], left, right)
    density = (1 + away**2 / 2) ** -1.5
    if np.isfinite(photometric):
        share = np.clip(np.log(error / 0.01) / np.log(10), 0, 1)
        scale = np.clip(error, 0.01, 0.1)
        row = (1 - share) * TABLE[0] + share * TABLE[1]
        deviation = (np.log1p(photometric) - x) / scale
        density *= np.interp(deviation, DEVIATIONS, row, left=0, right=0) + 0.01 * scale
    below = np.cumsum(density)
    return lambda redshift: np.interp(np.log1p(redshift), x, below / below[-1])


@given(
    middle=st.floats(0.05, 1.0),
    widths=st.tuples(st.floats(0, 0.2), st.floats(0, 0.2)),
    photometric=st.one_of(st.just(np.nan), st.floats(0.01, 3)),
    error=st.floats(0.003, 0.5),
)
def test_quantiles_are_those_of_the_product(middle, widths, photometric, error):
    seen = np.array([middle - widths[0], middle, middle + widths[1]])
    found = say(seen, photometric, error)[0]
    # Between two peaks the least probability more is a long way.
    below = by_definition(seen, photometric, error)
    assert (below(np.maximum(found[:-1] - 5e-3, 0)) < np.array(LEVELS) + 1e-3).all()
    assert (below(found[:-1] + 5e-3) > np.array(LEVELS) - 1e-3).all()
    assert (np.diff(found[:-1]) >= 0).all()
    assert (found >= 0).all()


def test_without_a_photometric_redshift_the_light_curve_alone_counts():
    found = say([0.35, 0.4, 0.45], np.nan, 0.02, form=(1.3, 50.0, 0.03))[0]
    assert found[2] == pytest.approx(np.expm1(0.4), abs=2e-3)
    assert found[5] == pytest.approx(np.expm1(0.4), abs=3e-3)


def test_what_would_lie_below_zero_does_not_count():
    """Of a density about 0 the positive half is left, down to a part of a step of the grid."""
    levels = np.array([0.002, 0.01, 0.16, 0.5, 0.84])
    nothing = np.array([[0.0, 0.0, 0.0]])
    found = posteriors(
        nothing,
        np.array([np.nan]),
        np.array([0.1]),
        np.array([0.1]),
        LOG_ERRORS,
        DEVIATIONS,
        TABLE,
        levels,
        (1.0, 20.0, 0.03),
    )
    half = 0.03 * stats.t.ppf(0.5 + levels / 2, df=20)
    np.testing.assert_allclose(np.log1p(found[0, :-1]), half, rtol=1e-3)


def test_the_surer_word_counts_more():
    seen = [0.2, 0.3, 0.4]
    sure, unsure = say(seen, 0.6, 0.01)[0, 2], say(seen, 0.6, 0.1)[0, 2]
    assert np.expm1(0.3) < unsure < sure < 0.62


def test_the_estimate_is_nearest_to_what_is_most_probable():
    """Two peaks, of which the narrower has less in all: the estimate is in the higher one."""
    found = say([0.68, 0.7, 0.72], np.expm1(0.2), 0.1)[0]
    x = np.log1p(found[5])
    assert min(abs(x - 0.7), abs(x - 0.2)) < 0.05


def test_an_object_of_the_galaxy_has_no_redshift():
    assert (say([0.2, 0.3, 0.4], 0.0, 0.0) == 0).all()


def test_an_object_does_not_care_about_the_others():
    rng = np.random.default_rng(0)
    seen = np.sort(rng.uniform(0.1, 1, (50, 3)), axis=1)
    photometric, error = rng.uniform(0.1, 2, 50), rng.uniform(0.01, 0.3, 50)
    whole = say(seen, photometric, error)
    order = rng.permutation(50)
    assert np.array_equal(say(seen[order], photometric[order], error[order]), whole[order])
    for n in range(5):
        assert np.array_equal(say(seen[n], photometric[n], error[n])[0], whole[n])


def make_estimator(**changes):
    """Of four features: a stump for each level on the first; the photometric ones are last."""
    given = {
        "posterior": POSTERIOR,
        "photometric": 2,
        "error": 3,
        "n_errors": 2,
        "n_deviations": 801,
        "trees": {"n_trees": 3, "n_splits": 3, "n_leaves": 6},
    }
    estimator = RedshiftEstimator(4, **given | changes)
    leaf = -1 - torch.arange(6, dtype=torch.int32).reshape(3, 2)
    state = {
        "log_errors": torch.as_tensor(LOG_ERRORS),
        "deviations": torch.as_tensor(DEVIATIONS),
        "densities": torch.as_tensor(TABLE),
        "trees.roots": torch.arange(3, dtype=torch.int32),
        "trees.feature": torch.zeros(3, dtype=torch.int32),
        "trees.threshold": torch.zeros(3, dtype=torch.float64),
        "trees.undefined_left": torch.ones(3, dtype=torch.bool),
        "trees.left": leaf[:, 0].clone(),
        "trees.right": leaf[:, 1].clone(),
        # The quantiles cross on the right.
        "trees.leaves": torch.tensor([0.1, 0.6, 0.2, 0.5, 0.3, 0.4], dtype=torch.float64),
    }
    estimator.load_state_dict(state)
    return estimator, state


def batch_of(features):
    n = len(features)
    nothing = torch.zeros(n, dtype=torch.int64)
    features = torch.as_tensor(np.array(features), dtype=torch.float64)
    return Batch(
        features, torch.zeros(n, 1).double(), torch.zeros(n, 0, 3), nothing, nothing, nothing
    )


def test_what_joins_the_inputs():
    estimator, _ = make_estimator()
    batch = batch_of([[1.0, 0, 0.7, 0.05], [np.nan, 0, np.nan, 0.05], [-1, 0, 0, 0]])
    columns = estimator(batch)
    assert estimator.n_columns == columns.shape[1] == len(estimator.posterior.column_names) == 7
    quantiles = say([[0.4, 0.5, 0.6]], 0.7, 0.05 / 1.7)
    assert np.array_equal(columns[0, :6].numpy(), quantiles[0])
    assert np.array_equal(columns[1, :6].numpy(), say([[0.1, 0.2, 0.3]], np.nan, 0.1)[0])
    assert (columns[2] == 0).all()
    assert torch.equal(columns[:, 6], columns[:, 4] - columns[:, 0])
    joined = estimator.joined(batch)
    assert torch.equal(joined.features[:, 4:], columns)
    assert torch.equal(joined.context[:, 1:], columns)


def test_an_error_that_is_none_is_the_largest_and_zero_is_one():
    estimator, _ = make_estimator()
    features = np.array([[0, 0, 0.6, error] for error in (0.0, 0.08, -0.08, np.nan)])
    redshift, error, limited = estimator.catalogued(features)
    assert redshift.tolist() == [0.6] * 4
    np.testing.assert_allclose(error, [0, 0.05, 0.1, 0.1])
    np.testing.assert_allclose(limited, [0.01, 0.05, 0.1, 0.1])


def test_the_photometric_redshift_may_be_in_any_column():
    given = [0.7, 0.05]
    found = []
    for photometric, error in ((0, 1), (2, 3), (3, 0)):
        estimator, _ = make_estimator(photometric=photometric, error=error)
        row = np.ones(4)
        row[[photometric, error]] = given
        found.append(estimator(batch_of([row])))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_configuration_rebuilds_it():
    estimator, state = make_estimator()
    again = RedshiftEstimator.from_config(estimator.config())
    again.load_state_dict(state)
    batch = batch_of([[1.0, 0, 0.7, 0.05]])
    assert torch.equal(estimator(batch), again(batch))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"photometric": 4}, "redshift.photometric must be one of 4 columns, got 4"),
        ({"error": -1}, "redshift.error must be"),
        ({"error": True}, "redshift.error must be"),
        ({"n_errors": 0}, "n_errors"),
        ({"n_deviations": 1}, "n_deviations"),
        ({"posterior": POSTERIOR | {"levels": [0.5, 0.16]}}, "levels must ascend"),
        ({"posterior": POSTERIOR | {"levels": [0.16, 0.84]}}, "0.5 among them"),
        ({"posterior": POSTERIOR | {"levels": "0.5"}}, "levels must ascend"),
        ({"posterior": POSTERIOR | {"error_limits": [0.1, 0.01]}}, "error_limits"),
        ({"posterior": POSTERIOR | {"spread": 0}}, "redshift.spread"),
        ({"posterior": POSTERIOR | {"freedom": float("inf")}}, "redshift.freedom"),
        ({"posterior": POSTERIOR | {"other": 1}}, "other"),
        ({"trees": {"n_trees": 4, "n_splits": 3, "n_leaves": 7}}, "cannot be for 3"),
    ],
)
def test_impossible_values(changes, match):
    with pytest.raises(ConfigError, match=match):
        make_estimator(**changes)


@pytest.mark.parametrize("config", [None, {}, {"posterior": POSTERIOR}, {"posterior": 3}])
def test_impossible_configurations(config):
    with pytest.raises(ConfigError, match="an estimator of redshifts"):
        RedshiftEstimator.from_config(config)


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("log_errors", torch.tensor([1.0, 1.0]), "log_errors do not ascend"),
        ("deviations", torch.zeros(801), "deviations do not ascend"),
        ("densities", -torch.ones(2, 801), "a density is negative"),
        ("trees.feature", torch.full((3,), 9, dtype=torch.int32), "leads nowhere"),
    ],
)
def test_a_damaged_estimator_is_refused(name, values, match):
    estimator, state = make_estimator()
    with pytest.raises(ConfigError, match=match):
        estimator.load_state_dict(state | {name: values.to(state[name].dtype)})
