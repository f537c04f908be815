"""Fits on objects drawn anew: what they see, what they never see, and what the head learns from."""

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
from lcclassify.training.members import fit_member, held_out_fits, refits
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import member_from_config
from lcclassify.training.stacking import fit_head
from lcclassify.training.streams import DrawnStream

PASSES = 2
DRAWS = 3


@dataclass(frozen=True)
class Recording(Augmenter):
    """An augmenter that remembers which objects it drew with which seed."""

    record: list = field(default_factory=list)

    def draw(self, seed, epoch, rows=None):
        self.record.append((seed, epoch, tuple(rows)))
        return super().draw(seed, epoch, rows)


@pytest.fixture
def drawn_context(new_context, sample_of, tmp_path):
    """A context of 60 objects whose brightness tells the class, and a recording stream."""
    context = new_context(tmp_path / "fits", test_fraction=0.2)
    targets = context.targets
    n = len(targets)
    rng = np.random.default_rng(3)
    rows = np.repeat(np.arange(n), 8)
    observations = pl.DataFrame(
        {
            "object_id": rows,
            "mjd": 59000 + rng.uniform(0, 60, len(rows)),
            "passband": rng.choice(["g", "r"], len(rows)),
            "flux": rng.normal(20 + 40 * targets[rows], 5),
            "flux_err": rng.uniform(1, 3, len(rows)),
        }
    )
    # Every object carries its own number, wherever a draw of it comes up.
    objects = pl.DataFrame({"object_id": np.arange(n), "marker": np.arange(n, dtype=float)})
    curves, _ = canonicalise(observations, objects, Passbands(("g", "r")), metadata=("marker",))
    settings = Representation("plain", sequences=SequenceForm(), context=("metadata",))
    representation = settings.fit(curves, 0)
    drawn = as_drawn(curves)
    sample = sample_of(drawn, targets)
    augmenter = Recording.fitted(curves, sample, [FluxJitter(), DropObservations()])
    positions = np.full(n, -1)
    training = context.split.rows("train")
    positions[training] = training
    return replace(
        context,
        tensors=TensorSet.from_prepared(representation.prepare(curves), targets),
        stream=DrawnStream(augmenter, representation, positions, targets, PASSES),
        held_out_draws=DRAWS,
    )


def test_no_fit_is_shown_a_draw_of_what_it_holds_out(drawn_context, member):
    record = drawn_context.stream.augmenter.record
    fits = held_out_fits(drawn_context, member, "oof")
    for fit in fits:
        record.clear()
        fit.run(drawn_context.reporter, None)
        held_out = set(fit.held_out_rows.tolist())
        seen = {row for seed, _, rows in record if seed != fit.draw_seed for row in rows}
        assert seen == {*fit.train_rows.tolist(), *fit.validation_rows.tolist()}
        assert held_out
        assert not seen & held_out
        asked = {row for seed, _, rows in record if seed == fit.draw_seed for row in rows}
        assert asked == held_out


def test_transforms_are_fitted_on_draws_of_training_rows_alone(drawn_context):
    record = drawn_context.stream.augmenter.record
    for fold in (None, 0, 1):
        record.clear()
        drawn_context.transforms(fold)
        rows, _ = drawn_context.fold_rows(fold)
        assert {row for _, _, rows in record for row in rows} == set(rows.tolist())


def test_an_epoch_has_every_training_object_as_often_as_there_are_passes(drawn_context, member):
    record = drawn_context.stream.augmenter.record
    (fit, *_) = held_out_fits(drawn_context, member, "oof")
    record.clear()
    fit.run(drawn_context.reporter, None)
    training = tuple(fit.train_rows.tolist())
    drawn = [epoch for _, epoch, rows in record if tuple(rows) == training]
    assert sorted(drawn) == list(range(PASSES * member.fit.epochs))
    assert fit.cost() == pytest.approx(PASSES * replace(fit, stream=None).cost())


@pytest.mark.parametrize("reads", ["features", "sequences"])
def test_few_draws_come_again_for_networks_of_features_alone(drawn_context, new_member, reads):
    network = None
    if reads == "sequences":
        gru = {"gru_units": [3], "dense_units": [], "padding": "packed"}
        network = {"_target_": "lcclassify.nn.bigru.BiGRUNet", **gru}
    drawn_context.stream = replace(drawn_context.stream, repeats=3)
    record = drawn_context.stream.augmenter.record
    (fit, *_) = held_out_fits(drawn_context, new_member(reads, network), "oof")
    record.clear()
    fit.run(drawn_context.reporter, None)
    training = tuple(fit.train_rows.tolist())
    drawn = [epoch for _, epoch, rows in record if tuple(rows) == training]
    epochs = 1 if reads == "features" else 3
    assert sorted(drawn) == list(range(PASSES * epochs))


