"""Scores of redshifts, by their definitions."""

import numpy as np
import pytest

from lcclassify.evaluation.redshifts import RedshiftScores, nmad, outlier_share


def test_nmad_is_the_deviation_of_normal_errors():
    rng = np.random.default_rng(0)
    true = rng.uniform(0.1, 2, 20_000)
    estimated = true + (1 + true) * rng.normal(0.1, 0.02, 20_000)
    assert nmad(estimated, true) == pytest.approx(0.02, rel=0.03)


def test_nmad_and_outliers_of_a_few():
    true = np.array([0.0, 1.0, 1.0, 3.0])
    estimated = np.array([0.1, 1.4, 1.0, 2.0])
    away = [0.1, 0.2, 0.0, -0.25]
    median = np.median(away)
    assert nmad(estimated, true) == pytest.approx(1.48 * np.median(np.abs(away - median)))
    assert outlier_share(estimated, true) == 0.5


def test_without_objects_there_is_nothing():
    assert np.isnan(nmad(np.zeros(0), np.zeros(0)))
    assert np.isnan(outlier_share(np.zeros(0), np.zeros(0)))
    nothing = np.full(3, np.nan)
    quantiles = np.zeros((3, 2))
    assert RedshiftScores.of(np.ones(3), quantiles, nothing, None) is None
    assert RedshiftScores.of(np.ones(3), quantiles, np.ones(3), nothing) is None


def test_only_objects_with_the_truth_count():
    true = np.array([0.5, np.nan, 0.0, 1.0])
    estimated = np.array([0.5, 9.0, 9.0, 1.0])
    quantiles = np.array([[0.4, 0.6], [0, 0], [0, 0], [0.2, 0.9]])
    scores = RedshiftScores.of(estimated, quantiles, true, np.array([0.9, 1, 1, 1.0]))
    assert scores is not None
    assert (scores.objects, scores.nmad, scores.outliers, scores.inside) == (2, 0, 0, 0.5)
    assert scores.photometric_outliers == 0.5
    assert "NMAD 0.0000 (photometric" in scores.sentence("objects")
    alone = RedshiftScores.of(estimated, quantiles, true, None)
    assert alone is not None
    assert "photometric" not in alone.sentence("objects")
