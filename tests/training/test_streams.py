"""Epochs are drawn from their numbers alone, whoever asks for them, when and in which order."""

import pickle
import threading
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.light import DropObservations, FluxJitter
from lcclassify.nn.batching import TensorSet
from lcclassify.representations.representation import Representation
from lcclassify.representations.sequences import SequenceForm
from lcclassify.schema import Passbands
from lcclassify.surveys.canonical import canonicalise
from lcclassify.training import streams
from lcclassify.training.streams import DrawnEpochs, DrawnStream

FIELDS = ("features", "context", "sequences", "offsets", "targets")
N = 9


@dataclass(frozen=True)
class Recording(Augmenter):
    """An augmenter that remembers what it drew and in which thread, and cannot draw one number."""

    record: list = field(default_factory=list)
    impossible: int = -1

    def draw(self, seed, epoch, rows=None):
        self.record.append((epoch, threading.current_thread().name))
        if epoch == self.impossible:
            raise ValueError("this one cannot be drawn")
        return super().draw(seed, epoch, rows)


@pytest.fixture(scope="module")
def training():
    rng = np.random.default_rng(0)
    counts = rng.integers(6, 20, N)
    observations = pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(N), counts),
            "mjd": 59000 + rng.uniform(0, 60, counts.sum()),
            "passband": rng.choice(["g", "r"], counts.sum()),
            "flux": rng.normal(50, 30, counts.sum()),
            "flux_err": rng.uniform(1, 5, counts.sum()),
        }
    )
    objects = pl.DataFrame({"object_id": np.arange(N), "dust": rng.uniform(0, 1, N)})
    curves, _ = canonicalise(observations, objects, Passbands(("g", "r")), metadata=("dust",))
    return curves


@pytest.fixture(scope="module")
def augmenter(training, sample_of):
    drawn = as_drawn(training)
    sample = sample_of(drawn, np.zeros(N, dtype=np.int64))
    return Recording.fitted(training, sample, [FluxJitter(), DropObservations()])


@pytest.fixture(scope="module")
def stream(training, augmenter):
    """A stream of nine objects that are rows 1, 3, 5 and so on of a run's tensors."""
    representation = Representation("plain", sequences=SequenceForm(), context=("metadata",))
    positions = np.full(2 * N + 1, -1)
    positions[1::2] = np.arange(N)
    targets = np.arange(2 * N + 1) % 4
    return DrawnStream(augmenter, representation.fit(training, 0), positions, targets, passes=2)


@pytest.fixture
def recorded(stream):
    """The stream with a record of its own."""
    return replace(stream, augmenter=replace(stream.augmenter, record=[]))


ROWS = np.arange(1, 2 * N, 2)


def objects_of(tensors):
    """Return what a set holds of each object, in bytes; a NaN is equal to itself."""
    arrays = {name: getattr(tensors, name).numpy() for name in FIELDS}
    nights = [
        arrays["sequences"][a:b].tobytes()
        for a, b in zip(arrays["offsets"], arrays["offsets"][1:], strict=False)
    ]
    rest = zip(*([r.tobytes() for r in arrays[n]] for n in ("features", "context")), strict=True)
    return list(zip(rest, nights, arrays["targets"].tolist(), strict=True))


def assert_equal(one, other):
    assert objects_of(one) == objects_of(other)


def epochs_of(stream, last=4, seed=7):
    return DrawnEpochs(stream, ROWS, seed, last)


# --- the stream -------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [[9], [4, 5], [1] * 9, [8, 1]])
def test_an_object_does_not_depend_on_the_others(parts, stream):
    whole = objects_of(stream.tensors(ROWS, 7, [3]))
    assert len(whole) == N
    split = np.split(ROWS, np.cumsum(parts)[:-1])
    assert [o for rows in split for o in objects_of(stream.tensors(rows, 7, [3]))] == whole


def test_draws_follow_one_another(stream):
    alone = [objects_of(stream.tensors(ROWS, 7, [number])) for number in (5, 2)]
    assert objects_of(stream.tensors(ROWS, 7, [5, 2])) == [*alone[0], *alone[1]]
    assert not set(alone[0]) & set(alone[1])
    assert not set(alone[0]) & set(objects_of(stream.tensors(ROWS, 8, [5])))


def test_rows_keep_their_targets_and_columns(stream, training):
    rows = np.array([3, 9, 15])
    tensors = stream.tensors(rows, 7, [0, 1])
    assert tensors.targets.tolist() == (rows % 4).tolist() * 2
    dust = training.objects["dust"].to_numpy()[[1, 4, 7]]
    np.testing.assert_array_equal(tensors.context[:, 0].numpy(), np.tile(dust, 2))


