"""Trees that tell light curves to which their redshift does not fit."""

import numpy as np
import torch

from lcclassify.training.mismatch import MismatchGrower


def sample(n, seed=0):
    """A redshift, and a brightness that goes with it."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0, 2, n)
    known = np.c_[redshift, -redshift + rng.normal(0, 0.1, n), rng.normal(0, 1, (n, 8))]
    return known, np.c_[rng.permutation(redshift), known[:, 1:]]


def test_they_tell_objects_with_the_redshifts_of_others():
    # What goes together is told by one feature here, as absolute magnitudes do.
    known, mismatched = (np.c_[part, part[:, 0] + part[:, 1]] for part in sample(600))
    trees = MismatchGrower(known, mismatched, seed=1).grow()
    new, strange = (np.c_[part, part[:, 0] + part[:, 1]] for part in sample(400, seed=2))
    found = [trees.sums(torch.as_tensor(part))[:, 0] for part in (new, strange)]
    assert float((found[0][:, None] < found[1]).float().mean()) > 0.85


def test_both_count_alike():
    known, mismatched = sample(500)
    trees = MismatchGrower(known, np.repeat(mismatched[:50], 3, axis=0) * np.nan, seed=1).grow()
    undefined = trees.sums(torch.full((1, 10), torch.nan, dtype=torch.float64))
    assert float(undefined) > 1
    # Nothing to tell apart: the odds are even on average, not one to five.
    same = MismatchGrower(known, sample(100, seed=8)[0], seed=1).grow()
    new = torch.as_tensor(sample(400, seed=9)[0])
    assert abs(float(same.sums(new).mean())) < 0.8


def test_what_speaks_for_one_speaks_against_the_other():
    known, mismatched = sample(200)
    one, two = (
        MismatchGrower(*both, seed=1).grow()
        for both in ((known, mismatched[:60]), (mismatched[:60], known))
    )
    new = torch.as_tensor(sample(100, seed=3)[0])
    assert float(one.sums(new).std()) > 0.5
    torch.testing.assert_close(one.sums(new), -two.sums(new), rtol=0, atol=1e-6)


def test_the_same_twice():
    known, mismatched = sample(300)
    one, two = (MismatchGrower(known, mismatched, seed=4).grow() for _ in range(2))
    assert all(torch.equal(one.state_dict()[k], two.state_dict()[k]) for k in one.state_dict())


def test_of_some_objects_only_these_count():
    known, mismatched = sample(400)
    chosen = np.arange(800) % 2 == 1
    swapped = known.copy(), mismatched.copy()
    swapped[0][::2], swapped[1][::2] = mismatched[::2], known[::2]
    one, two = (
        MismatchGrower(*both, seed=4).grow(chosen).state_dict()
        for both in ((known, mismatched), swapped)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_chosen_objects_may_have_values_where_the_others_have_none():
    # 100 features of 1,000 chosen objects are 100,000 values, where the shares among all 4,000
    # let the library expect a quarter.
    rng = np.random.default_rng(0)
    known, mismatched = np.zeros((2_000, 100)), np.zeros((2_000, 100))
    known[::4] = rng.normal(size=(500, 100))
    mismatched[::4] = known[::4]
    mismatched[::4, :50] += 3
    chosen = np.arange(4_000) % 4 == 0
    trees = MismatchGrower(known, mismatched, seed=1).grow(chosen)
    new = rng.normal(size=(300, 100))
    odds = [trees.sums(torch.as_tensor(part))[:, 0] for part in (new, new + 3)]
    assert float((odds[0][:, None] < odds[1]).float().mean()) > 0.99
