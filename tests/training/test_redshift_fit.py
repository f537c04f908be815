"""Redshifts are estimated from light curves, out of fold, and say how sure they are."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.evaluation.redshifts import nmad, outlier_share
from lcclassify.nn.batching import TensorSet
from lcclassify.training.boosting import parameters
from lcclassify.training.photometric_errors import PhotometricErrors
from lcclassify.training.quantile_trees import grow_quantiles
from lcclassify.training.redshift_fit import CatalogueColumns, fit_redshifts, redshift_fits
from lcclassify.training.redshift_settings import RedshiftSettings
from lcclassify.training.settings import Growth

NAMES = ("flux", "colour", "constant", "photoz", "photoz_err", "distmod", "log_radius_8_to_25")
GROWTH = {
    "rounds": 40,
    "learning_rate": 0.15,
    "leaves": 8,
    "min_objects": 15,
    "feature_share": 1.0,
    "l2": 0.0,
}
SETTINGS = {
    "name": "redshift",
    "truth": "auto",
    "fewest": 50,
    "boosting": GROWTH,
    "posterior": {
        "levels": [0.05, 0.16, 0.5, 0.84, 0.95],
        "error_limits": [0.01, 0.1],
        "spread": 1.3,
        "freedom": 2.0,
        "least_spread": 0.03,
    },
}


def made(n, seed=0):
    """Objects whose brightness tells the redshift, and catalogues that err in two ways."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.0, n)
    flux = np.log(redshift) + rng.normal(0, 0.08, n)
    colour = redshift + rng.normal(0, 0.1, n)
    error = np.where(rng.random(n) < 0.6, 0.02, 0.4)
    photoz = redshift + (1 + redshift) * rng.normal(0, np.where(error < 0.1, 0.015, 0.06))
    lost = rng.random(n) < 0.1
    photoz, error = np.where(lost, 2.4, np.maximum(photoz, 0.01)), np.where(lost, 0.8, error)
    features = np.column_stack([flux, colour, np.ones(n), photoz, error, redshift, redshift])
    features[rng.random(n) < 0.05, 1] = np.nan
    return features, redshift


def with_features(context, features):
    n = len(features)
    tensors = TensorSet(
        features=torch.as_tensor(features),
        context=context.tensors.context,
        sequences=context.tensors.sequences,
        offsets=context.tensors.offsets,
        targets=context.tensors.targets,
    )
    assert n == len(context.tensors)
    return replace(context, tensors=tensors)


@pytest.fixture
def large(new_context, tmp_path):
    """A context of 900 objects, a fifth of them test objects, and their redshifts."""
    context = new_context(tmp_path / "fits", counts={"A": 400, "B": 300, "C": 200})
    features, redshift = made(900)
    return with_features(context, features), redshift


def columns():
    return CatalogueColumns.of(NAMES, "photoz")


def settings(**changes):
    found = RedshiftSettings.from_config(SETTINGS | changes)
    assert found is not None
    return found


def estimated(context, redshift):
    fits = redshift_fits(context, settings(), redshift, columns())
    return fit_redshifts(context, fits).columns


def test_estimates_are_better_than_the_catalogue_and_know_how_good_they_are(large):
    context, redshift = large
    found = estimated(context, redshift)
    photoz = context.tensors.features[:, 3].numpy()
    for role in ("train", "test"):
        rows = context.split.rows(role)
        best, true = found[rows, 5], redshift[rows]
        assert nmad(best, true) < 0.9 * nmad(photoz[rows], true)
        assert outlier_share(best, true) < 0.3 * outlier_share(photoz[rows], true)
        shares = (true[:, None] <= found[rows, :5]).mean(axis=0)
        assert np.abs(shares - SETTINGS["posterior"]["levels"]).max() < 0.08, shares


def test_the_truth_of_an_object_never_reaches_its_own_estimate(large, new_context, tmp_path):
    """All redshifts of a fold become absurd: what is said of its objects stays, bit for bit."""
    context, redshift = large
    before = estimated(context, redshift)
    own = context.split.folds == 1
    absurd = np.where(own, 5.0, redshift)
    other = replace(context, folder=tmp_path / "absurd")
    after = estimated(other, absurd)
    assert np.array_equal(before[own], after[own])
    rest = context.split.folds == 0
    assert not np.array_equal(before[rest], after[rest])
    # And what is said of test objects never depends on theirs.
    test = context.split.rows("test")
    hidden = redshift.copy()
    hidden[test] = 5.0
    again = estimated(replace(context, folder=tmp_path / "hidden"), hidden)
    assert np.array_equal(again, before)


def test_objects_without_the_truth_are_left_out_and_estimated_all_the_same(large, tmp_path):
    context, redshift = large
    some = redshift.copy()
    some[::3] = np.nan
    some[1::30] = 0.0
    fits = redshift_fits(context, settings(), some, columns())
    assert [fit.label for fit in fits] == ["fold_0", "fold_1", "all"]
    for fit in fits:
        assert (fit.truth > 0).all()
        assert not (fit.train_rows % 3 == 0).any()
    found = fit_redshifts(context, fits)
    assert np.isfinite(found.columns).all()
    assert (found.columns[:, 2] > 0).all()