def test_an_epoch_is_so_many_draws(stream):
    for epoch in (0, 3):
        expected = stream.tensors(ROWS, 7, [2 * epoch, 2 * epoch + 1])
        assert_equal(stream.epoch(ROWS, 7, epoch), expected)
    four = replace(stream, passes=4)
    assert_equal(four.epoch(ROWS, 7, 1), stream.tensors(ROWS, 7, range(4, 8)))


def test_a_network_gets_what_it_reads_alone(stream):
    whole = stream.epoch(ROWS, 7, 1)
    dense = replace(stream, with_sequences=False).epoch(ROWS, 7, 1)
    assert len(dense.sequences) == 0
    assert torch.equal(dense.features.nan_to_num(), whole.features.nan_to_num())
    assert torch.equal(dense.offsets, whole.offsets)
    rows = np.array([3, 0])
    assert torch.equal(
        dense.batch(rows, sequences=False).sequences, whole.batch(rows, sequences=False).sequences
    )
    recurrent = stream.of(("sequences", "context")).epoch(ROWS, 7, 1)
    assert recurrent.features.shape[1] == 0
    assert torch.equal(recurrent.sequences, whole.sequences)


def test_draws_come_again_after_so_many_epochs(stream):
    cycle = replace(stream, blocks=2)
    for epoch in range(5):
        assert_equal(cycle.epoch(ROWS, 7, epoch), stream.epoch(ROWS, 7, epoch % 2))


@pytest.mark.parametrize(("repeats", "blocks"), [(1, None), (2, 12), (3, 8), (5, 5), (40, 1)])
def test_a_fit_of_features_sees_each_draw_so_often(stream, repeats, blocks):
    repeated = replace(stream, repeats=repeats)
    assert repeated.of_fit(("features",), 24, N).blocks == blocks
    assert not repeated.of_fit(("features",), 24, N).with_sequences
    assert repeated.of_fit(("features", "sequences"), 24, N).blocks == blocks
    assert repeated.of_fit(("sequences",), 24, N).blocks is None
    assert repeated.of_fit(("sequences",), 24, N).with_sequences


def test_what_is_too_much_to_be_held_is_always_new(stream):
    repeated = replace(stream, repeats=2)
    size = 4 * len(stream.representation.feature_names) * stream.passes * 12
    most = streams._MOST_HELD // size
    assert repeated.of_fit(("features",), 24, most).blocks == 12
    assert repeated.of_fit(("features",), 24, most + 1).blocks is None
    assert repeated.of_fit(("features",), 1, N).blocks is None


# --- weights ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven(stream):
    """The stream with one object of class 1 and of class 3 that are drawn seldom."""
    weights = np.ones(N)
    weights[[0, 5]] = 0.05  # rows 1 and 11: of classes 1 and 3
    return replace(stream, weights=weights)


def test_seldom_objects_make_room_for_others_of_their_class(uneven):
    counts = np.mean([uneven.copies(ROWS, 2, 7, epoch) for epoch in range(400)], axis=0)
    classes = uneven.targets[ROWS]
    for kind in (1, 3):
        own = classes == kind
        assert counts[own].sum() == pytest.approx(2 * own.sum(), abs=0.1)
        weights = uneven.weights[uneven.positions[ROWS[own]]]
        expected = 2 * own.sum() * weights / weights.sum()
        np.testing.assert_allclose(counts[own], expected, atol=0.1)


@pytest.mark.parametrize("rows", [ROWS, ROWS[2:], ROWS[[0]], ROWS[[0, 1, 4]]])
def test_an_epoch_is_of_one_size_whatever_the_weights(rows, uneven):
    for epoch in range(20):
        counts = uneven.copies(rows, 2, 7, epoch)
        assert counts.sum() == 2 * len(rows)
        share = np.bincount(uneven.targets[rows], counts, 4) - 2 * np.bincount(
            uneven.targets[rows], minlength=4
        )
        assert np.abs(share).max() <= 1
    assert len(uneven.epoch(rows, 7, 3)) == 2 * len(rows)


def test_copies_of_an_object_are_drawn_one_by_one(uneven):
    objects = [o for epoch in range(10) for o in objects_of(uneven.epoch(ROWS, 7, epoch))]
    assert len(set(objects)) == len(objects)
    assert_equal(uneven.epoch(ROWS, 7, 3), uneven.epoch(ROWS, 7, 3))


def test_equal_weights_change_nothing(stream):
    equal = replace(stream, weights=np.full(N, 0.3))
    np.testing.assert_array_equal(equal.copies(ROWS, 3, 7), 3)
    np.testing.assert_array_equal(stream.copies(ROWS, 3, 7), 3)


def test_draws_of_held_out_objects_are_weighted_alike(stream, uneven):
    number, owner = stream.resampled(ROWS, 3, 7)
    np.testing.assert_array_equal(number, np.repeat(np.arange(3), N))
    np.testing.assert_array_equal(owner, np.tile(np.arange(N), 3))
    number, owner = uneven.resampled(ROWS, 3, 7)
    assert set(number) == {0, 1, 2}
    np.testing.assert_array_equal(np.bincount(owner, minlength=N), uneven.copies(ROWS, 3, 7))


