"""Bootstrap intervals: a resample's metrics are those of its objects."""

import numpy as np
import pytest
from scipy import stats

from lcclassify.errors import DataError
from lcclassify.evaluation.coverage import coverage
from lcclassify.evaluation.intervals import _Sample, intervals
from lcclassify.evaluation.metrics import evaluate
from lcclassify.schema import Taxonomy

TAXONOMY = Taxonomy(("a", "b", "c", "none"), weights={"b": 2.0})


def sample(n=300, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    logits = rng.normal(0, 1, (n, 4))
    logits[np.arange(n), targets] += 1
    p = np.exp(logits)
    # Sixty-fourths: many are equal, to the bit.
    return rng.multinomial(64, p / p.sum(axis=1, keepdims=True)) / 64, targets


def test_weights_are_repeated_objects():
    p, y = sample()
    counts = np.random.default_rng(1).integers(0, 4, len(y))
    one = np.where(y == 2, np.arange(len(y)) == np.flatnonzero(y == 2)[0], counts)  # of a class
    for each in (counts, one):
        found = _Sample(p, y, TAXONOMY.weight_vector()).metrics(each.astype(float))
        repeated = evaluate(np.repeat(p, each, axis=0), np.repeat(y, each), TAXONOMY).scalars
        assert found == pytest.approx({name: repeated[name] for name in found}, rel=1e-9)


def test_a_fortieth_of_resamples_lies_on_either_side():
    p, y = sample(2500)
    right = (p.argmax(axis=1) == y).mean()
    deviation = np.sqrt(right * (1 - right) / 2500)
    found = (np.array(intervals(p, y, TAXONOMY, 2000)["accuracy"]) - right) / deviation
    assert found == pytest.approx(stats.norm.ppf([0.025, 0.975]), abs=0.1)


def test_intervals_hold_the_metric_and_shrink_with_objects():
    p, y = sample(4000)
    scalars = evaluate(p, y, TAXONOMY).scalars
    found = intervals(p, y, TAXONOMY)
    for name, (low, high) in found.items():
        assert low < high
        if "ece" not in name:
            assert low < scalars[name] < high, name
    few = intervals(p[:200], y[:200], TAXONOMY)
    assert np.diff(few["accuracy"])[0] > 3 * np.diff(found["accuracy"])[0]
    deviation = np.sqrt(scalars["accuracy"] * (1 - scalars["accuracy"]) / 4000)
    assert np.diff(found["accuracy"])[0] == pytest.approx(2 * 1.96 * deviation, rel=0.25)
    assert intervals(p, y, TAXONOMY) == found


def test_an_interval_holds_the_truth_as_often_as_it_says():
    p, y = sample(20_000, seed=5)
    truth = evaluate(p, y, TAXONOMY).scalars["accuracy"]
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        own = rng.integers(0, len(y), 150)
        low, high = intervals(p[own], y[own], TAXONOMY, 100)["accuracy"]
        held += low <= truth <= high
    assert held >= 50


@pytest.mark.parametrize("n_others", [0, 1])
def test_what_is_undefined_is_left_out(n_others):
    """In all resamples, or in the third of them that have no object of a second class."""
    p, _ = sample(50)
    targets = np.zeros(50, dtype=np.int64)
    targets[:n_others] = 1
    found = intervals(p, targets, TAXONOMY)
    assert "macro_roc_auc" not in found
    assert np.isfinite(list(found.values())).all()
    assert (found["balanced_accuracy"] == found["accuracy"]) == (n_others == 0)
    unweighted = Taxonomy(TAXONOMY.classes, weights={"a": 0.0})  # a log-loss of no class
    rest = intervals(p, targets, unweighted)
    assert rest == {name: each for name, each in found.items() if name != "weighted_log_loss"}


def test_coverage_and_sizes():
    sets = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]], dtype=bool)
    found = coverage(sets, np.array([0, 1, 1, 0]), TAXONOMY, 0.9, "class")
    assert found["marginal"] == {"objects": 4, "coverage": 0.5, "mean_size": 1.25, "empty": 0.25}
    assert found["classes"]["b"] == {
        "objects": 2, "coverage": 0.5, "mean_size": 1.0, "empty": 0.5,
    }  # fmt: skip
    assert set(found["classes"]) == {"a", "b"}
    with pytest.raises(DataError, match="at least one"):
        coverage(sets[:0], np.zeros(0, dtype=np.int64), TAXONOMY, 0.9, "class")
    with pytest.raises(DataError, match="sets must be"):
        coverage(sets[:, :2], np.array([0, 1, 1, 0]), TAXONOMY, 0.9, "class")


def test_that_all_are_right_is_no_certainty():
    targets = np.array([0, 1, 2] * 8)
    sure = np.eye(4)[targets]
    found = intervals(sure, targets, TAXONOMY)
    exact = stats.binomtest(24, 24).proportion_ci(0.95, method="exact")
    assert found["accuracy"] == pytest.approx((exact.low, exact.high))
    assert set(found) == {"accuracy"}  # no resample tells anything of the others
    wrong = intervals(sure, (targets + 1) % 3, TAXONOMY)["accuracy"]
    assert wrong == pytest.approx((0.0, 1 - exact.low))
