"""Batches: every object once an epoch, of similar length, the same for a seed and epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.training.data import (
    BucketSampler,
    LightCurveDataModule,
    OrderedSampler,
    batch_bounds,
)

LENGTHS = np.random.default_rng(0).integers(1, 100, 500)
ROWS = np.arange(500)[::2]


def sampler(epoch=0, rank=0, world_size=1, rows=ROWS, batch_size=16, seed=3):
    result = BucketSampler(rows, LENGTHS, batch_size, seed, rank, world_size)
    result.set_epoch(epoch)
    return result


def test_each_row_once_an_epoch():
    batches = list(sampler())
    assert len(batches) == len(sampler())
    assert np.array_equal(np.sort(np.concatenate(batches)), ROWS)
    assert max(map(len, batches)) == 16


def test_order_depends_on_seed_and_epoch_alone():
    first = [batch.tolist() for batch in sampler()]
    assert [batch.tolist() for batch in sampler()] == first
    assert [batch.tolist() for batch in sampler(epoch=1)] != first
    assert [batch.tolist() for batch in sampler(seed=4)] != first
    again = sampler(epoch=5)
    list(again)
    again.set_epoch(0)
    assert [batch.tolist() for batch in again] == first


def test_batches_hold_similar_lengths():
    spread = np.mean([np.ptp(LENGTHS[batch]) for batch in sampler()])
    anyhow = np.mean(
        [
            np.ptp(LENGTHS[batch])
            for batch in np.split(np.random.default_rng(0).permutation(ROWS[:240]), 15)
        ]
    )
    assert spread < anyhow / 3


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_each_batch(world_size):
    alone = list(sampler(epoch=2))
    parts = [list(sampler(epoch=2, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert {len(part) for part in parts} == {len(parts[0])}
    assert all(
        len(sampler(rank=r, world_size=world_size)) == len(parts[0]) for r in range(world_size)
    )
    for step, shares in enumerate(zip(*parts, strict=True)):
        assert min(map(len, shares)) >= 2
        rows = np.concatenate(shares)
        assert len(set(rows.tolist())) == len(rows)
        if world_size == 2:
            assert sorted(rows) == sorted(alone[step])


@settings(deadline=None)
@given(n_rows=st.integers(1, 300), batch_size=st.integers(1, 64), world_size=st.integers(1, 4))
def test_any_number_of_rows_is_divided(n_rows, batch_size, world_size):
    bounds = batch_bounds(n_rows, batch_size, 2 * world_size)
    sizes = np.diff(bounds)
    assert bounds[0] == 0
    assert bounds[-1] == n_rows
    assert (sizes >= 1).all()
    assert sizes.max() <= batch_size
    if batch_size >= 4 * world_size and n_rows >= 2 * world_size:
        assert sizes.min() >= 2 * world_size
    assert len(sizes) == -(-n_rows // batch_size)


@given(n_rows=st.integers(2, 200), batch_size=st.integers(4, 40))
@settings(deadline=None)
def test_no_batch_of_a_single_object(n_rows, batch_size):
    lengths = np.ones(n_rows, dtype=np.int64)
    batches = list(BucketSampler(np.arange(n_rows), lengths, batch_size, 0))
    assert min(map(len, batches)) >= 2


def test_ordered_rows_come_once_shortest_first():
    batches = list(OrderedSampler(ROWS, LENGTHS, 16))
    rows = np.concatenate(batches)
    assert np.array_equal(np.sort(rows), ROWS)
    assert (np.diff(LENGTHS[rows]) >= 0).all()


def test_loaders_give_the_tensors_own_batches(new_tensors):
    tensors = new_tensors(np.arange(20) % 3)
    data = LightCurveDataModule(tensors, np.arange(12), np.arange(12, 20), 5, 0)
    for loader, expected in ((data.train_dataloader(), 12), (data.val_dataloader(), 8)):
        batches = list(loader)
        rows = torch.cat([batch.rows for batch in batches])
        assert len(rows) == expected
        for batch in batches:
            assert torch.equal(batch.targets, tensors.targets[batch.rows])
            assert torch.equal(batch.features, tensors.features[batch.rows])
            assert batch.sequences.shape[1] == int(batch.lengths.max())


def test_without_validation_rows_there_is_no_loader(new_tensors):
    data = LightCurveDataModule(new_tensors(np.arange(6) % 3), np.arange(6), np.arange(0), 5, 0)
    assert data.val_dataloader() == []
