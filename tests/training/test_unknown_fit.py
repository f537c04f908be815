"""Classes left out in turn teach what is unlike all others."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from lcclassify.nn.normalisation import FeatureTransform
from lcclassify.schema import Taxonomy
from lcclassify.training.mismatch import Mismatched
from lcclassify.training.unknown_fit import _logistic, fit_unknown

TAXONOMY = Taxonomy(("a", "b", "c", "d", "e", "never"))
CENTRES = np.array([[0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 0, 0], [0, 0, 6, 0], [6, 6, 6, 0]])


def sample(n=600, seed=0, n_classes=5):
    rng = np.random.default_rng(seed)
    targets = np.sort(rng.integers(0, n_classes, n))
    features = CENTRES[targets] + rng.normal(0, 1, (n, 4))
    features = np.c_[features, rng.normal(0, 1, n)]
    features[rng.random(features.shape) < 0.03] = np.nan
    return torch.as_tensor(features), targets


def fit(features, targets, **changes):
    rows = np.arange(len(targets)) * 2
    return fit_unknown(features, targets, rows, TAXONOMY, 0.05, 3, **changes)


def test_what_is_apart_is_found():
    features, targets = sample()
    found = fit(features, targets)
    assert set(found.auroc) == set("abcde")
    assert found.median > 0.9
    apart = torch.as_tensor(np.random.default_rng(1).normal(0, 1, (200, 5)))
    apart[:, :3] += torch.tensor([-8.0, -8.0, 8.0])
    new, _ = sample(seed=2)
    strange, known = found.detector(apart), found.detector(new)
    assert float(strange.median()) > 3 * float(known.median())
    # Known objects are unknown about as often as stated, on average.
    assert abs(float(known.mean()) - 0.05) < 0.03
    assert found.detector.unseen == [5]


def test_each_object_is_judged_by_a_detector_blind_to_it():
    features, targets = sample()
    found = fit(features, targets)
    assert found.rows.tolist() == list(range(0, 1200, 2))
    assert found.held_out.shape == (600,)
    own = found.detector(features).numpy()
    assert np.corrcoef(own, found.held_out)[0, 1] > 0.8
    assert not np.array_equal(own, found.held_out)


def test_the_same_twice_and_in_words():
    features, targets = sample()
    one, two = fit(features, targets), fit(features, targets)
    assert torch.equal(one.detector(features), two.detector(features))
    sentence = " ".join(one.sentences(TAXONOMY))
    assert "of 5 classes, each left out of training in turn" in sentence
    assert "5 % of the objects are taken to be unknown" in sentence
    assert one.summary()["median_auroc"] == one.median


def test_a_transform_fitted_already_serves():
    features, targets = sample()
    ready = FeatureTransform.fitted(
        np.c_[features.numpy(), np.ones(len(targets))], impute="median", indicator=True, clip=10.0
    )
    found = fit(features, targets, fitted=ready)
    assert torch.equal(
        found.detector(features).round(decimals=9),
        fit(features, targets).detector(features).round(decimals=9),
    )


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_too_few_classes_tell_nothing(n_classes):
    assert fit(*sample(n_classes=n_classes)) is None


def test_small_classes_are_not_left_out_but_known():
    features, targets = sample()
    targets = targets.copy()
    few = np.flatnonzero(targets == 4)[:3]
    kept = np.union1d(np.flatnonzero(targets != 4), few)
    found = fit(features[torch.as_tensor(kept)], targets[kept])
    assert set(found.auroc) == set("abcd")
    assert len(found.detector.centres) == 5
    assert found.detector.unseen == [5]


def test_no_features():
    features, targets = sample()
    assert fit(features[:, :0], targets) is None


def mismatched(features, targets, seed=5):
    """Objects whose last feature is another's, far from that of their class."""
    rng = np.random.default_rng(seed)
    owners = rng.choice(len(targets), 400, replace=False)
    given = features.numpy()[owners].copy()
    given[:, 4] += 5 * rng.choice([-1, 1], 400)
    return Mismatched(given, owners * 2)


def at_redshifts(seed):
    """Objects of five luminosities, and some of these with the redshifts of others.

    Redshift, flux, the luminosity that follows from both, and a width.
    """
    rng = np.random.default_rng(seed)
    targets = np.sort(rng.integers(0, 5, 900))
    redshift, width = rng.uniform(0, 2, 900), rng.normal(0, 1, 900)
    flux = 3.0 * targets + rng.normal(0, 0.36, 900) - 4 * redshift
    owners = rng.permutation(900)[:500]
    given = redshift[rng.permutation(owners)]
    known = np.c_[redshift, flux, flux + 4 * redshift, width]
    strange = np.c_[given, flux[owners], flux[owners] + 4 * given, width[owners]]
    return torch.as_tensor(known), targets, strange, owners


def auc(detector, strange, known):
    scores = [detector.log_ratio(torch.as_tensor(part)).numpy() for part in (strange, known)]
    return float((scores[0][:, None] > scores[1]).mean())