def test_finished_fits_are_kept_and_damaged_ones_made_again(large):
    context, redshift = large
    before = estimated(context, redshift)
    context.reporter.lines.clear()
    assert np.array_equal(estimated(context, redshift), before)
    assert [line[0] for line in context.reporter.lines] == ["kept"] * 3
    (context.folder / "redshift/fold_1/estimator.safetensors").write_bytes(b"nothing")
    assert np.array_equal(estimated(context, redshift), before)


def test_too_few_redshifts(context):
    redshift = np.full(len(context.tensors), np.nan)
    redshift[:20] = 0.5
    with pytest.raises(TrainingError, match=r"training objects have a spectroscopic redshift.*50"):
        redshift_fits(context, settings(), redshift, columns())


def test_trees_ask_for_nothing_of_the_catalogue(large):
    context, redshift = large
    assert (columns().photometric, columns().error) == (3, 4)
    assert columns().blind.tolist() == [0, 1, 2]
    fits = redshift_fits(context, settings(), redshift, columns())
    users = fit_redshifts(context, fits).estimator.trees.users()
    assert set(np.flatnonzero(users.any(axis=0))) == {0, 1}
    nothing = CatalogueColumns.of(("a", "distmod"), None)
    assert (nothing.photometric, nothing.error, nothing.blind.tolist()) == (None, None, [0])


def test_quantiles_are_the_library_s():
    features, redshift = made(400)
    growth, levels, chosen = Growth.from_config(GROWTH), (0.1, 0.5, 0.9), np.array([1, 2])
    told = []
    trees = grow_quantiles(growth, levels, features, redshift, chosen, 3, told.append)
    assert told == list(range(120))
    others, _ = made(200, seed=1)
    found = trees.logits(others)
    for column, level in enumerate(levels):
        booster = lightgbm.train(
            parameters(growth, 3) | {"objective": "quantile", "alpha": level},
            lightgbm.Dataset(features[:, chosen], redshift),
            growth.rounds,
        )
        expected = booster.predict(others[:, chosen])
        assert np.allclose(found[:, column], expected, rtol=0, atol=1e-12)


def test_quantiles_of_what_no_split_makes_better():
    """The library then stops adding trees to one of the levels."""
    features, redshift = made(30)
    growth = Growth.from_config(GROWTH | {"min_objects": 20})
    trees = grow_quantiles(growth, (0.5, 0.9), features, redshift, np.array([0]), 0, lambda _: None)
    found = trees.logits(features)
    assert np.allclose(found[:, 0], np.quantile(redshift, 0.5), atol=0.05)
    assert (found == found[0]).all()


def test_the_table_is_a_sum_of_kernels():
    rng = np.random.default_rng(0)
    errors, deviations = rng.uniform(0.01, 0.3, 60), rng.normal(0, 2, 60)
    table = PhotometricErrors.fitted(errors, deviations)
    spacing = np.diff(table.deviations)[0]
    assert np.allclose(table.densities.sum(axis=1) * spacing, 1, atol=1e-6)
    row = len(table.log_errors) // 2
    weights = np.exp(-0.5 * ((np.log(errors) - table.log_errors[row]) / 0.35) ** 2)
    binned = np.rint(deviations / spacing) * spacing
    kernels = np.exp(-0.5 * ((table.deviations[:, None] - binned) / 0.2) ** 2)
    expected = kernels @ (weights / weights.sum()) / (0.2 * np.sqrt(2 * np.pi))
    assert np.allclose(table.densities[row], expected, atol=1e-4 * expected.max())


def test_a_table_of_one_error_and_of_none():
    one = PhotometricErrors.fitted(np.full(50, 0.1), np.linspace(-1, 1, 50))
    assert len(one.log_errors) == 1
    nothing = PhotometricErrors.fitted(np.zeros(0), np.zeros(0))
    assert (nothing.densities == nothing.densities[0, 0]).all()


def test_settings():
    assert RedshiftSettings.from_config(None) is None
    assert RedshiftSettings.from_config({"name": "none"}) is None
    assert settings().posterior.levels == (0.05, 0.16, 0.5, 0.84, 0.95)


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ("trees", "must be a mapping"),
        (SETTINGS | {"other": 1}, "other"),
        ({k: v for k, v in SETTINGS.items() if k != "truth"}, "needs the key 'truth'"),
        (SETTINGS | {"truth": None}, "redshift.truth"),
        (SETTINGS | {"fewest": 3}, "redshift.fewest"),
        (SETTINGS | {"boosting": GROWTH | {"rounds": 0}}, "boosting.rounds"),
        (SETTINGS | {"boosting": GROWTH | {"draws": 2}}, "draws"),
        (SETTINGS | {"posterior": {}}, "redshift.posterior needs the key"),
        (SETTINGS | {"posterior": 3}, "redshift.posterior must be a mapping"),
    ],
)
def test_impossible_settings(config, match):
    with pytest.raises(ConfigError, match=match):
        RedshiftSettings.from_config(config)
