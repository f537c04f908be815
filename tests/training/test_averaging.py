"""Averaged weights: that they are the average, are what is judged and kept, and are resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lcclassify.training.averaging import AveragedWeights
from lcclassify.training.callbacks import ProgressCallback
from lcclassify.training.checkpoints import read_checkpoint
from lcclassify.training.members import fit_member

GRU = {
    "_target_": "lcclassify.nn.bigru.BiGRUNet",
    "gru_units": [4],
    "dense_units": [],
    "gaussian_noise": 0.1,
}


def weights_of(fitted):
    return {name: value.clone() for name, value in fitted.submodels[0].named_parameters()}


@pytest.fixture
def steps(monkeypatch):
    """The weights that training had after each step."""
    seen = []
    told = ProgressCallback.on_train_batch_end

    def spy(self, trainer, pl_module, *args):
        now = pl_module.network.named_parameters()
        seen.append({name: value.detach().double().clone() for name, value in now})
        return told(self, trainer, pl_module, *args)

    monkeypatch.setattr(ProgressCallback, "on_train_batch_end", spy)
    return seen


def test_all_steps_averaged_are_their_mean(context, new_member, steps):
    fitted = fit_member(context, new_member(averaging=1.0, checkpoint="last"), "holdout")
    assert len(steps) > 10
    for name, value in weights_of(fitted).items():
        mean = torch.stack([step[name] for step in steps]).mean(0)
        torch.testing.assert_close(value.double(), mean, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(value.double(), steps[-1][name], rtol=1e-3, atol=1e-3)


def test_the_last_steps_count_most(context, new_member, steps):
    fitted = fit_member(context, new_member(averaging=0.25, checkpoint="last"), "holdout")
    constant = 0.25 * len(steps)
    # In closed form: a step's share is what it was given times what later ones left of it.
    given = np.maximum(1 / constant, 1 / np.arange(1, len(steps) + 1))
    left = np.concatenate([np.cumprod((1 - given)[::-1])[::-1][1:], [1.0]])
    share = torch.as_tensor(given * left)
    assert share.sum() == pytest.approx(1)
    assert share[-1] > share[0]
    for name, value in weights_of(fitted).items():
        stacked = torch.stack([step[name] for step in steps])
        mean = torch.tensordot(share, stacked, dims=1)
        torch.testing.assert_close(value.double(), mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("checkpoint", ["val/loss", "last"])
def test_what_is_kept_is_what_was_validated(context, new_member, checkpoint):
    member = new_member(averaging=0.4, epochs=6, checkpoint=checkpoint)
    member = replace(member, optimizer={"_target_": "torch.optim.Adam", "lr": 0.2})
    fitted = fit_member(context, member, "holdout")
    fit = fitted.fits["holdout"]
    rows = context.split.validation
    wanted = np.log(fitted.held_out)[np.arange(len(rows)), context.targets[rows]]
    assert -wanted.mean() == pytest.approx(fit.history[fit.best_epoch]["val/loss"], rel=1e-5)


def test_training_goes_on_from_the_weights_themselves(new_context, new_member, tmp_path):
    plain, averaged = (
        fit_member(new_context(tmp_path / str(share)), new_member(averaging=share), "holdout")
        for share in (None, 0.5)
    )
    histories = [fitted.fits["holdout"].history for fitted in (plain, averaged)]
    assert [e["train/loss"] for e in histories[0]] == [e["train/loss"] for e in histories[1]]
    assert [e["val/loss"] for e in histories[0]] != [e["val/loss"] for e in histories[1]]


def test_a_batch_norm_has_the_latest_statistics(context, new_member):
    network = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [6], "batch_norm": True}
    fitted = fit_member(context, new_member(network=network, averaging=0.3), "holdout")
    last = read_checkpoint(context.folder / "dense" / "holdout" / "last.ckpt")
    names = fitted.submodels[0].state_dict()
    (name,) = (name for name in names if name.endswith("running_mean"))
    latest = last["current_model_state"][f"network.{name}"]
    assert torch.equal(last["state_dict"][f"network.{name}"], latest)
    assert not torch.equal(latest, torch.zeros_like(latest))


class StopError(Exception):
    pass


@pytest.mark.parametrize("network", [None, GRU], ids=["dense", "bigru"])
@pytest.mark.parametrize("checkpoint", ["val/loss", "last"])
def test_interrupted_and_resumed_it_is_the_same_to_the_bit(
    new_context, new_member, tmp_path, monkeypatch, network, checkpoint
):
    member = new_member(network=network, epochs=4, averaging=0.3, checkpoint=checkpoint)
    straight = fit_member(new_context(tmp_path / "straight"), member, "holdout")
    told = AveragedWeights.on_train_batch_end
    for step in (1, 7, 9):  # of each attempt; an epoch has five
        left = [step]

        def stop(self, *args, left=left):
            told(self, *args)
            left[0] -= 1
            if not left[0]:
                raise StopError

        with monkeypatch.context() as patch:
            patch.setattr(AveragedWeights, "on_train_batch_end", stop)
            with pytest.raises(StopError):
                fit_member(new_context(tmp_path / "run"), member, "holdout")
    assert read_checkpoint(tmp_path / "run" / "dense" / "holdout" / "last.ckpt")["epoch"] == 1
    resumed = fit_member(new_context(tmp_path / "run"), member, "holdout")
    for name, value in weights_of(straight).items():
        assert torch.equal(weights_of(resumed)[name], value)
    assert np.array_equal(resumed.held_out, straight.held_out)
    without_clock = [
        [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in f.fits["holdout"].history]
        for f in (straight, resumed)
    ]
    assert without_clock[0] == without_clock[1]
