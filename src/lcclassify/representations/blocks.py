"""Blocks of whole objects whose rows fit the processor's cache.

Arrays of intermediate values that fit there are reused from block to block; for a whole
survey's chunk at once, fetching them anew from the system costs more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 16_384


def blocks_of(offsets: NDArray[np.int64], rows: int = ROWS) -> Iterator[tuple[int, int]]:
    """Yield ranges ``first, last`` of objects that have about `rows` rows together.

    Args:
        offsets: ``(N + 1,) int64``; object n has the rows ``offsets[n]:offsets[n + 1]``.
        rows: An object of more has a block of its own or ends one.
    """
    starts = np.searchsorted(offsets[:-1], np.arange(offsets[0], offsets[-1], rows))
    edges = np.unique(np.append(starts, [0, len(offsets) - 1]))
    yield from pairwise(edges.tolist())
