"""One number on how a survey's objects differ from training objects, by all quantities together."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from lcclassify.inference.told_apart import KEY, MOST, merged, sampled, told_apart
from lcclassify.inference.training_objects import TrainingObjects

NAMES = ("flux_max", "mjd_size", "z")


def values(n, seed=0, correlation=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    x[:, 2] = np.exp(x[:, 2])
    return x


def moved(n, by):
    """Other objects, of another first quantity."""
    return values(n, 1) + np.array([by, 0.0, 0.0])


def training(x, **more):
    n = len(x)
    targets = np.zeros(n, dtype=np.int64)
    kept = TrainingObjects(
        pl.Series("object_id", np.arange(n)), targets, np.array([n]),
        np.zeros((n, 1), np.float32), 1.0, x.astype(np.float32), NAMES, None,
    )  # fmt: skip
    return replace(kept, **more)


def prepared(x, first=0):
    """Objects of a chunk, with a feature more and another order of columns."""
    features = np.c_[x[:, 2], np.full(len(x), 7.0), x[:, 0], x[:, 1]]
    ids = pl.Series("object_id", np.arange(first, first + len(x)))
    return ids, features, ("z", "other", "flux_max", "mjd_size")


def compared(kept, x):
    return told_apart(kept, merged([sampled(kept, *prepared(x))]))


def test_alike_is_a_half():
    found = [compared(training(values(800, 2 * i)), values(800, 2 * i + 1)) for i in range(8)]
    assert abs(np.mean([one.auc for one in found]) - 0.5) < 0.02
    assert all(abs(one.auc - 0.5) < 4 * one.by_chance for one in found)
    assert 0.4 < np.std([one.auc for one in found]) / found[0].by_chance < 2
    assert found[0].sentence().startswith("A classifier tells these objects from training objects")


def test_the_area_of_a_known_difference():
    """Two unit Gaussians apart by d: the best classifier has an area of Φ(d / √2)."""
    other = moved(1500, 1.0)
    assert compared(training(values(1500)), other).auc == pytest.approx(0.760, abs=0.03)
    assert compared(training(values(1500)), moved(1500, 10.0)).auc > 0.999


def test_units_and_monotonic_changes_do_not_matter():
    kept, other = values(500), moved(500, 0.5)
    expected = compared(training(kept), other).auc
    assert compared(training(np.exp(kept)), np.exp(other)).auc == pytest.approx(expected, abs=1e-3)


def test_quantities_that_differ_together_alone():
    found = compared(training(values(1000)), values(1000, 1, correlation=0.8))
    assert found.auc > 0.65


def test_what_is_undefined_tells_too():
    other = values(500, 1)
    other[:400, 2] = np.inf
    assert compared(training(values(500)), other).auc > 0.8
    nothing = np.full((500, 3), np.nan)
    assert compared(training(nothing), nothing).auc == pytest.approx(0.5)
    assert compared(training(np.ones((500, 3))), np.ones((500, 3))).auc == pytest.approx(0.5)


def test_kept_objects_stand_for_their_classes():
    """Of a rare class more are kept than its share; that is no difference."""
    x = values(3000)
    rare = np.arange(3000) % 20 == 0
    x[rare] += 5
    own = np.r_[np.flatnonzero(~rare)[:400], np.flatnonzero(rare)]
    targets = rare[own].astype(np.int64)
    kept = training(x[own], targets=targets, counts=np.bincount(rare))
    other = values(2000, 1)
    other[::20] += 5
    assert abs(compared(kept, other).auc - 0.5) < 0.05
    unweighted = replace(kept, counts=np.bincount(targets))
    assert compared(unweighted, other).auc > 0.58


def test_chunks_do_not_matter():
    kept, x = training(values(300)), moved(5000, 0.3)
    whole = merged([sampled(kept, *prepared(x))])
    cuts = [0, 10, 2500, 2510, 5000]
    parts = [sampled(kept, *prepared(x[a:b], a)) for a, b in pairwise(cuts)]
    assert len(whole) == MOST
    assert merged(parts).equals(whole)
    assert merged(parts[::-1]).equals(whole)
    assert whole.columns == [KEY, *NAMES]
    assert told_apart(kept, merged(parts)) == told_apart(kept, whole)


def test_the_training_objects_themselves_are_alike():
    x = values(60)
    assert abs(compared(training(x), x).auc - 0.5) < 0.05


def test_few_objects_tell_nothing():
    assert compared(training(values(49)), values(100)) is None
    assert compared(training(values(100)), values(49)) is None
    assert compared(training(values(100)), values(100)) is not None
    kept = training(values(100), quantities=np.zeros((100, 0), np.float32), quantity_names=())
    assert compared(kept, values(100)) is None
    assert merged([]) is None


def test_area_and_regression_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    from lcclassify.inference import told_apart as module

    rng = np.random.default_rng(4)
    values = rng.normal(size=(300, 4))
    truth = rng.random(300) < 1 / (1 + np.exp(-values @ [1.0, -0.5, 0.0, 2.0]))
    weights = rng.uniform(0.2, 3, 300)
    scores = np.round(values[:, 0], 1)  # with ties
    expected = roc_auc_score(truth, scores, sample_weight=weights)
    assert module.area(truth, scores, weights) == pytest.approx(expected, rel=1e-12)
    model = LogisticRegression(C=0.3, tol=1e-8).fit(values, truth, sample_weight=weights)
    found = module._logistic(values, truth, weights)
    np.testing.assert_allclose(found, [*model.intercept_, *model.coef_[0]], atol=1e-3)
