"""The last step of a classifier is its formula, and travels with the ensemble."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from lcclassify.errors import ConfigError
from lcclassify.nn.calibration import Calibration
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier, LinearStackingHead
from lcclassify.nn.submodel import Submodel

RATIOS = [0.3, -1.2, 0.0, 2.5]
K = 4


@pytest.fixture
def probabilities():
    return torch.softmax(3 * torch.randn(50, K, dtype=torch.float64), dim=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_formula(temperature, probabilities):
    found = Calibration(temperature, RATIOS)(probabilities).numpy()
    expected = probabilities.numpy() ** (1 / temperature) * np.exp(RATIOS)
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)


def test_shares_of_what_was_never_seen(probabilities):
    unseen = np.array([0.0, 0.02, 0.0, 0.01])
    before = Calibration(1.3, RATIOS)(probabilities).numpy()
    found = Calibration(1.3, RATIOS, unseen.tolist())
    np.testing.assert_allclose(found(probabilities).numpy(), 0.97 * before + unseen, rtol=1e-12)
    again = Calibration(**json.loads(json.dumps(found.config())))
    assert torch.equal(again(probabilities), found(probabilities))


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        ([0.1], "unseen must be one share a class"),
        ([0.1, -0.1, 0.0, 0.0], "one share a class"),
        ([float("nan"), 0.0, 0.0, 0.0], "one share a class"),
        ([0.5, 0.5, 0.0, 0.0], "less than 1 in all"),
    ],
)
def test_impossible_shares_of_what_was_never_seen(unseen, message):
    with pytest.raises(ConfigError, match=message):
        Calibration(1.0, RATIOS, unseen)


def test_nothing_is_changed_by_nothing(probabilities):
    found = Calibration(1.0, [0.0] * K)(probabilities)
    torch.testing.assert_close(found, probabilities, rtol=1e-12, atol=0)


def test_scales_and_biases_of_classes(probabilities):
    scales, biases = np.linspace(0.5, 2, K), np.linspace(-1, 1, K)
    found = Calibration(2.0, RATIOS, scales=scales.tolist(), biases=biases.tolist())(probabilities)
    logits = np.log(probabilities.numpy()) / 2 * scales + biases + np.array(RATIOS)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scales": [1.0]}, "scales must be one number a class"),
        ({"scales": [1.0] * (K - 1) + [0.0]}, "scales must be above 0"),
        ({"biases": [0.0] * (K - 1) + [float("nan")]}, "biases must be one number a class"),
    ],
)
def test_impossible_scales(change, message):
    with pytest.raises(ConfigError, match=message):
        Calibration(1.0, RATIOS, **change)


def test_temperature_keeps_the_likeliest_class(probabilities):
    sure, unsure = (Calibration(t, [0.0] * K)(probabilities) for t in (0.5, 2.0))
    for found in (sure, unsure):
        assert torch.equal(found.argmax(1), probabilities.argmax(1))
    top = [found.max(1).values for found in (unsure, probabilities, sure)]
    assert (top[0] < top[1]).all()
    assert (top[1] < top[2]).all()


def test_probabilities_of_zero_and_one():
    certain = torch.eye(K)
    found = Calibration(1.5, RATIOS)(certain)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.sum(1), torch.ones(K, dtype=torch.float64))
    assert torch.equal(found.argmax(1), torch.arange(K))
    assert Calibration(2.0, RATIOS)(certain[:0]).shape == (0, K)


@pytest.mark.parametrize(
    ("temperature", "ratios", "message"),
    [
        (0.0, [0.0], "a temperature must be a positive number, got 0.0"),
        (-1.0, [0.0], "temperature"),
        (float("nan"), [0.0], "temperature"),
        (float("inf"), [0.0], "temperature"),
        (1.0, [0.0, float("-inf")], "log_ratios must be finite numbers"),
        (1.0, [0.0, float("nan")], "log_ratios"),
    ],
)
def test_impossible_values_are_named(temperature, ratios, message):
    with pytest.raises(ConfigError, match=message):
        Calibration(temperature, ratios)


@pytest.fixture
def make_ensemble(sizes):
    def make(calibration, head=True):
        rng = np.random.default_rng(0)
        submodels = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            submodel = Submodel(
                {"_target_": "lcclassify.nn.dense.DenseNet", "units": [8]},
                features=FeatureTransform.fitted(rng.normal(size=(60, sizes.n_features))),
                context=FeatureTransform.fitted(rng.normal(size=(60, sizes.n_context))),
                sequences=SequenceTransform.fitted(
                    rng.normal(size=(200, sizes.n_channels)), kind="standard"
                ),
                n_classes=K,
                max_length=sizes.max_length,
            )
            submodels.append([submodel.eval()])
        torch.manual_seed(3)
        stacking = LinearStackingHead(2, K, form="full") if head else None
        if stacking is not None:
            nn.init.normal_(stacking.weight_change)
        return EnsembleClassifier(submodels, stacking, calibration=calibration).eval()

    return make


@pytest.mark.parametrize("head", [True, False], ids=["stacked", "averaged"])
def test_an_ensemble_applies_it_last(head, make_ensemble, make_batch):
    calibration = Calibration(1.7, RATIOS)
    batch = make_batch()
    plain, found = make_ensemble(None, head)(batch), make_ensemble(calibration, head)(batch)
    torch.testing.assert_close(found, calibration(plain), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(found.sum(1), torch.ones(len(found), dtype=torch.float64))
    assert (found - plain).abs().max() > 0.05
    # Members are told as they are.
    same = [make_ensemble(c, head).member_probabilities(batch) for c in (None, calibration)]
    assert torch.equal(*same)


def test_an_ensemble_carries_it_in_its_configuration(make_ensemble, make_batch):
    ensemble = make_ensemble(Calibration(1 / 3, RATIOS))
    config = json.loads(json.dumps(ensemble.config()))
    assert config["calibration"] == {
        "temperature": 1 / 3,
        "log_ratios": RATIOS,
        "unseen": [0.0] * K,
        "scales": [1.0] * K,
        "biases": [0.0] * K,
    }
    rebuilt = EnsembleClassifier.from_config(config)
    # It is no weight: a state of weights is the same without it.
    assert set(ensemble.state_dict()) == set(make_ensemble(None).state_dict())
    rebuilt.load_state_dict(ensemble.state_dict())
    batch = make_batch()
    assert torch.equal(rebuilt.eval()(batch), ensemble(batch))
    assert json.loads(json.dumps(rebuilt.config())) == config


def test_ensembles_without_one_stay_without(make_ensemble, make_batch):
    plain = make_ensemble(None)
    config = plain.config()
    assert config["calibration"] is None
    # Configurations of earlier versions have no such key.
    earlier = {key: value for key, value in config.items() if key != "calibration"}
    batch = make_batch()
    for one in (config, earlier):
        rebuilt = EnsembleClassifier.from_config(one)
        rebuilt.load_state_dict(plain.state_dict())
        assert rebuilt.calibration is None
        assert torch.equal(rebuilt.eval()(batch), plain(batch))


def test_the_number_of_classes_must_agree(make_ensemble):
    with pytest.raises(ConfigError, match="the calibration is of 3 classes, the members of 4"):
        make_ensemble(Calibration(1.0, [0.0] * 3))
