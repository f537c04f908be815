"""What the head learns from follows from what the steps turned out to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from lcclassify.augment.coverage import Untouched
from lcclassify.augment.light import DropObservations, FluxJitter, Truncate
from lcclassify.augment.missing import LosesMetadata
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.tasks.augmenting import comparable, settled
from lcclassify.training.streams import DrawnStream

SETTINGS = AugmentSettings(name="gp", held_out_draws=5, target="metadata")


def stream_of(*steps):
    nothing = np.zeros(0, dtype=np.int64)
    return DrawnStream(SimpleNamespace(steps=steps), None, nothing, nothing, passes=1)


@pytest.mark.parametrize("more", [(), (LosesMetadata(),)])
def test_where_all_draws_stay_held_out_objects_are_taken_as_they_are(more):
    steps = FluxJitter(), DropObservations(), Untouched(), *more
    settings, stream = settled(SETTINGS, stream_of(*steps))
    assert (settings.held_out_draws, settings.target) == (0, "metadata")
    assert stream.grows_trees


@pytest.mark.parametrize(
    "steps",
    [
        (FluxJitter(), DropObservations()),  # by a user's own word
        (FluxJitter(), Untouched(), Truncate()),  # beginnings, which the head is to know
        (FluxJitter(), Untouched(), LosesMetadata({"photoz": 0.2})),
        (),
    ],
)
def test_else_held_out_objects_are_drawn_as_stated(steps):
    stream = stream_of(*steps)
    assert settled(SETTINGS, stream) == (SETTINGS, stream)
    assert not stream.grows_trees


NAN = float("nan")


@pytest.mark.parametrize(
    ("target", "own", "expected"),
    [
        ([0.1, NAN, 0.3, NAN], [0.1, 0.2], [0, 2]),  # lost: they may be anywhere
        ([0.1, NAN, 0.3, NAN], [0.1, NAN], [0, 1, 2, 3]),  # as often as of the training objects
        ([0.1, NAN, 0.3, NAN, NAN, NAN], [0.1, NAN], [0, 1, 2, 4]),
        ([0.1, NAN], [NAN, NAN], [0, 1]),
        ([NAN, NAN], [0.1], []),
    ],
)
def test_objects_that_lost_their_redshift_are_not_taken_for_near_ones(target, own, expected):
    assert comparable(np.array(target), np.array(own)).tolist() == expected
