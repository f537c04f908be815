"""Members see nothing of what they are judged by, and train the same every time."""

import re

import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.schema import UNKNOWN_TARGET
from lcclassify.training.member_fit import predict_rows
from lcclassify.training.members import fit_member, settled_mode

GRU = {
    "_target_": "lcclassify.nn.bigru.BiGRUNet",
    "gru_units": [4],
    "dense_units": [],
    "gaussian_noise": 0.1,
}


@pytest.fixture
def seen(monkeypatch):
    """Rows that reach each network, while it trains and otherwise, by fit."""
    rows = {}
    forward = Submodel.forward

    def spy(self, batch):
        trained, watched = rows.setdefault(id(self), (set(), set()))
        # Probabilities are asked for under no_grad, as the validation is; only what
        # decides weights and checkpoints is of interest, which knows the targets.
        (trained if torch.is_grad_enabled() else watched).update(batch.rows.tolist())
        return forward(self, batch)

    monkeypatch.setattr(Submodel, "forward", spy)
    return rows


def test_folds_are_disjoint_from_what_trains_and_watches(context):
    training = set(context.split.rows("train").tolist())
    test = set(context.split.rows("test").tolist())
    for fold in range(context.n_folds):
        own = set(np.flatnonzero(context.split.folds == fold).tolist())
        train, watch = (set(rows.tolist()) for rows in context.fold_rows(fold))
        assert train | watch == training - own
        assert not train & watch
        assert watch
        assert not (train | watch) & test


def test_holdout_rows(context):
    train, watch = context.fold_rows(None)
    assert np.array_equal(watch, context.split.validation)
    assert set(train.tolist()) | set(watch.tolist()) == set(context.split.rows("train").tolist())


@pytest.mark.parametrize("network", [None, GRU], ids=["dense", "bigru"])
def test_networks_never_see_the_objects_they_are_judged_by(
    context, new_member, seen, monkeypatch, network
):
    judged = {}

    def spy(probabilities, tensors, rows, *args):
        model = probabilities.__self__
        trained, watched = seen[id(model)]
        judged[id(model)] = (set(rows.tolist()), set(trained), set(watched))
        return predict_rows(probabilities, tensors, rows, *args)

    monkeypatch.setattr("lcclassify.training.member_fit.predict_rows", spy)
    member = new_member(network=network, patience=1, checkpoint="val/accuracy")
    fitted = fit_member(context, member, "oof")
    assert len(judged) == context.n_folds
    for fold, (own, trained, watched) in enumerate(judged.values()):
        assert own == set(np.flatnonzero(context.split.folds == fold).tolist())
        assert trained == set(context.fold_rows(fold)[0].tolist())
        assert watched == set(context.fold_rows(fold)[1].tolist())
        assert not own & (trained | watched)
    assert np.array_equal(fitted.rows, context.split.rows("train"))


def test_held_out_probabilities_are_those_of_the_fold(context, member):
    fitted = fit_member(context, member, "oof")
    assert np.allclose(fitted.held_out.sum(axis=1), 1)
    for fold, submodel in enumerate(fitted.submodels):
        own = context.split.folds[fitted.rows] == fold
        expected = predict_rows(submodel.predict_proba, context.tensors, fitted.rows[own])
        assert np.array_equal(fitted.held_out[own], expected)


@pytest.mark.parametrize("fold", [0, 1, None])
def test_transforms_are_fitted_on_training_rows_only(context, new_context, tmp_path, fold):
    train, _ = context.fold_rows(fold)
    other = new_context(tmp_path / "other")
    # Everything but the training rows becomes absurd.
    absurd = np.setdiff1d(np.arange(len(other.tensors)), train)
    other.tensors.features[absurd] = 1e6
    other.tensors.context[absurd] = 1e6
    for row in absurd:
        start, end = other.tensors.offsets[row : row + 2].tolist()
        other.tensors.sequences[start:end] = 1e6
    expected, found = context.transforms(fold), other.transforms(fold)
    for name in ("features", "context", "sequences"):
        states = (getattr(expected, name).state_dict(), getattr(found, name).state_dict())
        assert states[0]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    settings = context.transform_settings
    nights = np.concatenate(
        [np.arange(*context.tensors.offsets[row : row + 2].tolist()) for row in train]
    )
    by_hand = (
        FeatureTransform.fitted(context.tensors.features[train].numpy(), **settings["features"]),
        SequenceTransform.fitted(
            context.tensors.sequences[nights].numpy(), **settings["sequences"]
        ),
    )
    for mine, theirs in zip(by_hand, (expected.features, expected.sequences), strict=True):
        for key, value in mine.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[key])


def test_members_have_transforms_of_their_own(context, new_member):
    first = fit_member(context, new_member("first"), "oof").submodels[0]
    second = fit_member(context, new_member("second"), "oof").submodels[0]
    assert first.features is not second.features
    pairs = list(zip(first.features.buffers(), second.features.buffers(), strict=True))
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)
    filled = [(mine, theirs) for mine, theirs in pairs if mine.numel()]
    assert filled
    assert all(mine.data_ptr() != theirs.data_ptr() for mine, theirs in filled)


@pytest.mark.parametrize("mode", ["oof", "holdout"])
def test_the_same_seed_gives_the_same_weights(new_context, member, tmp_path, mode):
    runs = [
        fit_member(new_context(tmp_path / str(number), seed=seed), member, mode)
        for number, seed in enumerate((7, 7, 8))
    ]
    states = [
        torch.cat([p.flatten() for model in run.submodels for p in model.parameters()])
        for run in runs
    ]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_other_random_numbers_in_between_change_nothing(new_context, member, tmp_path):
    first = fit_member(new_context(tmp_path / "a"), member, "oof")
    torch.manual_seed(999)
    np.random.seed(5)  # noqa: NPY002
    second = fit_member(new_context(tmp_path / "b"), member, "oof")
    assert np.array_equal(first.held_out, second.held_out)


