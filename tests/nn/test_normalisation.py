from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch
from sklearn.preprocessing import PowerTransformer

from lcclassify.errors import ConfigError, DataError
from lcclassify.nn.normalisation import (
    RAW_LIMIT,
    STANDARDISED_LIMIT,
    FeatureTransform,
    SequenceTransform,
)
from lcclassify.nn.yeo_johnson import fit_power, is_constant, yeo_johnson
from lcclassify.representations.settings import TRANSFORMS

RNG = np.random.default_rng(7)


def table(n=400):
    rng = np.random.default_rng(7)
    return np.column_stack(
        [
            rng.normal(size=n),
            rng.lognormal(3, 2, size=n),
            -rng.lognormal(1, 1, size=n),
            rng.normal(1e6, 3e4, size=n),
            rng.uniform(-1e-3, 1e-3, size=n),
            rng.normal(size=n) * 10.0 ** rng.uniform(-2, 9, size=n),
            rng.integers(0, 3, size=n),
            np.full(n, 4.5),
        ]
    ).astype(np.float64)


def test_yeo_johnson_equals_sklearn_on_training_rows():
    rows = table()
    rows[::7, 0] = np.nan
    rows[3, 1] = np.inf
    filled = np.where(np.isfinite(rows), rows, 0.0)
    expected = PowerTransformer(method="yeo-johnson", standardize=True).fit_transform(filled)
    transform = FeatureTransform.fitted(rows, kind="yeo_johnson", impute="zero")
    found = transform(torch.from_numpy(rows)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert transform.n_out == rows.shape[1]


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.7, 1.0, 2.0, 3.2])
def test_yeo_johnson_follows_its_definition(power):
    x = np.concatenate([RNG.normal(size=50) * 5, [0.0, 1e-12, -1e-12]])
    expected = np.empty_like(x)
    for i, v in enumerate(x):
        if v >= 0:
            expected[i] = np.log1p(v) if power == 0 else ((v + 1) ** power - 1) / power
        else:
            q = 2 - power
            expected[i] = -np.log1p(-v) if q == 0 else -((1 - v) ** q - 1) / q
    found = yeo_johnson(torch.from_numpy(x)[:, None], torch.tensor([power], dtype=torch.float64))
    np.testing.assert_allclose(found[:, 0].numpy(), expected, rtol=1e-9, atol=1e-11)


