import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcclassify.errors import DataError
from lcclassify.evaluation import calibration


def calibrated(n, k, seed=0):
    """Probabilities that are true by construction: targets are drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.6), n)
    y = (p.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    return p, np.minimum(y, k - 1)


def test_reliability_by_hand():
    predicted = np.array([0.0, 0.1, 0.5, 0.6, 1.0])
    outcome = np.array([False, True, False, True, True])
    curve = calibration.reliability_curve(predicted, outcome, n_bins=2)
    assert curve.counts.tolist() == [3, 2]  # 0.5 is the upper edge of the first bin
    assert curve.predicted == pytest.approx([0.2, 0.8])
    assert curve.observed == pytest.approx([1 / 3, 1.0])
    assert curve.calibration_error == pytest.approx((3 * (1 / 3 - 0.2) + 2 * 0.2) / 5)


def test_expected_calibration_error_by_hand():
    p = [[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]]
    # Bin of 0.9: one of two right, gap 0.4; bin of 0.7: right, gap 0.3.
    assert calibration.expected_calibration_error(p, [0, 1, 1]) == pytest.approx(1.1 / 3)
    # Class 1: bin 0.1 has rate 1/2 (gap 0.4), bin 0.7 rate 1 (gap 0.3); class 0 mirrors it.
    assert calibration.classwise_calibration_error(p, [0, 1, 1]) == pytest.approx(1.1 / 3)


def test_true_probabilities_are_calibrated_and_sharpened_ones_are_not():
    p, y = calibrated(40_000, 4)
    sharp = p**2.5 / (p**2.5).sum(axis=1, keepdims=True)
    assert calibration.expected_calibration_error(p, y) < 0.015
    assert calibration.expected_calibration_error(sharp, y) > 0.1


@given(st.integers(0, 2**16), st.integers(1, 30))
def test_every_object_is_in_one_bin(seed, n_bins):
    rng = np.random.default_rng(seed)
    predicted = np.round(rng.uniform(size=50), 2)
    curve = calibration.reliability_curve(predicted, rng.uniform(size=50) < predicted, n_bins)
    assert curve.counts.sum() == 50
    filled = curve.counts > 0
    assert (curve.predicted[filled] >= curve.edges[:-1][filled] - 1e-12).all()
    assert (curve.predicted[filled] <= curve.edges[1:][filled] + 1e-12).all()
    assert np.isnan(curve.observed[~filled]).all()


def test_unusable_input_is_refused():
    with pytest.raises(DataError, match="n_bins"):
        calibration.top_label_reliability([[0.5, 0.5]], [0], n_bins=0)
    with pytest.raises(DataError, match="at least one object"):
        calibration.reliability_curve(np.empty(0), np.empty(0, dtype=bool))
