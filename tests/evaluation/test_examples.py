"""Which objects are shown: a fixed order, so that parts and the whole choose alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lcclassify.evaluation.examples import (
    RIGHT,
    UNCERTAIN,
    UNKNOWN,
    WRONG,
    Example,
    choose_examples,
)


def drawn(n, k, seed):
    rng = np.random.default_rng(seed)
    # Few distinct values, so that there are ties.
    p = rng.integers(1, 5, (n, k)).astype(float)
    return p / p.sum(axis=1, keepdims=True), rng.integers(-1, k, n), rng.integers(0, 4, n) / 4


def test_kinds_by_hand():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55], [0.7, 0.3]])
    targets = np.array([0, 0, 0, 1, 1])
    unknown = np.array([0.1, 0.7, np.nan, 0.2, 0.3])
    found = choose_examples(p, targets, unknown, per_kind=1)
    assert found == [
        Example(0, 0, RIGHT), Example(2, 0, WRONG), Example(1, 0, UNCERTAIN),
        Example(1, 0, UNKNOWN), Example(3, 1, RIGHT), Example(4, 1, WRONG), Example(4, 1, UNKNOWN),
    ]  # fmt: skip


def test_under_the_predicted_class_a_label_is_not_needed():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    found = choose_examples(p, np.array([-1, -1, 1]), by_prediction=True, per_kind=1)
    assert found == [Example(0, 0, RIGHT), Example(2, 0, WRONG), Example(1, 0, UNCERTAIN)]
    assert choose_examples(p, np.full(3, -1)) == []
    assert choose_examples(np.zeros((0, 2)), np.zeros(0, dtype=np.int64)) == []


@given(
    n=st.integers(1, 60),
    k=st.integers(2, 4),
    seed=st.integers(0, 10**6),
    cut=st.integers(0, 60),
    by_prediction=st.booleans(),
)
def test_what_parts_choose_holds_what_the_whole_chooses(n, k, seed, cut, by_prediction):
    p, targets, unknown = drawn(n, k, seed)

    def chosen(rows):
        found = choose_examples(
            p[rows], targets[rows], unknown[rows], by_prediction=by_prediction, per_kind=3
        )
        return [(int(rows[one.row]), one.group, one.kind) for one in found]

    every = np.arange(n)
    whole = chosen(every)
    parts = {row for part in (every[:cut], every[cut:]) for row, _, _ in chosen(part)}
    assert {row for row, _, _ in whole} <= parts
    assert chosen(np.array(sorted(parts), dtype=np.int64)) == whole