def test_held_out_objects_are_drawn_alike_for_every_member(drawn_context, new_member):
    one, two = (fit_member(drawn_context, new_member(name), "oof") for name in ("dense", "other"))
    n = len(one.rows)
    assert one.drawn.shape == two.drawn.shape == (DRAWS, n, 3)
    np.testing.assert_allclose(one.drawn.sum(2), 1)
    assert not np.array_equal(one.drawn[0], one.drawn[1])
    seeds = {
        fit.draw_seed
        for m in ("dense", "other")
        for fit in held_out_fits(drawn_context, new_member(m), "oof")
    }
    assert len(seeds) == 1


def test_the_same_fit_twice_is_the_same_to_the_bit(drawn_context, member, tmp_path):
    first = fit_member(drawn_context, member, "oof")
    again = fit_member(replace(drawn_context, folder=tmp_path / "again"), member, "oof")
    np.testing.assert_array_equal(first.held_out, again.held_out)
    np.testing.assert_array_equal(first.drawn, again.drawn)
    kept = fit_member(drawn_context, member, "oof")
    np.testing.assert_array_equal(first.drawn, kept.drawn)


def test_refits_hold_nothing_out(drawn_context, member):
    (fit,) = refits(drawn_context, member, 1)
    fit.run(drawn_context.reporter, None)
    outcome = fit.result()
    assert outcome.held_out.shape == (0, 3)
    assert outcome.drawn.shape == (DRAWS, 0, 3)


def test_the_head_learns_from_draws_and_answers_of_objects_as_they_are(drawn_context, new_head):
    rows = drawn_context.split.rows("train")
    targets = drawn_context.targets[rows]
    right = np.full((len(rows), 1, 3), 0.1)
    right[np.arange(len(rows)), 0, targets] = 0.8
    wrong = np.roll(right, 1, axis=2)
    # Draws say the opposite of what is said of the objects themselves: the head believes draws.
    drawn = np.concatenate([wrong] * DRAWS), np.tile(np.arange(len(rows)), DRAWS)
    fitted = fit_head(
        drawn_context, new_head(deviations=[0, 3, 30]), right, rows, drawn, cross_fit=True
    )
    with torch.inference_mode():
        of_draws = fitted.head(torch.as_tensor(wrong)).argmax(1).numpy()
    assert (of_draws == targets).mean() > 0.9
    assert fitted.cross_fitted.shape == (len(rows), 3)
    assert (fitted.cross_fitted.argmax(1) == targets).mean() < 0.5


def test_trees_see_draws_only_where_held_out_objects_are_drawn_too(drawn_context):
    """Draws that keep networks from learning by heart are noise that no object will have."""
    trees = member_from_config(
        {
            "name": "trees",
            "boosting": {
                "rounds": 4,
                "patience": None,
                "learning_rate": 0.3,
                "leaves": 4,
                "min_objects": 1,
                "feature_share": 1.0,
                "l2": 1.0,
                "draws": 5,
            },
            "loss": {"_target_": "lcclassify.nn.losses.CrossEntropyLoss"},
        }
    )
    record = drawn_context.stream.augmenter.record
    for held_out_draws, folder in ((0, "as they are"), (DRAWS, "drawn")):
        record.clear()
        drawn_context.held_out_draws = held_out_draws
        drawn_context.folder = drawn_context.folder / folder
        fitted = fit_member(drawn_context, trees, "oof")
        assert fitted.drawn.shape[0] == held_out_draws
        fits = held_out_fits(drawn_context, trees, "oof")
        positions = drawn_context.stream.positions
        for fit in fits:
            own = derive_seed(fit.seed, "draws")
            seen = {number: rows for seed, number, rows in record if seed == own}
            assert set(seen) == (set(range(5)) if held_out_draws else set())
            assert all(rows == tuple(positions[fit.train_rows]) for rows in seen.values())


def test_features_are_left_out_of_draws_for_networks_that_do_not_read_them(drawn_context):
    rows, draws = drawn_context.split.rows("train")[:9], range(2)
    whole = drawn_context.stream.of(("features",)).tensors(rows, 1, draws)
    without = drawn_context.stream.of(("context", "sequences")).tensors(rows, 1, draws)
    assert whole.features.shape[1] > 0
    assert without.features.shape == (18, 0)
    assert len(without) == len(whole) == 18
    assert torch.equal(without.sequences, whole.sequences)
    assert torch.equal(without.context, whole.context)
