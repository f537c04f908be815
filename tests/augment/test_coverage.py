"""Which share of a target training objects stand for, and how many draws stay where they are."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.coverage import share_covered, share_untouched
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.missing import LoseMetadata
from lcclassify.augment.observing import highest_ratios

RNG = np.random.default_rng(0)
N = 4000


def objects(n, redshift=0.3):
    """Return redshifts about one, and brightnesses that fall with them."""
    found = RNG.normal(redshift, 0.05, n)
    return found, 1.6 - found + RNG.normal(0, 0.1, n)


def test_samples_of_the_same_objects_stand_for_each_other():
    assert share_covered(objects(N), objects(N)) > 0.97


def test_that_few_objects_have_less_in_common_by_chance_is_allowed_for():
    found = [share_covered(objects(N), objects(120)) for _ in range(10)]
    assert np.median(found) == 1
    assert min(found) > 0.9


def test_objects_elsewhere_stand_for_nothing():
    assert share_covered(objects(N, 0.9), objects(N)) < 0.05
    redshift, brightness = objects(N)
    assert share_covered((redshift, brightness + 2), (redshift, brightness)) < 0.4


# A bin holds a tenth of the target by either quantity, and may lie on the border of two parts.
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_part_of_the_target(share):
    parts = objects(int(share * N)), objects(N - int(share * N), 0.9)
    target = tuple(np.concatenate(values) for values in zip(*parts, strict=True))
    assert share_covered(target, objects(N)) == pytest.approx(share, abs=0.07)


def test_training_objects_that_have_no_like_do_not_matter_less():
    """Half of them far away: what is left stands for half of a target nearby."""
    parts = objects(N // 2), objects(N // 2, 0.9)
    own = tuple(np.concatenate(values) for values in zip(*parts, strict=True))
    assert share_covered(objects(N), own) == pytest.approx(0.5, abs=0.07)


def test_too_few_of_either_say_nothing():
    few, enough = (tuple(values[:n] for values in objects(N)) for n in (99, 100))
    assert share_covered(objects(N), few) is None
    assert share_covered(few, objects(N)) is None
    assert share_covered(enough, enough) == 1


def test_objects_without_a_redshift_are_like_others_without():
    redshift, brightness = objects(N)
    lost = RNG.random(N) < 0.5
    missing, own = (np.where(lost, np.nan, redshift), brightness), objects(N)
    assert share_covered(missing, missing) == 1
    assert share_covered(missing, own) == pytest.approx(0.5, abs=0.03)
    assert share_covered(own, missing) > 0.97  # those that have one are like all of them
    nothing = np.full(N, np.nan)
    most = np.where(RNG.random(N) < 0.95, np.nan, redshift), brightness
    assert share_covered((nothing, own[1]), most) > 0.97
    assert share_covered((nothing, brightness), (nothing, own[1])) > 0.97
    assert share_covered((nothing, brightness), (nothing, own[1] + 2)) < 0.2  # an eighth a bin


def aimed_at(sample, redshift, factor=1.0, copies=20):
    """Return the sample, many times over, with a target of other redshifts and brightnesses."""
    drawn = sample.drawn.take(np.tile(np.arange(len(sample.drawn)), copies))
    ratio = factor * highest_ratios(drawn.curves)
    target = np.tile(redshift, copies), ratio
    many = {"redshift": sample.redshift, "targets": sample.targets}
    many = {name: np.tile(values, copies) for name, values in many.items()}
    return replace(sample, drawn=drawn, target=target, notes=[], **many)


@pytest.fixture
def own(watched):
    """Photometric redshifts of the training objects."""
    return np.nan_to_num(watched.drawn.columns[watched.photometric[0]])


def test_draws_stay_where_the_target_is(watched, own, keys_of):
    sample = aimed_at(watched, own)
    assert share_untouched(sample) == 1
    assert "stand for 100 % of the objects" in sample.notes[0]
    step = ObserveElsewhere(untouched="auto").fitted(sample)
    keys = keys_of(len(sample.drawn))
    assert step.apply(sample.drawn, keys) is sample.drawn


def test_none_stay_where_the_target_is_not(watched, own):
    sample = aimed_at(watched, own + 2, factor=0.1)
    assert share_untouched(sample) < 0.01
    fitted = ObserveElsewhere(untouched="auto").fitted(sample)
    assert fitted.untouched == share_untouched(sample)
    assert fitted.moves.any()


@pytest.mark.parametrize(
    ("factor", "share"), [(1.0, pytest.approx(1, abs=0.1)), (0.05, pytest.approx(0, abs=0.1))]
)
def test_where_the_target_has_no_redshift_brightness_decides(watched, own, factor, share):
    sample = aimed_at(watched, np.full(len(own), np.nan), factor)
    columns = {**sample.drawn.columns, "photoz": np.full(len(sample.drawn), np.nan)}
    lent = replace(sample.survey.cadences, columns={"photoz": np.array([np.nan])})
    sample = replace(sample, survey=replace(sample.survey, cadences=lent))
    lost = replace(sample, steps=(LoseMetadata().fitted(sample),))
    assert share_untouched(lost) == share
    assert "By signal-to-noise ratio" in lost.notes[-1]
    assert share_untouched(sample) == 0  # if draws keep it, they are unlike all of the target
    gone = replace(sample, drawn=replace(sample.drawn, columns=columns))
    assert share_untouched(gone) == share


def test_without_a_target_all_stay(watched):
    notes = []
    assert share_untouched(replace(watched, target=None, notes=notes)) == 1
    assert not notes


def test_of_few_objects_nobody_can_tell(watched, own):
    sample = aimed_at(watched, own + 2, copies=3)
    assert share_untouched(sample) == 1
    assert "too few to tell" in sample.notes[0]


def test_nothing_is_moved_without_wavelengths(watched, own, keys_of):
    sample = replace(aimed_at(watched, own + 2, factor=0.1), wavelengths=np.zeros(0))
    step = ObserveElsewhere(untouched="auto").fitted(sample)
    assert step.apply(sample.drawn, keys_of(len(sample.drawn))) is sample.drawn
    assert "set survey.wavelengths" in sample.notes[-1]
