"""Temperatures and shares that are known are found; what cannot be known is not used."""

import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.priors import Priors
from lcclassify.schema import Taxonomy
from lcclassify.training.calibrating import calibrated, estimate_shares, recovers
from lcclassify.training.scaling import Scaling, fit_temperature

TAXONOMY = Taxonomy(("A", "B", "C", "D"), names={"B": "second"})
KNOWN = np.array([0.5, 0.3, 0.2, 0.0])  # no training object is a D
CENTRES = np.array([0.0, 2.0, 4.0])


def objects(n, shares, seed=0, spread=1.0):
    """Return the classes of objects and what is measured of them, normal about its centre."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(len(CENTRES), n, p=shares)
    return targets, CENTRES[targets] + spread * rng.normal(size=n)


def posterior(values, shares, spread=1.0):
    """Return the probabilities ``(n, 4)`` of what is measured, exactly, for shares of classes."""
    density = np.exp(-0.5 * ((values[:, None] - CENTRES) / spread) ** 2) * shares[:3]
    found = np.zeros((len(values), 4))
    found[:, :3] = density / density.sum(axis=1, keepdims=True)
    return found


def tempered(probabilities, temperature):
    return Scaling("temperature", temperature)(probabilities)


# --- temperature ------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    targets, values = objects(20_000, KNOWN[:3])
    true = posterior(values, KNOWN)
    sharpened = tempered(true, 1 / temperature)
    found = fit_temperature(sharpened, targets)
    assert found == pytest.approx(temperature, rel=0.05)


def test_the_temperature_has_the_least_loss():
    targets, values = objects(500, KNOWN[:3], seed=2)
    probabilities = tempered(posterior(values, KNOWN), 0.4)

    def loss(temperature):
        own = tempered(probabilities, temperature)[np.arange(500), targets]
        return -np.log(own).mean()

    found = fit_temperature(probabilities, targets)
    for other in np.geomspace(0.3, 10, 60):
        assert loss(found) <= loss(other) + 1e-9


def test_temperatures_have_bounds():
    targets, values = objects(300, KNOWN[:3], spread=1e-3)
    certain = posterior(values, KNOWN)
    assert 0.3 <= fit_temperature(certain, targets) <= 10
    # Certain of the wrong class: no temperature is high enough.
    wrong = np.roll(certain[:, :3], 1, axis=1)
    assert fit_temperature(wrong, targets) == pytest.approx(10, rel=0.01)


def test_probabilities_at_a_temperature():
    values = np.array([[0.8, 0.2, 0.0], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(tempered(values, 1.0), values, atol=1e-15)
    root = np.sqrt(values)
    expected = root / root.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tempered(values, 2.0), expected, atol=1e-12)
    assert np.isfinite(tempered(values, 1e-2)).all()


# --- shares -----------------------------------------------------------------------------


def assert_mostly_found(found, true):
    """Of how shares differ from the training set's at least two thirds are found.

    The classes overlap, and a tenth as many objects of the training set's shares are believed in.
    """
    assert (np.abs(found - true) < np.abs(KNOWN[:3] - true) / 3 + 0.015).all()


@pytest.mark.parametrize("true", [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.0, 0.95, 0.05]])
def test_known_shares_are_found(true):
    _, values = objects(20_000, true, seed=1)
    found = estimate_shares(posterior(values, KNOWN), KNOWN)
    assert_mostly_found(found[:3], np.array(true))
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found[3] == 0


def test_an_absent_class_keeps_nothing_though_it_is_given_probabilities():
    _, values = objects(5000, [0.2, 0.3, 0.5], seed=3)
    right = posterior(values, KNOWN)
    loose = 0.9 * right
    loose[:, 3] = 0.1
    found = estimate_shares(loose, KNOWN)
    assert found[3] == 0
    np.testing.assert_allclose(found, estimate_shares(right, KNOWN), atol=1e-6)


def test_what_says_nothing_leaves_the_known_shares():
    found = estimate_shares(np.tile(KNOWN, (1000, 1)), KNOWN)
    np.testing.assert_allclose(found, KNOWN, atol=1e-9)
    # A class that seems not to be there is not ruled out.
    certain = np.tile([1.0, 0.0, 0.0, 0.0], (1000, 1))
    found = estimate_shares(certain, KNOWN)
    assert found[0] == pytest.approx((1 + 0.1 * KNOWN[0]) / 1.1, abs=1e-6)
    assert (found[1:3] > 0).all()


def test_estimates_are_tested_on_known_mixtures():
    targets, values = objects(6000, KNOWN[:3], seed=4)
    good = posterior(values, KNOWN)
    wanted = np.array([0.2, 0.2, 0.6, 0.0])
    left, before = recovers(good, targets, KNOWN, wanted, 1)
    assert left < 0.3 * before
    good_left = left
    assert before == pytest.approx(np.abs(KNOWN - wanted).sum() / 2, abs=0.08)
    assert recovers(good, targets, KNOWN, wanted, 1) == (left, before)
    assert recovers(good, targets, KNOWN, wanted, 2) != (left, before)
    # Probabilities that know nothing of the classes leave what was there before.
    blind = np.tile(KNOWN, (6000, 1))
    left, before = recovers(blind, targets, KNOWN, wanted, 1)
    assert left == pytest.approx(before, rel=1e-6)
    # Wrong densities are worse, and so it is seen.
    wrong = posterior(values + 1.5, KNOWN)
    assert recovers(wrong, targets, KNOWN, wanted, 1)[0] > 1.5 * good_left


# --- together ---------------------------------------------------------------------------


MANY = 10**15  # training objects: so many that nothing is left for what none of them is


def test_classes_never_seen_have_what_laplace_leaves_them(values):
    probabilities = posterior(values, KNOWN)
    found = calibrated(Priors(), TAXONOMY, KNOWN, 96, None, None, 0)
    left = applied(found, probabilities)
    np.testing.assert_allclose(left[:, 3], 1 / 100, rtol=1e-9)
    np.testing.assert_allclose(left[:, :3], 0.99 * probabilities[:, :3], rtol=1e-9)
    stated = calibrated(Priors.from_config({"C": 0.6, "D": 0}), TAXONOMY, KNOWN, 96, None, None, 0)
    np.testing.assert_allclose(applied(stated, probabilities)[:, 3], 0, atol=1e-9)


def applied(found, probabilities):
    return found.calibration(torch.as_tensor(probabilities)).numpy()


def shares_of(found):
    assert list(found.summary["shares"]) == list(TAXONOMY.classes)
    return np.array(list(found.summary["shares"].values()))


@pytest.fixture
def values():
    return objects(400, KNOWN[:3], seed=6)[1]


def test_the_training_sets_shares_change_nothing(values):
    found = calibrated(Priors(), TAXONOMY, KNOWN, MANY, None, None, 0)
    assert found.summary == {
        "scaling": None,
        "temperature": 1.0,
        "priors": "training",
        "shares": dict(zip("ABCD", KNOWN.tolist(), strict=True)),
    }
    assert found.sentences == []
    probabilities = posterior(values, KNOWN)
    np.testing.assert_allclose(applied(found, probabilities), probabilities, atol=1e-12)


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        ("flat", [1 / 3, 1 / 3, 1 / 3, 0]),
        ({"A": 0.1, "B": 0.2, "C": 0.7}, [0.1, 0.2, 0.7, 0]),
        ({"C": 0.6}, [0.25, 0.15, 0.6, 0]),  # the others in the proportions of the training set
        ({"C": 0.6, "D": 0}, [0.25, 0.15, 0.6, 0]),
        ({"A": 1}, [1, 0, 0, 0]),
    ],
    ids=str,
)
def test_probabilities_are_those_for_the_wanted_shares(config, shares, values):
    found = calibrated(Priors.from_config(config), TAXONOMY, KNOWN, MANY, None, None, 0)
    np.testing.assert_allclose(shares_of(found), shares, atol=1e-12)
    assert found.summary["priors"] == ("flat" if config == "flat" else "stated")
    # By Bayes' theorem, the densities of the classes being what they were; a share of nothing
    # counts as a millionth.
    expected = posterior(values, np.maximum(shares, 1e-6))
    np.testing.assert_allclose(applied(found, posterior(values, KNOWN)), expected, atol=1e-9)


def test_the_temperature_comes_first(values):
    targets, measured = objects(20_000, KNOWN[:3], seed=7)
    sharpened = tempered(posterior(measured, KNOWN), 0.5)
    found = calibrated(Priors("flat"), TAXONOMY, KNOWN, MANY, (sharpened, targets), None, 0)
    assert found.summary["scaling"]["kind"] == "temperature"
    fitted = fit_temperature(sharpened, targets)
    assert found.summary["temperature"] == pytest.approx(fitted, rel=1e-6)
    assert found.summary["temperature"] == pytest.approx(2, rel=0.05)
    assert "2.0" in found.sentences[0] or "1.9" in found.sentences[0]
    mine = applied(found, tempered(posterior(values, KNOWN), 0.5))
    np.testing.assert_allclose(mine, posterior(values, np.array([1.0, 1, 1]) / 3), atol=0.02)


def test_shares_are_estimated_from_objects_to_be_classified(values):
    held_out = objects(6000, KNOWN[:3], seed=8)
    held_out = posterior(held_out[1], KNOWN), held_out[0]
    true = np.array([0.1, 0.1, 0.8, 0.0])
    unlabelled = posterior(objects(8000, true[:3], seed=9)[1], KNOWN)
    priors = Priors("estimated")
    found = calibrated(priors, TAXONOMY, KNOWN, MANY, held_out, unlabelled, 0)
    assert_mostly_found(shares_of(found)[:3], true[:3])
    assert found.summary["priors"] == "estimated"
    assert "Shares estimated from the objects to be classified: A 0.1" in found.sentences[-1]
    assert "second 0." in found.sentences[-1]
    expected = posterior(values, shares_of(found))
    np.testing.assert_allclose(applied(found, posterior(values, KNOWN)), expected, atol=0.03)
    # Nothing can be tested without held-out objects, and the estimate stands.
    untested = calibrated(priors, TAXONOMY, KNOWN, MANY, None, unlabelled, 0)
    assert_mostly_found(shares_of(untested)[:3], true[:3])
    assert untested.summary["temperature"] == 1


def test_halfway_changes_the_odds_of_classes_half_as_much(values):
    held_out = objects(6000, KNOWN[:3], seed=8)
    held_out = posterior(held_out[1], KNOWN), held_out[0]
    unlabelled = posterior(objects(8000, [0.1, 0.1, 0.8], seed=9)[1], KNOWN)
    whole, half = (
        calibrated(Priors(word), TAXONOMY, KNOWN, MANY, held_out, unlabelled, 0)
        for word in ("estimated", "halfway")
    )
    steps = [np.log(shares_of(found)[:3] / KNOWN[:3]) for found in (whole, half)]
    changes = [step[1:] - step[0] for step in steps]
    np.testing.assert_allclose(changes[1], changes[0] / 2, atol=1e-12)
    assert shares_of(half).sum() == pytest.approx(1)
    assert shares_of(half)[3] == 0
    assert half.summary["priors"] == "halfway"
    assert half.sentences[-1].startswith("Halfway from the training set's to these: A ")
    expected = posterior(values, shares_of(half))
    np.testing.assert_allclose(applied(half, posterior(values, KNOWN)), expected, atol=0.03)
    # An estimate that fails its test is not gone halfway to either.
    targets, measured = objects(6000, KNOWN[:3], seed=8)
    contrary = posterior(4 - measured, KNOWN), targets
    refused = calibrated(Priors("halfway"), TAXONOMY, KNOWN, MANY, contrary, unlabelled, 0)
    assert refused.summary["priors"] == "training"
    np.testing.assert_array_equal(shares_of(refused), KNOWN)


def test_shares_are_estimated_at_the_temperature():
    """Probabilities that are too sure give other shares than those that are not."""
    targets, measured = objects(6000, KNOWN[:3], seed=8)
    true = np.array([0.3, 0.6, 0.1, 0.0])
    unlabelled = posterior(objects(8000, true[:3], seed=9)[1], KNOWN)
    right, sure = unlabelled, tempered(unlabelled, 0.3)
    assert np.abs(estimate_shares(sure, KNOWN) - estimate_shares(right, KNOWN)).max() > 0.03
    held_out = tempered(posterior(measured, KNOWN), 0.3), targets
    found = calibrated(Priors("estimated"), TAXONOMY, KNOWN, MANY, held_out, sure, 0)
    np.testing.assert_allclose(shares_of(found), estimate_shares(right, KNOWN), atol=0.01)


def test_estimates_that_fail_their_test_are_not_used(values):
    targets, measured = objects(6000, KNOWN[:3], seed=8)
    # The held-out objects are the contrary of what the densities say.
    held_out = posterior(4 - measured, KNOWN), targets
    unlabelled = posterior(objects(8000, [0.1, 0.1, 0.8], seed=9)[1], KNOWN)
    found = calibrated(Priors("estimated"), TAXONOMY, KNOWN, MANY, held_out, unlabelled, 0)
    assert found.summary["priors"] == "training"
    np.testing.assert_array_equal(shares_of(found), KNOWN)
    assert "are not used" in found.sentences[-1]
    only = calibrated(Priors(), TAXONOMY, KNOWN, MANY, held_out, None, 0)
    probabilities = posterior(values, KNOWN)
    np.testing.assert_array_equal(applied(found, probabilities), applied(only, probabilities))


@pytest.mark.parametrize("unlabelled", [None, np.zeros((0, 4))])
def test_without_objects_to_be_classified_nothing_is_estimated(unlabelled):
    found = calibrated(Priors("estimated"), TAXONOMY, KNOWN, MANY, None, unlabelled, 0)
    assert found.summary["priors"] == "training"
    np.testing.assert_array_equal(shares_of(found), KNOWN)
    assert "cannot be estimated" in found.sentences[0]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"A": 0.5, "E": 0.1}, "priors names the class 'E'"),
        ({"secnd": 0.5}, "priors names the class 'secnd'"),
        ({"A": 0.5, "D": 0.1}, "priors.D is above 0, and no training object is of it"),
        ({"A": 0.5, "B": 0.1, "C": 0.1}, "add up to 0.7 instead of 1"),
        ({"A": 0.5, "B": 0.1, "C": 0.1, "D": 0}, "add up to 0.7 instead of 1"),
    ],
)
def test_impossible_shares_are_named(shares, message):
    with pytest.raises(ConfigError, match=message):
        calibrated(Priors.from_config(shares), TAXONOMY, KNOWN, MANY, None, None, 0)


def test_held_out_objects_are_scaled_by_what_is_blind_to_them():
    targets, measured = objects(2_000, KNOWN[:3], seed=7)
    sharpened = tempered(posterior(measured, KNOWN), 0.5)
    found = calibrated(Priors("flat"), TAXONOMY, KNOWN, MANY, (sharpened, targets), None, 0)
    assert found.is_scaled
    shares = found.calibration.log_ratios.numpy()
    expected = found.chosen.out_of_fold * np.exp(shares)
    expected /= expected.sum(axis=1, keepdims=True)
    assert found.calibration.unseen[3] > 0
    np.testing.assert_allclose(found.held_out()[:, :3], expected[:, :3], atol=1e-3)
    assert not np.array_equal(found.held_out(), applied(found, sharpened))
    plain = calibrated(Priors("flat"), TAXONOMY, KNOWN, MANY, None, None, 0)
    assert plain.held_out() is None
