"""Trees that LightGBM grew say the same as a network, and are a member like others."""

import lightgbm
import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes
from lcclassify.training.boosting import Rows, as_network, grow
from lcclassify.training.members import collected, fit_member, held_out_fits
from lcclassify.training.settings import Boosting, TreeSettings, member_from_config
from lcclassify.training.tree_fit import TreeFit

BOOSTING = {
    "rounds": 12,
    "patience": None,
    "learning_rate": 0.2,
    "leaves": 6,
    "min_objects": 2,
    "feature_share": 0.5,
    "l2": 1.0,
    "draws": 3,
}
TREES = {
    "name": "trees",
    "boosting": BOOSTING,
    "loss": {"_target_": "lcclassify.nn.losses.CrossEntropyLoss"},
}


def sizes_of(n_features, n_classes):
    return InputSizes(n_features, 0, 0, n_classes, 1)


def batch_of(features):
    n = len(features)
    return TensorSet(
        features=torch.as_tensor(features),
        context=torch.zeros(n, 0),
        sequences=torch.zeros(n, 1),
        offsets=torch.arange(n + 1),
        targets=torch.zeros(n, dtype=torch.int64),
    ).batch(torch.arange(n))


def make_rows(n, seed=0, n_classes=4):
    """Objects with undefined features, a constant one, whole numbers and an absent class."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 9))
    features[:, 4] = rng.integers(0, 3, n)
    features[:, 5] = 1.0
    features[:, 6] = np.abs(features[:, 6]) + 1  # nothing undefined, all above 0
    targets = (features[:, 0] > 0).astype(int) + (features[:, 1] > 0.5)
    undefined = rng.random(features.shape) < 0.15
    undefined[:, 5:7] = False
    features[undefined] = np.nan
    return Rows(features, np.where(targets == 1, n_classes - 1, targets), np.ones(n))


def test_a_network_says_what_the_library_says():
    rows = make_rows(800)
    booster = lightgbm.train(
        {"objective": "multiclass", "num_class": 4, "verbosity": -1, "num_threads": 1},
        lightgbm.Dataset(rows.features, rows.targets),
        30,
    )
    rng = np.random.default_rng(1)
    others = 5 * make_rows(500, seed=2).features
    others[rng.random(others.shape) < 0.3] = np.nan  # also where training had none
    others[:40] = 0.0
    others[40:60] = 1e300
    others[60:80] = -1e300
    network = as_network(booster, sizes_of(9, 4))
    expected = booster.predict(others, raw_score=True)
    np.testing.assert_allclose(network(batch_of(others)).numpy(), expected, rtol=0, atol=1e-12)


def test_growing_tells_every_round_and_is_repeatable():
    training, validation = make_rows(300), make_rows(100, seed=3)
    told = []

    def grown(seed):
        told.clear()
        return grow(
            Boosting.from_config(BOOSTING),
            sizes_of(9, 4),
            training,
            validation,
            seed,
            lambda number, scores: told.append((number, dict(scores))),
        )

    network, again, other = grown(5), grown(5), grown(6)
    assert [number for number, _ in told] == list(range(12))
    assert told[-1][1].keys() == {"train/loss", "val/loss", "val/accuracy"}
    assert told[-1][1]["train/loss"] < told[0][1]["train/loss"]
    batch = batch_of(validation.features)
    assert torch.equal(network(batch), again(batch))
    assert not torch.equal(network(batch), other(batch))
    grown(5)
    probabilities = torch.softmax(network(batch), 1).numpy()
    own = probabilities[np.arange(100), validation.targets]
    assert told[-1][1]["val/loss"] == pytest.approx(-np.log(own).mean(), rel=1e-6)
    accuracy = np.mean(probabilities.argmax(1) == validation.targets)
    assert told[-1][1]["val/accuracy"] == pytest.approx(accuracy)


def test_weights_are_those_of_the_loss():
    rows = make_rows(400)
    heavy = Rows(rows.features, rows.targets, np.where(rows.targets == 2, 20.0, 1.0))

    def share(training):
        network = grow(
            Boosting.from_config(BOOSTING), sizes_of(9, 4), training, make_rows(0), 0, _nothing
        )
        return torch.softmax(network(batch_of(rows.features)), 1)[:, 2].mean()

    assert share(heavy) > share(rows) + 0.05


def test_rounds_after_the_best_are_left_out():
    training = make_rows(200)
    rng = np.random.default_rng(0)
    other = make_rows(150, seed=3)
    # Labels that features cannot tell: trees soon learn training objects by heart.
    noise = Rows(other.features, rng.permutation(other.targets), other.weights)
    losses = []
    settings = Boosting.from_config(BOOSTING | {"rounds": 200, "patience": 7})
    network = grow(
        settings,
        sizes_of(9, 4),
        training,
        noise,
        0,
        lambda _, told: losses.append(told["val/loss"]),
    )
    best = int(np.argmin(losses))
    assert network.n_rounds == best + 1
    assert len(losses) <= best + 1 + 7 < 200
    probabilities = torch.softmax(network(batch_of(noise.features)), 1).numpy()
    own = probabilities[np.arange(150), noise.targets]
    assert -np.log(own).mean() == pytest.approx(losses[best], rel=1e-6)
    whole = grow(settings, sizes_of(9, 4), training, make_rows(0), 0, _nothing)
    assert whole.n_rounds == 200


def _nothing(number, scores):
    pass


@pytest.mark.parametrize("mode", ["oof", "holdout"])
def test_trees_are_a_member(context, mode):
    member = member_from_config(TREES)
    assert isinstance(member, TreeSettings)
    fitted = fit_member(context, member, mode)
    assert all(isinstance(submodel.network, BoostedTrees) for submodel in fitted.submodels)
    assert np.allclose(fitted.held_out.sum(1), 1)
    own = fitted.held_out[np.arange(len(fitted.rows)), context.targets[fitted.rows]]
    assert own.mean() > 0.6  # the classes lie three deviations apart
    for result in fitted.fits.values():
        assert len(result.history) == 12
        assert {"epoch", "seconds", "train/loss", "val/loss"} <= result.history[0].keys()
    # A finished fit is kept, and says the same from its files.
    again = fit_member(context, member, mode)
    assert np.array_equal(again.held_out, fitted.held_out)
    assert ("kept", next(iter(held_out_fits(context, member, mode))).name) in (
        context.reporter.lines
    )


def test_fits_of_other_seeds_differ(context):
    member = member_from_config(TREES | {"replicas": 2})
    fitted = fit_member(context, member, "holdout")
    first, second = fitted.submodels
    batch = context.tensors.batch(torch.arange(20))
    assert not torch.equal(first.predict_proba(batch), second.predict_proba(batch))


def test_a_damaged_fit_is_grown_again(context):
    member = member_from_config(TREES)
    before = fit_member(context, member, "holdout")
    (fit,) = held_out_fits(context, member, "holdout")
    assert isinstance(fit, TreeFit)
    file = fit.folder / "submodel.safetensors"
    file.write_bytes(file.read_bytes()[:-20])
    assert fit.result() is None
    after = fit_member(context, member, "holdout")
    assert np.array_equal(before.held_out, after.held_out)
    assert collected(member, [fit]).name == "trees"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rounds", 0),
        ("rounds", 2.5),
        ("patience", 0),
        ("leaves", 1),
        ("min_objects", 0),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("feature_share", 1.5),
        ("l2", -1),
        ("draws", True),
    ],
)
def test_settings_that_cannot_be_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"boosting.{key}"):
        Boosting.from_config(BOOSTING | {key: value})


def test_missing_and_misspelt_settings_are_named():
    with pytest.raises(ConfigError, match="needs the key 'rounds'"):
        Boosting.from_config({k: v for k, v in BOOSTING.items() if k != "rounds"})
    with pytest.raises(ConfigError, match="'leaves'"):
        Boosting.from_config(BOOSTING | {"leafs": 3})


def test_a_loss_that_trees_cannot_minimise_is_refused(context):
    member = member_from_config(TREES | {"loss": {"_target_": "lcclassify.nn.losses.FocalLoss"}})
    with pytest.raises(ConfigError, match="cross_entropy or weighted_log_loss"):
        fit_member(context, member, "holdout")


def test_only_features_that_tell_are_worth_something(context):
    from lcclassify.training.importances import importances

    member = member_from_config(TREES)
    fits = held_out_fits(context, member, "oof")
    for fit in fits:
        fit.run(context.reporter, None)
    # The first feature is told twice more, the last one carries nothing.
    found = importances(fits, ["mean_g", "mean_r", "other"], ["g", "r"])
    assert {item.name: item.features for item in found} == {"mean": 2, "other": 1}
    assert found[0].name == "mean"
    assert found[0].loss > found[1].loss > 0
    (outcome,) = [fits[0].result()]
    users = outcome.submodel.network.users()
    assert users.shape == (36, 3)
    assert users.any(axis=0).all()
