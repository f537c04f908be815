"""What the head learns from follows from what the steps turned out to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from lcclassify.augment.coverage import Untouched
from lcclassify.augment.light import DropObservations, FluxJitter, Truncate
from lcclassify.augment.missing import FittedMissing
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.tasks.augmenting import settled
from lcclassify.training.streams import DrawnStream

SETTINGS = AugmentSettings(name="gp", held_out_draws=5, target="metadata")


def stream_of(*steps):
    nothing = np.zeros(0, dtype=np.int64)
    return DrawnStream(SimpleNamespace(steps=steps), None, nothing, nothing, passes=1)


@pytest.mark.parametrize("more", [(), (FittedMissing(),)])
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
        (FluxJitter(), Untouched(), FittedMissing({"photoz": 0.2})),
        (),
    ],
)
def test_else_held_out_objects_are_drawn_as_stated(steps):
    stream = stream_of(*steps)
    assert settled(SETTINGS, stream) == (SETTINGS, stream)
    assert not stream.grows_trees
