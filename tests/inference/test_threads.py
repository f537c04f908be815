"""Networks compute in threads of their own, which leave all other threads as they are."""

import threading

import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.inference.predictor import Predictor
from lcclassify.inference.threads import own_threads


def in_new_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def three_threads():
    """A process whose owner has told torch to use three threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_torch_is_alone_in_them_and_nowhere_else(three_threads):
    own_threads.__globals__["_threads"].cache_clear()  # as in a new process
    pool = own_threads(2)
    assert list(pool.map(lambda _: torch.get_num_threads(), range(8))) == [1] * 8
    assert torch.get_num_threads() == 3
    assert in_new_thread(torch.get_num_threads) == 3
    assert own_threads(2) is pool


def test_threads_change_nothing(bundle, light_curves, three_threads):
    predictors = [
        Predictor(bundle, accelerator="cpu", batch_size=7, threads=threads)
        for threads in (1, 4, None)
    ]
    assert [predictor.threads for predictor in predictors] == [1, 4, 3]
    one, *others = [predictor.predict(light_curves, keep_members=True) for predictor in predictors]
    for other in others:
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.members, other.members)


def test_a_number_that_is_none(bundle):
    with pytest.raises(ConfigError, match="threads must be an integer of at least 1, got 0"):
        Predictor(bundle, accelerator="cpu", threads=0)
