"""What is said of objects that are unlike the training objects."""

import pytest

from lcclassify.inference.conditions import Difference, Quantity
from lcclassify.tasks.shift import Shift

CURE = "experiment=at_large"


def shift(distance, **others):
    difference = Difference(
        Quantity("highest flux", "fainter", "brighter"),
        below=0.4,
        above=0.0,
        distance=distance,
        median=0.1,
    )
    return Shift([difference], None, **others)


@pytest.mark.parametrize(
    ("distance", "is_drawn", "is_cured"),
    [(0.5, False, True), (0.5, True, False), (0.1, False, False)],
)
def test_the_cure_is_named_where_there_is_a_shift_and_nothing_was_drawn(
    distance, is_drawn, is_cured
):
    said = shift(distance, is_drawn=is_drawn).sentences(None)
    assert (CURE in " ".join(said)) is is_cured
    assert any("unlike the training objects" in one for one in said) is (distance > 0.2)
