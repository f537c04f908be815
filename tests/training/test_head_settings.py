"""A head's settings are checked before anything is trained."""

import pytest

from lcclassify.errors import ConfigError
from lcclassify.training.head_settings import HeadSettings

SHRINKAGE = {"deviations": [0, 0.5], "folds": 5, "standard_errors": 0.5}
EPOCHS = {
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
    "fit": {"epochs": 5, "batch_size": 16, "checkpoint": "last"},
}


def config(network="LinearStackingHead", **more):
    return {
        "name": "head",
        "network": {"_target_": f"lcclassify.nn.stack.{network}"},
        "loss": {"_target_": "lcclassify.nn.losses.CrossEntropyLoss"},
        **more,
    }


def test_a_linear_head_is_shrunk_or_trained_by_epochs():
    shrunk = HeadSettings.from_config(config(shrinkage=SHRINKAGE, fit=None, optimizer=None))
    assert shrunk.shrinkage.deviations == (0, 0.5)
    assert shrunk.fit is None
    # As runs were configured before there was shrinkage, and as a dense head still is.
    for network in ("LinearStackingHead", "StackingHead"):
        for none in ({}, {"shrinkage": None}):
            trained = HeadSettings.from_config(config(network, **EPOCHS, **none))
            assert trained.shrinkage is None
            assert trained.fit.epochs == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"deviations": []}, "ascending numbers"),
        ({"deviations": [0, 0.5, 0.5]}, "ascending numbers"),
        ({"deviations": [-1, 0]}, "at least 0"),
        ({"deviations": [True]}, "ascending numbers"),
        ({"deviations": 0.5}, "must be a list"),
        ({"folds": 1}, r"shrinkage\.folds must be a whole number of at least 2"),
        ({"standard_errors": -1}, "at least 0"),
        ({"standard_errors": "x"}, "at least 0"),
        ({"fold": 3}, "did you mean 'folds'"),
    ],
)
def test_what_is_wrong_with_shrinkage_is_said(changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        HeadSettings.from_config(config(shrinkage=SHRINKAGE | changes))
    assert str(caught.value).startswith("model.head.shrinkage")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (config(), "needs the key 'optimizer'"),
        (config(**EPOCHS, replicas=2), "replicas must be 1"),
        (config(**EPOCHS, shrinkage=SHRINKAGE), "either shrinkage or optimizer and fit"),
        (config("StackingHead", shrinkage=SHRINKAGE), "trained by epochs"),
        (config(shrinkage={"folds": 5}), "needs the key 'deviations'"),
        (config(shrinkage=[]), "must be a mapping"),
        (config(shrinkage=SHRINKAGE, losss={}), "did you mean 'loss'"),
        (config(shrinkage=SHRINKAGE) | {"name": "a b"}, "plain word"),
        (config(shrinkage=SHRINKAGE) | {"loss": None}, "needs the key 'loss'"),
    ],
)
def test_what_is_wrong_with_a_head_is_said(changed, words):
    with pytest.raises(ConfigError, match=words):
        HeadSettings.from_config(changed)