# --- epochs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 2, 3, 0], [0, 2, 1, 1, 3], [3, 2, 1, 0]]
)
def test_epochs_are_the_same_in_any_order(order, stream):
    epochs = epochs_of(stream)
    try:
        assert epochs.size == 2 * N
        for number in order:
            found = epochs.of(number)
            assert_equal(found, stream.epoch(ROWS, 7, number))
            assert len(found) == epochs.size
            assert epochs.current is found
            assert epochs.of(number) is found
    finally:
        epochs.close()


@pytest.mark.parametrize("last", [1, 2, 4])
def test_epochs_are_drawn_in_the_background(recorded, last):
    epochs = epochs_of(recorded, last=last)
    for number in range(last):
        epochs.of(number)
    epochs.close()
    draws = recorded.augmenter.record
    # Each draw once, in other threads, and nothing beyond the last.
    assert sorted(number for number, _ in draws) == list(range(2 * last))
    names = {name for _, name in draws}
    assert threading.current_thread().name not in names
    assert not names & {thread.name for thread in threading.enumerate()}


def test_as_many_epochs_are_drawn_ahead_as_there_are_threads(recorded, monkeypatch):
    monkeypatch.setattr(streams, "n_cores", lambda: 12)
    epochs = epochs_of(recorded, last=9)
    epochs.of(1)
    epochs._threads.shutdown(wait=True)
    assert {number for number, _ in recorded.augmenter.record} == set(range(2, 10))
    assert len({name for _, name in recorded.augmenter.record}) <= 3
    epochs.close()


@pytest.mark.parametrize(("most", "drawn"), [(1 << 29, 5), (100, 13)])
def test_epochs_that_come_again_are_held_if_they_are_small(recorded, monkeypatch, most, drawn):
    monkeypatch.setattr(streams, "_MOST_HELD", most)
    monkeypatch.setattr(streams, "n_cores", lambda: 2)
    epochs = epochs_of(replace(recorded, blocks=5), last=13)
    for number in range(13):
        epochs.of(number)
    epochs.close()
    assert len(recorded.augmenter.record) == 2 * drawn
    for number in range(13):
        assert_equal(epochs.of(number), recorded.epoch(ROWS, 7, number % 5))
    epochs.close()


def test_epochs_that_do_not_come_again_are_not_held(stream, monkeypatch):
    monkeypatch.setattr(streams, "n_cores", lambda: 2)
    for blocks in (None, 7, 8):
        epochs = epochs_of(replace(stream, blocks=blocks), last=7)
        for number in range(7):
            epochs.of(number)
            assert len(epochs._drawn) == min(2, 6 - number)
        epochs.close()


def test_the_current_epoch_before_any_is_the_first(stream):
    epochs = epochs_of(stream)
    assert_equal(epochs.current, stream.epoch(ROWS, 7, 0))
    epochs.close()


def test_what_is_closed_draws_again(stream):
    epochs = epochs_of(stream)
    epochs.of(1)
    epochs.close()
    epochs.close()
    for number in (2, 3, 1):
        assert_equal(epochs.of(number), stream.epoch(ROWS, 7, number))
    epochs.close()


def test_another_process_draws_for_itself(stream):
    epochs = epochs_of(stream)
    epochs.of(1)  # the next is on its way
    sent = pickle.loads(pickle.dumps(epochs))
    for number in (2, 0, 3):
        expected = stream.epoch(ROWS, 7, number)
        assert_equal(sent.of(number), expected)
        assert_equal(epochs.of(number), expected)
    for one in (sent, epochs):
        one.close()


def test_what_goes_wrong_in_the_background_is_told(stream):
    broken = replace(stream, augmenter=replace(stream.augmenter, impossible=2))
    epochs = epochs_of(broken)
    assert_equal(epochs.of(0), stream.epoch(ROWS, 7, 0))
    with pytest.raises(ValueError, match="cannot be drawn"):
        epochs.of(1)
    epochs.close()


# --- sets one after the other -----------------------------------------------------------


def test_sets_one_after_the_other(new_tensors):
    parts = [new_tensors(np.arange(n) % 3, seed=n) for n in (4, 0, 1, 7)]
    both = TensorSet.concatenated(parts)
    assert len(both) == 12
    assert both.offsets.dtype == torch.int64
    assert objects_of(both) == [o for part in parts for o in objects_of(part)]
    # Batches of it are those of the parts.
    batch, own = both.batch(torch.tensor([7, 11])), parts[3].batch(torch.tensor([2, 6]))
    for name in ("features", "context", "sequences", "lengths", "targets"):
        assert torch.equal(getattr(batch, name), getattr(own, name))
    assert TensorSet.concatenated(parts[3:]) is parts[3]