def test_what_goes_with_no_redshift_is_found():
    features, targets, strange, owners = at_redshifts(0)
    found = fit(features, targets, mismatched=Mismatched(strange, owners * 2))
    plain = fit(features, targets)
    new, _, others, _ = at_redshifts(1)
    assert float(found.detector.mismatch_slope) > 0
    assert auc(found.detector, others, new) > auc(plain.detector, others, new) + 0.05
    assert found.held_out.shape == (900,)


def test_trees_do_not_see_the_light_curves_of_what_they_judge(monkeypatch):
    """Neither a class left out, nor a fold held out, is among mismatched objects."""
    from lcclassify.training import unknown_fit

    features, targets = sample()
    seen = []

    class Watched(unknown_fit.MismatchGrower):
        def __init__(self, known, mismatched, seed):
            super().__init__(known, mismatched, seed)
            self.known, self.mismatched = known, mismatched

        def grow(self, chosen):
            known, strange = np.split(chosen, [len(self.known)])
            seen.append((self.known[known], self.mismatched[strange]))
            return super().grow(chosen)

    monkeypatch.setattr(unknown_fit, "MismatchGrower", Watched)
    fit(features, targets, mismatched=mismatched(features, targets))
    assert len(seen) == 5 + 5 + 1  # classes left out, folds, all
    for known, strange in seen:
        assert len(strange) > 0
        # The first features of a mismatched object are those of its owner.
        owners = {row.tobytes() for row in np.nan_to_num(known[:, :4])}
        assert all(row.tobytes() in owners for row in np.nan_to_num(strange[:, :4]))


def test_trees_that_tell_nothing_have_little_say():
    features, targets = sample()
    owners = np.arange(0, 600, 2)
    same = Mismatched(features.numpy()[owners], owners * 2)
    found, plain = fit(features, targets, mismatched=same), fit(features, targets)
    assert abs(found.median - plain.median) < 0.05
    new, _ = sample(seed=2)
    odds = [one.detector.log_ratio(new).numpy() for one in (found, plain)]
    assert np.abs(odds[0] - odds[1]).mean() < 0.3 * odds[1].std()


def test_a_score_that_tells_the_contrary_is_left_out():
    rng = np.random.default_rng(0)
    unknown = rng.random(400) < 0.5
    scores = np.c_[unknown + rng.normal(0, 0.5, 400), -1.0 * unknown + rng.normal(0, 0.5, 400)]
    slopes, _ = _logistic(scores, unknown, np.ones(400))
    assert slopes[0] > 1
    assert slopes[1] == 0
    assert _logistic(-scores[:, :1], unknown, np.ones(400)) == (pytest.approx([0.0]), 0.0)


def test_scores_that_tell_all_are_told_from_as_many_objects_as_there_are():
    """Weights and shares change what objects count beside each other, not all of them together."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(-3, 1, (50, 1)), rng.normal(3, 1, (50, 1))])
    scores[:50], scores[50:] = scores[:50].clip(max=-0.1), scores[50:].clip(min=0.1)
    unknown = np.arange(100) >= 50
    plain = LogisticRegression(C=1e4).fit(scores, unknown)
    for weights in (np.ones(100), np.where(unknown, 7.0, 0.2)):
        slopes, intercept = _logistic(scores, unknown, weights)
        assert slopes == pytest.approx(plain.coef_[0], rel=1e-3)
        assert intercept == pytest.approx(plain.intercept_[0], abs=1e-2)


@pytest.mark.parametrize("kept", [99, 130])
def test_few_mismatched_objects_are_not_used(kept):
    """Nor are many that are nearly all of one class, which is left out in its turn."""
    features, targets = sample()
    one = np.flatnonzero(targets == 0)
    others = np.flatnonzero(targets != 0)
    owners = np.concatenate([one, others[: max(kept - len(one), 0)]])[:kept]
    found = fit(features, targets, mismatched=Mismatched(features.numpy()[owners], owners * 2))
    assert found.detector.mismatch is None


def test_where_objects_are_many_classes_keep_their_share_and_a_hundred_at_least(monkeypatch):
    monkeypatch.setattr("lcclassify.training.unknown_fit._MOST_OBJECTS", 700)
    features, targets = sample(1800)
    chosen = np.r_[np.flatnonzero(targets != 4), np.flatnonzero(targets == 4)[:60]]
    chosen = np.setdiff1d(chosen, np.flatnonzero(targets == 3)[120:])
    found = fit(features[torch.as_tensor(chosen)], targets[chosen])
    counts = np.bincount(targets[chosen])
    kept = np.bincount(targets[chosen][found.rows // 2])
    assert kept.tolist() == [*np.round(700 * counts[:3] / len(chosen)), 100, 60]


def test_mismatched_objects_stay_where_objects_are_many(monkeypatch):
    monkeypatch.setattr("lcclassify.training.unknown_fit._MOST_OBJECTS", 150)
    features, targets, strange, owners = at_redshifts(0)
    found = fit(features, targets, mismatched=Mismatched(strange, owners * 2))
    assert found.detector.mismatch is not None
    assert set(owners * 2) <= set(found.rows)
