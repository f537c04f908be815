"""Objects of the Galaxy lose light and observations, and nothing else."""

import numpy as np
import pytest

from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.observing import Cadences, Detections, FluxErrors
from lcclassify.augment.redshifts import NEAREST

EVERYTHING = Detections(-np.inf, 1.0, False)


@pytest.mark.parametrize("redshift", [np.nan, 0.0, -9.0, NEAREST / 2, 7.0])
def test_objects_without_a_redshift_are_dimmed_and_never_moved(
    redshift, survey, sample_of, redrawn
):
    n = len(survey)
    sample = sample_of(survey, np.full(n, redshift), detections=EVERYTHING, least_detections=0)
    settings = ObserveElsewhere(fainter=(0.8, 0.3))
    drawn = redrawn(settings, sample, copies=30)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, sample.drawn.columns[name][drawn.sources])
    lost = []
    for number in range(len(drawn)):
        own, source = drawn.curves.take(np.array([number])), drawn.sources[number]
        rows = survey.take(np.array([source]))
        # Its observations are some of the source's.
        place = np.searchsorted(rows.mjd, own.mjd)
        np.testing.assert_array_equal(rows.mjd[place], own.mjd)
        np.testing.assert_array_equal(rows.passband[place], own.passband)
        bright = rows.flux[place] > 20 * rows.flux_err[place]
        if bright.sum() > 5:
            lost.append(-2.5 * np.log10(np.median((own.flux / rows.flux[place])[bright])))
    lost = np.array(lost)
    assert lost.mean() == pytest.approx(0.8, abs=0.08)
    assert lost.std() == pytest.approx(0.3, abs=0.06)
    assert lost.min() > -0.05


def test_dimmed_errors_are_those_of_the_survey(stack, sample_of, redrawn):
    """Under a lender's sky, and with what the source's own have above one, less with its light."""
    rng = np.random.default_rng(0)
    mjd = np.arange(400) * 1.0
    good = (mjd, np.zeros(400), np.full(400, 1000.0) + rng.normal(size=400), np.ones(400), mjd >= 0)
    bad = (mjd, np.zeros(400), rng.normal(1000, 50, 400), np.full(400, 50.0), mjd >= 0)
    errors = FluxErrors(np.full(4, 0.1), np.zeros(4), np.zeros(4))
    cadence = Cadences(
        np.array([0, 200]), mjd[:200], np.zeros(200, dtype=np.uint8), np.full(200, 36.0), mjd[:1]
    )
    sample = sample_of(
        stack([good, bad]), [np.nan, 0.0], detections=EVERYTHING, cadences=cadence, errors=errors
    )
    drawn = redrawn(ObserveElsewhere(fainter=(1.0, 0.0)), sample, copies=10)
    assert drawn.curves.counts.tolist() == [200] * 20
    factor = 10**-0.4
    each = drawn.sources[drawn.curves.objects]
    expected = np.sqrt(36 + 0.1 * factor * 1000)
    np.testing.assert_allclose(drawn.curves.flux_err[each == 0], expected, rtol=0.01)
    of_light = np.sqrt(36 + factor * (50**2 - 36))
    np.testing.assert_allclose(drawn.curves.flux_err[each == 1], of_light, rtol=1e-12)
    # Noise is added up to the error, once.
    scatter = (drawn.curves.flux - factor * 1000) / drawn.curves.flux_err
    for source in (0, 1):
        assert scatter[each == source].std() == pytest.approx(1, abs=0.06)
        assert scatter[each == source].mean() == pytest.approx(0, abs=0.12)


def test_dimmed_objects_have_about_as_many_observations_as_lenders(stack, sample_of, redrawn):
    mjd = np.arange(100.0)
    many = (mjd, np.repeat([0, 1], [40, 60]), np.full(100, 50.0), np.ones(100), mjd >= 0)
    lenders = stack(
        [
            # Of the second passband the source has half as many more: none of its is lost.
            (mjd[:50], np.repeat([0, 1, 2], [4, 40, 6]), np.zeros(50), np.ones(50), mjd[:50] < 0),
            (mjd[:70], np.repeat([0, 1], [60, 10]), np.zeros(70), np.ones(70), mjd[:70] < 0),
        ]
    )
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.zeros(4))
    sample = sample_of(
        stack([many]), [np.nan], detections=EVERYTHING, cadences=Cadences.of(lenders, errors)
    )
    drawn = redrawn(ObserveElsewhere(attempts=1), sample, copies=100).curves
    of_band = np.bincount(drawn.objects * 4 + drawn.passband, minlength=400).reshape(100, 4)
    kinds, counts = np.unique(of_band, axis=0, return_counts=True)
    assert kinds.tolist() == [[4, 60, 0, 0], [40, 10, 0, 0]]
    assert counts.min() > 30
    # Which of the source's they are is left to chance.
    first = drawn.mjd[drawn.bounds[:-1]]
    assert len(np.unique(first)) > 5


def test_dimmed_errors_are_no_less_than_the_noise_that_is_there(stack, sample_of, redrawn):
    """Under a darker sky than the source's own its noise stays, with less light."""
    mjd = np.arange(200) * 1.0
    poor = (mjd, np.zeros(200), np.full(200, 1000.0), np.full(200, 6.0), mjd >= 0)
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.zeros(4))
    zeros = np.zeros(300, dtype=np.uint8)
    cadences = Cadences(  # two of three lenders are under a sky like the source's
        np.array([0, 100, 200, 300]),
        np.tile(np.arange(100.0), 3),
        zeros,
        np.repeat([1.0, 36.0, 36.0], 100),
        np.zeros(3),
    )
    sample = sample_of(
        stack([poor]), [np.nan], detections=EVERYTHING, cadences=cadences, errors=errors
    )
    found = redrawn(ObserveElsewhere(fainter=(0.2, 0.0)), sample, copies=40).curves
    assert set(np.unique(found.flux_err.round(9))) == {round(6 * 10**-0.08, 9), 6.0}