def test_standard_equals_mean_zero_deviation_one():
    rows = table()
    found = FeatureTransform.fitted(rows, kind="standard")(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(found[:, :-1].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found[:, :-1].std(0), 1, atol=1e-5)


def test_none_only_imputes():
    rows = table()
    rows[0, 0] = np.nan
    found = FeatureTransform.fitted(rows, kind="none")(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(found, np.nan_to_num(rows).astype(np.float32))


@pytest.mark.parametrize("kind", ["yeo_johnson", "standard"])
def test_a_constant_column_becomes_zero_also_for_other_values(kind):
    rows = np.column_stack([np.full(30, 7.1), np.full(30, np.nan), RNG.normal(size=30)])
    for impute in ("zero", "median"):
        transform = FeatureTransform.fitted(rows, kind=kind, impute=impute)
        found = transform(torch.tensor([[7.1, 0.0, 0.0], [1e9, -5.0, 0.0], [float("nan")] * 3]))
        assert not found[:, :2].any()


def test_median_and_indicator():
    rows = np.array([[1.0, 5.0, 2.0], [np.nan, 6.0, 3.0], [3.0, np.inf, 4.0], [10.0, 8.0, 9.0]])
    transform = FeatureTransform.fitted(rows, kind="none", impute="median", indicator=True)
    assert transform.indicator_columns == (0, 1)
    assert transform.n_out == 5
    found = transform(torch.tensor([[float("nan"), 1.0, float("nan")]]))
    # The third column was always defined: the median, but no indicator.
    assert found.tolist() == [[3.0, 1.0, 3.5, 1.0, 0.0]]


def test_median_fit_ignores_undefined_values():
    rows = RNG.normal(5, 2, size=(200, 1))
    with_gaps = np.concatenate([rows, np.full((100, 1), np.nan)])
    full = FeatureTransform.fitted(rows, impute="median")
    gaps = FeatureTransform.fitted(with_gaps, impute="median")
    for name, value in full.state_dict().items():
        assert torch.equal(value, gaps.state_dict()[name]), name


@pytest.mark.parametrize("kind", ["yeo_johnson", "standard"])
def test_clip_limits_what_is_beyond_it_and_changes_nothing_else(kind):
    rows = table()
    rows[:3] *= 50
    free = FeatureTransform.fitted(rows, kind=kind)(torch.from_numpy(rows))
    clipped = FeatureTransform.fitted(rows, kind=kind, clip=2.0)(torch.from_numpy(rows))
    assert free.abs().max() > 2
    assert torch.equal(clipped, free.clamp(-2, 2))


def test_clip_of_sequences():
    rows = RNG.normal(size=(50, 3))
    lengths = torch.tensor([50])
    free = SequenceTransform.fitted(rows, kind="standard")(torch.from_numpy(rows)[None], lengths)
    limited = SequenceTransform.fitted(rows, kind="standard", clip=1.5)
    clipped = limited(torch.from_numpy(rows)[None], lengths)
    assert free.abs().max() > 1.5
    assert torch.equal(clipped, free.clamp(-1.5, 1.5))


@pytest.mark.parametrize("clip", [0, -1.0, float("nan"), True, "10"])
def test_a_clip_that_is_no_limit_is_refused(clip):
    with pytest.raises(ConfigError, match="clip must be a positive number"):
        FeatureTransform(3, clip=clip)


def test_a_clip_without_normalisation_is_refused():
    with pytest.raises(ConfigError, match="kind=none"):
        FeatureTransform(3, kind="none", clip=5.0)
    with pytest.raises(ConfigError, match="kind=none"):
        SequenceTransform(3, kind="none", clip=5.0)


@pytest.mark.parametrize("kind", ["yeo_johnson", "standard", "none"])
@pytest.mark.parametrize("impute", ["zero", "median"])
def test_absurd_values_stay_finite(kind, impute):
    transform = FeatureTransform.fitted(table(), kind=kind, impute=impute)
    biggest = np.finfo(np.float64).max
    for value in (biggest, -biggest, 1e30, -1e30, 5e-324, np.inf, -np.inf, np.nan):
        found = transform(torch.full((1, 8), value, dtype=torch.float64))
        assert torch.isfinite(found).all(), value
        assert found.abs().max() <= (RAW_LIMIT * 1.01 if kind == "none" else STANDARDISED_LIMIT)


@pytest.mark.parametrize(
    "column",
    [
        RNG.normal(size=300) * 1e20,
        RNG.normal(size=300) * 10.0 ** RNG.uniform(-20, 20, size=300),
        RNG.lognormal(0, 1, size=300) * 1e150,
        np.concatenate([np.zeros(299), [1e200]]),
        np.concatenate([RNG.normal(size=299), [1e300]]),
        np.concatenate([np.full(299, 3.0), [3.0 + 1e-9]]),
        RNG.normal(size=300) * 1e300,
        RNG.normal(size=300) * 1e-30,
        np.array([1.0, 2.0]),
        np.array([1.0]),
    ],
    ids=lambda c: f"{np.abs(c).max():.1e}",
)
def test_extreme_columns_fit_without_warning_and_stay_finite(column):
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        transform = FeatureTransform.fitted(column[:, None])
        found = transform(torch.from_numpy(column)[:, None])
    for name, value in transform.state_dict().items():
        assert torch.isfinite(value).all(), name
    assert torch.isfinite(found).all()
    assert found.abs().max() <= np.sqrt(len(column)) + 1e-3
    assert found.abs().max() == 0 or found.std(correction=0).item() == pytest.approx(1, abs=1e-3)


def test_a_wide_column_keeps_its_order():
    column = np.sort(RNG.normal(size=300) * 10.0 ** RNG.uniform(-5, 20, size=300))
    found = FeatureTransform.fitted(column[:, None])(torch.from_numpy(column)[:, None])[:, 0]
    assert (found.diff() >= 0).all()
    assert found[-1] > found[0]


def test_where_no_power_is_safe_the_most_likely_one_is_found_all_the_same():
    """Of huge values of both signs any power but nearly 1 is beyond numbers."""
    column = np.random.default_rng(0).normal(size=300) * 1e155
    assert 0 < abs(fit_power(column) - 1) < 1e-3


@pytest.mark.parametrize("one", [1e9, -1e9])
def test_powers_are_looked_for_as_far_as_scipy_does(one):
    """Of a column with one value unlike the others no power is extreme enough."""
    from scipy import stats

    column = np.append(np.zeros(299), one)
    assert fit_power(column) == pytest.approx(stats.yeojohnson_normmax(column), abs=1e-4)


def test_a_fitted_transform_is_rebuilt_from_config_and_state():
    rows = table()
    rows[::5, 2] = np.nan
    fitted = FeatureTransform.fitted(
        rows, kind="yeo_johnson", impute="median", indicator=True, clip=2.0
    )
    rebuilt = FeatureTransform(**fitted.config())
    assert rebuilt.n_out == fitted.n_out
    rebuilt.load_state_dict(fitted.state_dict())
    x = torch.from_numpy(rows)
    assert torch.equal(rebuilt(x), fitted(x))


def test_a_table_without_columns_passes():
    transform = FeatureTransform.fitted(np.zeros((5, 0)), impute="median", indicator=True)
    assert transform(torch.zeros(3, 0)).shape == (3, 0)


def test_bad_use_is_named():
    with pytest.raises(ConfigError, match="did you mean 'yeo_johnson'"):
        FeatureTransform(3, kind="yeojohnson")
    with pytest.raises(ConfigError, match="impute cannot be 'mean'"):
        FeatureTransform(3, impute="mean")
    with pytest.raises(ConfigError, match="from 0 to 2, got 3"):
        FeatureTransform(3, indicator_columns=[3])
    with pytest.raises(DataError, match=r"shape \(4, 2\)"):
        FeatureTransform(3).fit(np.zeros((4, 2)))
    with pytest.raises(DataError, match="at least one row"):
        FeatureTransform(3).fit(np.zeros((0, 3)))


def test_sequences_are_standardised_and_padding_stays_zero():
    rng = np.random.default_rng(1)
    values = np.column_stack([rng.normal(50, 9, 200), rng.normal(0, 1e-3, 200), np.ones(200)])
    transform = SequenceTransform.fitted(values.astype(np.float32), kind="standard")
    lengths = torch.tensor([150, 50])
    sequences = torch.zeros(2, 150, 3)
    sequences[0] = torch.from_numpy(values[:150])
    sequences[1, :50] = torch.from_numpy(values[150:])
    found = transform(sequences, lengths)
    assert found.dtype == torch.float32
    assert not found[1, 50:].any()
    nights = torch.cat([found[0], found[1, :50]])
    torch.testing.assert_close(nights.mean(0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(
        nights.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), rtol=0, atol=1e-4
    )
    rebuilt = SequenceTransform(**transform.config())
    rebuilt.load_state_dict(transform.state_dict())
    assert torch.equal(rebuilt(sequences, lengths), found)


def test_sequences_may_stay_as_they_are():
    sequences = torch.randn(2, 5, 3)
    transform = SequenceTransform.fitted(np.ones((4, 3)), kind="none")
    assert torch.equal(transform(sequences, torch.tensor([5, 5])), sequences)


def test_sequence_fit_names_what_is_wrong():
    values = np.ones((4, 2))
    values[2, 1] = np.nan
    with pytest.raises(DataError, match="nan in channel 1 of night 2"):
        SequenceTransform(2, kind="standard").fit(values)
    with pytest.raises(DataError, match="3 channels"):
        SequenceTransform(3, kind="standard").fit(values)


def test_the_representation_knows_the_arguments_of_both_transforms():
    for kind, function in (
        ("features", FeatureTransform.fitted),
        ("context", FeatureTransform.fitted),
        ("sequences", SequenceTransform.fitted),
    ):
        known = inspect.signature(function).parameters
        keywords = {name for name, p in known.items() if p.kind is p.KEYWORD_ONLY}
        assert set(TRANSFORMS[kind]) == keywords


def test_the_power_of_a_column_of_the_other_sign_is_what_is_left_of_two():
    """That of a column whose values crowd is beyond the usual powers."""
    crowded = (1 - 3 * np.random.default_rng(0).normal(0.15, 0.02, 400)) ** (-1 / 3) - 1
    for column in (crowded, np.random.default_rng(1).lognormal(0, 1, 400)):
        assert fit_power(-column) == pytest.approx(2 - fit_power(column), abs=1e-5)
    assert fit_power(crowded) < -2
    for few in ([], [3.0], [3.0, 3.0]):
        assert fit_power(np.array(few)) == 1


def test_the_power_of_a_very_long_column_is_that_of_every_nth_value(monkeypatch):
    values = np.random.default_rng(0).lognormal(0, 1, 3001)
    whole = fit_power(values)
    monkeypatch.setattr("lcclassify.nn.yeo_johnson._MOST", 1500)
    assert fit_power(values) == fit_power(values[::3])
    assert fit_power(values) == pytest.approx(whole, rel=0.1)
    assert fit_power(values) != whole


@pytest.mark.parametrize("unit", [1e-200, 1.0, -1e250])
def test_a_column_is_constant_if_it_varies_no_more_than_its_mean_is_rounded(unit):
    """Of 1,000 values the mean may be wrong by 1,000 roundings, 2.2e-13 of it."""
    signs = np.tile([-1.0, 1.0], 500)
    assert is_constant(unit * (1 + 1e-13 * signs))
    assert not is_constant(unit * (1 + 1e-12 * signs))
    assert not is_constant(unit * signs)
    assert is_constant(np.zeros(1000))