def test_replicas_are_averaged(context, new_member):
    from dataclasses import replace

    member = replace(new_member(), replicas=2)
    fitted = fit_member(context, member, "oof")
    assert list(fitted.fits) == [
        "fold_0_seed_0", "fold_0_seed_1", "fold_1_seed_0", "fold_1_seed_1"
    ]  # fmt: skip
    own = context.split.folds[fitted.rows] == 1
    each = [
        predict_rows(model.predict_proba, context.tensors, fitted.rows[own])
        for model in fitted.submodels[2:]
    ]
    assert not np.array_equal(*each)
    assert np.allclose(fitted.held_out[own], np.mean(each, axis=0), atol=1e-15)


def test_a_class_smaller_than_the_folds(new_context, member, tmp_path):
    context = new_context(tmp_path, counts={"A": 30, "B": 30, "C": 3}, folds=4, test_fraction=0.0)
    with pytest.raises(
        TrainingError,
        match=re.escape("objects of 'C' (3) are fewer than the 4 folds: set split.folds=3 or"),
    ):
        fit_member(context, member, "oof")
    assert len(fit_member(context, member, "holdout").submodels) == 1


def test_a_class_of_one_trains_in_holdout_mode(new_context, member, tmp_path):
    context = new_context(tmp_path, counts={"A": 30, "B": 30, "C": 1}, test_fraction=0.0)
    fitted = fit_member(context, member, "holdout")
    assert fitted.held_out.shape[1] == 3


def test_a_batch_left_with_one_object(new_context, new_member, tmp_path):
    context = new_context(tmp_path, counts={"A": 15, "B": 15, "C": 15}, test_fraction=0.0)
    n_train = len(context.fold_rows(None)[0])
    network = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [4], "batch_norm": True}
    member = new_member(network=network, batch_size=n_train - 1)
    assert len(fit_member(context, member, "holdout").submodels) == 1


def test_batches_of_one_object(context, new_member):
    network = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [4], "batch_norm": True}
    fitted = fit_member(context, new_member(network=network, batch_size=1, epochs=1), "oof")
    assert np.isfinite(fitted.held_out).all()


def test_an_unknown_mode(context, member):
    with pytest.raises(ConfigError, match=r"stacking\.mode is 'off'.*did you mean 'oof'"):
        fit_member(context, member, "off")


@pytest.mark.parametrize(
    ("counts", "folds", "mode"),
    [
        ((2000, 999), 3, "oof"),
        ((2000, 1000), 3, "holdout"),  # enough to keep a share from learning
        ((50, 3), 3, "oof"),
        ((50, 3), 4, "holdout"),  # a fold would lack a class
        ((), 3, "oof"),
    ],
)
def test_a_mode_that_the_training_objects_decide(counts, folds, mode):
    targets = np.repeat(np.arange(len(counts)), counts)
    assert settled_mode("auto", targets, folds) == mode
    assert settled_mode("holdout", targets, folds) == "holdout"
    assert settled_mode("oof", targets, folds) == "oof"


def test_no_rows_to_predict(context, member):
    with pytest.raises(ConfigError, match="no rows"):
        predict_rows(lambda batch: batch.features, context.tensors, np.arange(0))


def test_predictions_keep_the_order_of_rows(context):
    rows = np.random.default_rng(0).permutation(len(context.tensors))
    found = predict_rows(lambda batch: batch.features, context.tensors, rows, 7)
    assert np.array_equal(found, context.tensors.features.numpy()[rows])
    assert (context.targets != UNKNOWN_TARGET).all()


@pytest.mark.slow
@pytest.mark.parametrize("network", [None, GRU], ids=["dense", "bigru"])
def test_a_tiny_set_is_learned_by_heart(new_context, new_member, new_tensors, tmp_path, network):
    from dataclasses import replace

    context = new_context(
        tmp_path,
        counts={"A": 8, "B": 8, "C": 8},
        validation_fraction=0.0,
        test_fraction=0.0,
    )
    # Labels that nothing but memory can tell.
    tensors = new_tensors(context.targets, separation=0.0)
    context = replace(context, tensors=tensors)
    if network is None:
        network = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [64, 64], "dropout": 0.0}
    else:
        network = network | {
            "gru_units": [32],
            "gaussian_noise": 0.0,
            "dense_units": [32],
            "dropout": 0.0,
        }
    member = new_member(network=network, epochs=300, batch_size=24, checkpoint="last")
    (model,) = fit_member(context, member, "holdout").submodels
    rows = context.split.rows("train")
    probabilities = predict_rows(model.predict_proba, context.tensors, rows)
    assert (probabilities.argmax(axis=1) == context.targets[rows]).all()


@pytest.mark.slow
@pytest.mark.parametrize("network", [None, GRU], ids=["dense", "bigru"])
def test_separable_classes_are_told_apart(new_context, new_member, tmp_path, network):
    context = new_context(tmp_path)
    fitted = fit_member(context, new_member(network=network, epochs=40), "oof")
    accuracy = (fitted.held_out.argmax(axis=1) == context.targets[fitted.rows]).mean()
    assert accuracy > 0.85  # by chance: 0.5, the largest class
    losses = [epoch["train/loss"] for epoch in fitted.fits["fold_0"].history]
    assert losses[-1] < 0.6 * losses[0]
