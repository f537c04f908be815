"""Batches hold each object's own nights and nothing else, in any order and size."""

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.errors import ConfigError, DataError
from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.representations.prepared import PreparedSet
from lcclassify.schema import UNKNOWN_TARGET


@pytest.fixture
def prepared():
    rng = np.random.default_rng(0)
    lengths = np.array([3, 1, 7, 2, 5])
    return PreparedSet(
        object_ids=pl.Series("object_id", range(5)),
        features=rng.normal(size=(5, 4)),
        feature_names=tuple("abcd"),
        context=rng.normal(size=(5, 2)),
        context_names=("x", "y"),
        sequences=rng.normal(size=(lengths.sum(), 3)).astype(np.float32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        channel_names=("f", "g", "h"),
    )


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 0], [1], [3, 3, 2]])
def test_batch_equals_objects_padded_one_by_one(prepared, rows):
    tensors = TensorSet.from_prepared(prepared, np.arange(5))
    batch = tensors.batch(torch.tensor(rows))

    longest = max(prepared.lengths[row] for row in rows)
    expected = np.zeros((len(rows), longest, 3), np.float32)
    for i, row in enumerate(rows):
        own = prepared.sequences[prepared.offsets[row] : prepared.offsets[row + 1]]
        expected[i, : len(own)] = own
    np.testing.assert_array_equal(batch.sequences.numpy(), expected)
    np.testing.assert_array_equal(batch.features.numpy(), prepared.features[rows])
    np.testing.assert_array_equal(batch.context.numpy(), prepared.context[rows])
    assert batch.lengths.tolist() == [prepared.lengths[row] for row in rows]
    assert batch.targets.tolist() == batch.rows.tolist() == rows
    assert batch.features.dtype == torch.float64
    assert batch.sequences.dtype == torch.float32


def test_padding_is_zero_where_a_neighbour_is_not_finite(prepared):
    prepared.sequences[:] = np.inf
    batch = TensorSet.from_prepared(prepared).batch(torch.tensor([1, 2]))
    assert batch.sequences[0, 1:].eq(0).all()


def test_sequences_are_left_out_where_they_are_not_wanted(prepared):
    tensors = TensorSet.from_prepared(prepared)
    rows = np.arange(len(prepared))
    whole, without = tensors.batch(rows), tensors.batch(rows, sequences=False)
    assert without.sequences.shape == (len(prepared), 0, whole.sequences.shape[2])
    torch.testing.assert_close(without._replace(sequences=whole.sequences), whole, equal_nan=True)


def test_targets_are_unknown_unless_given(prepared):
    assert TensorSet.from_prepared(prepared).targets.eq(UNKNOWN_TARGET).all()
    with pytest.raises(DataError, match=r"one entry an object, shape \(5,\), got \(3,\)"):
        TensorSet.from_prepared(prepared, np.zeros(3, np.int64))


def test_no_objects_make_an_empty_batch(prepared):
    batch = TensorSet.from_prepared(prepared).batch(np.array([], np.int64))
    assert batch.sequences.shape == (0, 0, 3)
    assert batch.features.shape == (0, 4)


def test_read_only_arrays_are_taken(prepared):
    for name in ("features", "context", "sequences", "offsets"):
        getattr(prepared, name).flags.writeable = False
    assert len(TensorSet.from_prepared(prepared)) == 5


def test_length_sorted_batches_hold_every_row_once_and_grow():
    lengths = np.random.default_rng(1).integers(1, 50, 103)
    batches = length_sorted_batches(lengths, 10)
    assert sorted(np.concatenate(batches).tolist()) == list(range(103))
    assert [len(rows) for rows in batches] == [10] * 10 + [3]
    assert np.all(np.diff(lengths[np.concatenate(batches)]) >= 0)
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        length_sorted_batches(lengths, 0)
