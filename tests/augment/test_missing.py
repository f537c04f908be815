"""Draws lack metadata as often as the objects to be classified do, and together what is."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.missing import FittedMissing, LoseMetadata
from lcclassify.errors import ConfigError

N = 2000


@pytest.fixture
def lacking(random_curves, sample_of):
    """Return a function that makes a sample whose survey lacks so much, and training too."""

    def made(training, survey):
        sample = sample_of(random_curves([3] * N), np.full(N, 0.3))
        rng = np.random.default_rng(3)

        def columns(shares):
            found = {}
            for name in ("photoz", "photoz_err", "distmod", "mwebv"):
                values = rng.uniform(0.1, 1, N)
                values[: round(shares.get(name, 0) * N)] = np.nan
                found[name] = rng.permutation(values)
            return found

        cadences = replace(sample.survey.cadences, columns=columns(survey))
        return replace(
            sample,
            drawn=replace(sample.drawn, columns=columns(training)),
            survey=replace(sample.survey, cadences=cadences),
            notes=[],
        )

    return made


def shares_of(drawn):
    return {name: float(np.mean(np.isnan(values))) for name, values in drawn.columns.items()}


def test_draws_lack_what_the_survey_lacks(lacking, keys_of):
    sample = lacking({"mwebv": 0.1}, {"photoz": 0.3, "photoz_err": 0.3, "mwebv": 0.4})
    step = LoseMetadata().fitted(sample)
    drawn = step.apply(sample.drawn, keys_of(N))
    found = shares_of(drawn)
    assert found["photoz"] == found["photoz_err"] == found["distmod"]
    assert found["photoz"] == pytest.approx(0.3, abs=0.04)
    assert found["mwebv"] == pytest.approx(0.4, abs=0.04)
    kept = ~np.isnan(drawn.columns["photoz"])
    assert np.array_equal(drawn.columns["photoz"][kept], sample.drawn.columns["photoz"][kept])
    assert "photoz 30 %" in sample.notes[0]
    # One is not lost because the other is.
    both = np.mean(np.isnan(drawn.columns["photoz"]) & np.isnan(drawn.columns["mwebv"]))
    assert both == pytest.approx(0.12, abs=0.03)


@pytest.mark.parametrize(
    ("training", "survey"),
    [
        ({}, {}),
        ({"photoz": 0.3}, {"photoz": 0.1}),  # training has more
        ({"mwebv": 0.2}, {"mwebv": 0.205}),  # as many
        ({"mwebv": 1.0}, {"mwebv": 0.5}),  # none to lose
        ({}, {"distmod": 0.5}),  # follows from a redshift of 0
    ],
)
def test_else_nothing_is_done(lacking, keys_of, training, survey):
    sample = lacking(training, survey)
    step = LoseMetadata().fitted(sample)
    assert step == FittedMissing()
    assert not sample.notes
    before = sample.drawn
    for name, values in step.apply(before, keys_of(N)).columns.items():
        assert np.array_equal(values, before.columns[name], equal_nan=True)


def test_what_is_stated_is_lost_in_any_case(lacking, keys_of):
    sample = lacking({}, {"mwebv": 0.5})
    found = shares_of(LoseMetadata(least=0.2).fitted(sample).apply(sample.drawn, keys_of(N)))
    assert found["photoz"] == found["distmod"] == pytest.approx(0.2, abs=0.04)
    assert found["mwebv"] == pytest.approx(0.5, abs=0.04)


def test_a_few_keep_what_the_survey_has_of_no_object(lacking, keys_of):
    sample = lacking({"mwebv": 0.2}, {"photoz": 1.0, "mwebv": 1.0})
    for most, wanted in ((0.95, [0.95, 0.96]), (0.5, [0.5, 0.6]), (1.0, [1.0, 1.0])):
        found = shares_of(LoseMetadata(most=most).fitted(sample).apply(sample.drawn, keys_of(N)))
        assert [found["photoz"], found["mwebv"]] == pytest.approx(wanted, abs=0.03)
    assert LoseMetadata().most == 0.95
    found = shares_of(LoseMetadata(least=1).fitted(sample).apply(sample.drawn, keys_of(N)))
    assert found["photoz"] == 1


def test_an_object_does_not_depend_on_the_others(lacking, keys_of):
    sample = lacking({}, {"photoz": 0.5})
    step, keys = LoseMetadata().fitted(sample), keys_of(N)
    whole = step.apply(sample.drawn, keys).columns["photoz"]
    rows = np.array([5, 3, 1900])
    part = step.apply(sample.drawn.take(rows), keys[rows]).columns["photoz"]
    assert np.array_equal(part, whole[rows], equal_nan=True)


@pytest.mark.parametrize("name", ["least", "most"])
@pytest.mark.parametrize("share", [-0.1, 1.5, "few"])
def test_an_impossible_share_is_named(name, share):
    with pytest.raises(ConfigError, match=f"augment: {name}"):
        LoseMetadata(**{name: share})
