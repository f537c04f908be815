"""Probabilities for other shares of the classes are those that Bayes' theorem gives."""

from types import SimpleNamespace

import numpy as np
import pytest

from lcclassify.errors import BundleError, ConfigError
from lcclassify.inference.shares import ChangedShares, changed_shares, shares_of
from lcclassify.nn.priors import Priors
from lcclassify.schema import Taxonomy

TAXONOMY = Taxonomy(("A", "B", "C"))
CENTRES = np.array([0.0, 1.0])


def posterior(values, shares):
    """Return the probabilities of A and B, exactly, of what is normal about their centres."""
    density = np.exp(-0.5 * (values[:, None] - CENTRES) ** 2) * shares
    return density / density.sum(axis=1, keepdims=True)


def with_unknown(known, unknown):
    return np.concatenate([known * (1 - unknown)[:, None], unknown[:, None]], axis=1)


def bundle(counts=None, stated=None):
    provenance = {"class_counts": counts or {"A": 30, "B": 10}}
    if stated is not None:
        provenance["calibration"] = {"shares": stated}
    return SimpleNamespace(provenance=provenance, taxonomy=TAXONOMY)


def test_as_by_bayes_theorem():
    rng = np.random.default_rng(0)
    values, unknown = rng.normal(0.5, 1, 200), rng.uniform(0, 0.3, 200)
    given = with_unknown(posterior(values, [0.75, 0.25]), unknown)
    change = changed_shares(bundle(), Priors.from_config({"A": 0.1}))
    found = change.changed(given)
    np.testing.assert_allclose(found, with_unknown(posterior(values, [0.1, 0.9]), unknown))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(change.undone(found), given)
    assert change.wanted.tolist() == pytest.approx([0.1, 0.9, 0])


def test_what_cannot_be_scored_stays_so():
    change = ChangedShares(np.array([0.5, 0.5, 0]), np.array([0.2, 0.8, 0]))
    found = change.changed(np.array([[np.nan] * 3, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    assert np.isnan(found[0]).all()
    assert found[1:].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_share_of_nothing_can_be_undone():
    change = changed_shares(bundle(), Priors.from_config({"A": 0, "B": 1}))
    given = np.array([[0.9, 0.1, 0.0], [0.4, 0.5, 0.1]])
    found = change.changed(given)
    assert found[:, 0].max() < 1e-5
    np.testing.assert_allclose(change.undone(found), given)


def test_the_change_begins_with_the_shares_that_probabilities_are_for():
    """A bundle whose last step has other shares already is not changed twice."""
    own = bundle(stated={"A": 0.5, "B": 0.5, "C": 0.0})
    assert shares_of(own).tolist() == [0.5, 0.5, 0]
    assert shares_of(bundle()).tolist() == [0.75, 0.25, 0]
    values = np.linspace(-3, 3, 50)
    given = with_unknown(posterior(values, [0.5, 0.5]), np.zeros(50))
    trained = changed_shares(own, Priors.from_config("training")).changed(given)
    np.testing.assert_allclose(trained[:, :2], posterior(values, [0.75, 0.25]))
    flat = changed_shares(own, Priors.from_config("flat"))
    np.testing.assert_allclose(flat.changed(given), given)


def test_members_are_for_the_shares_of_the_training_objects_whatever_the_stacks_are():
    own = bundle(stated={"A": 0.5, "B": 0.5, "C": 0.0})
    values = np.linspace(-3, 3, 50)
    trained, wanted = (
        with_unknown(posterior(values, shares), np.zeros(50))
        for shares in ([0.75, 0.25], [0.1, 0.9])
    )
    change = changed_shares(own, Priors.from_config({"A": 0.1}), members=True)
    both = np.stack([trained, trained[::-1]], axis=1)
    found = change.changed(both)
    np.testing.assert_allclose(found, np.stack([wanted, wanted[::-1]], axis=1))


def test_a_share_of_0_in_training_is_made_up_for():
    own = bundle(stated={"A": 0.0, "B": 1.0, "C": 0.0})
    given = np.array([[1e-6, 1.0 - 1e-6, 0.0]])
    change = changed_shares(own, Priors())
    odds = change.changed(given)[0]
    assert odds[0] / odds[1] == pytest.approx(0.75 / 0.25 * (1e-6 / (1 - 1e-6)) / 1e-6)
    assert (change.wanted[:2] > 0).all()
    zero = changed_shares(bundle(), Priors.from_config({"A": 0}))
    assert zero.wanted.tolist() == [1e-6, 1, 0]


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"names the class 'D'"):
        changed_shares(bundle(), Priors.from_config({"D": 0.5}))
    with pytest.raises(ConfigError, match=r"priors.C is above 0, and no training object is of it"):
        changed_shares(bundle(), Priors.from_config({"C": 0.5}))
    for word in ("estimated", "halfway"):
        with pytest.raises(ConfigError, match=rf"priors={word} is for train.py.*estimated_shares"):
            changed_shares(bundle(), Priors.from_config(word))
    silent = SimpleNamespace(provenance={}, taxonomy=TAXONOMY)
    assert shares_of(silent) is None
    with pytest.raises(BundleError, match="how many training objects of each class"):
        changed_shares(silent, Priors())
