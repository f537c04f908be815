"""Normal numbers are those of the ziggurat method, to the bit and as far as its tail."""

import math

import numpy as np
import pytest

from lcclassify.augment.normals import fill_normals
from lcclassify.hashing import GOLDEN, mix

EDGE = 3.442619855899  # Marsaglia & Tsang 2000, for 128 layers
AREA = 9.91256303526217e-3


def ziggurat(key, place):
    """Return a number of a key in plain Python, and how it was found."""
    edges = [AREA / math.exp(-0.5 * EDGE**2), EDGE]
    while len(edges) < 128:
        density = math.exp(-0.5 * edges[-1] ** 2)
        edges.append(math.sqrt(-2 * math.log(AREA / edges[-1] + density)))
    edges.append(0.0)
    state = np.atleast_1d(key) + GOLDEN * np.array([place + 1], dtype=np.uint64)

    def uniform():
        return (int(state[0] >> np.uint64(11)) + 0.5) / 2**53

    def advance():
        nonlocal state
        state = mix(state + GOLDEN)
        return uniform()

    state = mix(state)
    way = "at once"
    while True:
        layer, unit = int(state[0]) % 128, 2 * uniform() - 1
        value = unit * edges[layer]
        if abs(value) < edges[layer + 1]:
            return value, way
        if layer == 0:
            return tail(advance, unit)
        way = "in a wedge" if way == "at once" else "again"
        low, high = (math.exp(-0.5 * edges[one] ** 2) for one in (layer, layer + 1))
        if low + advance() * (high - low) < math.exp(-0.5 * value**2):
            return value, way
        advance()
        way = "again"


def tail(advance, unit):
    way = "tail"
    while True:
        beyond = -math.log(advance()) / EDGE
        if -2 * math.log(advance()) >= beyond**2:
            return math.copysign(EDGE + beyond, unit), way
        way = "tail again"


# Places of a key, found by looking through many. The first is of a number near 0.
WAYS = {
    "at once": [82341, 0, 1, 2, 3, 4, 5, 6],
    "in a wedge": [23, 118, 174, 181, 285, 315, 317, 324],
    "again": [98, 141, 148, 300, 687, 742, 748, 763],
    "tail": [5559, 5614, 5984, 13226, 13580, 22857],
    "tail again": [16503, 56076, 62729, 92386],
}


@pytest.mark.parametrize("way", WAYS)
def test_each_number_is_that_of_the_method(way):
    for place in WAYS[way]:
        found = np.empty(1)
        fill_normals(np.uint64(7), place, found)
        expected, how = ziggurat(np.uint64(7), place)
        assert (found[0], how) == (pytest.approx(expected, rel=1e-15, abs=0), way)
