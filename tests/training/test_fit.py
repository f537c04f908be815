"""One fit: which epoch is kept, when it stops, and what it says where it cannot go on."""

import json
import logging
import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CUDAAccelerator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.multiprocessing.spawn import ProcessRaisedException

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.training.checkpoints import read_checkpoint
from lcclassify.training.fit import check_trainer, load_history
from lcclassify.training.hush import HushedProcesses
from lcclassify.training.members import fit_member


def history_of(context, member, mode="holdout"):
    fitted = fit_member(context, member, mode)
    return fitted, next(iter(fitted.fits.values()))


def test_the_best_epoch_is_kept(context, new_member):
    for name, checkpoint, best in (
        ("loss", "val/loss", np.argmin),
        ("accuracy", "val/accuracy", np.argmax),
    ):
        member = new_member(name, epochs=8, checkpoint=checkpoint)
        fitted, fit = history_of(context, member)
        assert fit.best_epoch == best([epoch[checkpoint] for epoch in fit.history])
        # The weights are those of that epoch: they give its validation loss again.
        rows = context.split.validation
        wanted = np.log(fitted.held_out)[np.arange(len(rows)), context.targets[rows]]
        assert -wanted.mean() == pytest.approx(fit.history[fit.best_epoch]["val/loss"], rel=1e-5)


def test_the_last_epoch_is_kept(context, new_member):
    member = new_member(epochs=5, checkpoint="last")
    fitted, fit = history_of(context, member)
    assert fit.best_epoch == 4
    assert not (context.folder / "dense" / "holdout" / "best.ckpt").exists()
    last = read_checkpoint(context.folder / "dense" / "holdout" / "last.ckpt")
    name = next(iter(dict(fitted.submodels[0].named_parameters())))
    assert torch.equal(
        last["state_dict"][f"network.{name}"], fitted.submodels[0].state_dict()[name]
    )


def test_without_validation_rows_the_last_is_kept(new_context, new_member, tmp_path):
    context = new_context(tmp_path, validation_fraction=0.0)
    _, fit = history_of(context, new_member(epochs=3, patience=1))
    assert [epoch["epoch"] for epoch in fit.history] == [0, 1, 2]
    assert fit.best_epoch == 2
    assert "val/loss" not in fit.history[0]


def test_patience_ends_a_fit(context, new_member):
    from dataclasses import replace

    member = replace(
        new_member(epochs=60, patience=2), optimizer={"_target_": "torch.optim.Adam", "lr": 0.3}
    )
    _, fit = history_of(context, member)
    losses = [epoch["val/loss"] for epoch in fit.history]
    assert len(losses) < 60
    assert min(losses[-2:]) >= min(losses[:-2])
    for end in range(3, len(losses)):  # not sooner
        assert min(losses[end - 2 : end]) < min(losses[: end - 2])


def test_history_has_what_figures_need(context, new_member):
    _, fit = history_of(context, new_member(epochs=3, schedule={"kind": "cosine", "warmup": 0.2}))
    for epoch in fit.history:
        assert set(epoch) == {"epoch", "seconds", "lr", "train/loss", "val/loss", "val/accuracy"}
        assert 0 < epoch["seconds"] < 3600
    assert load_history(context.folder / "dense" / "holdout") == fit


def test_the_rate_follows_the_schedule(context, new_member):
    _, fit = history_of(context, new_member(epochs=4, batch_size=100, schedule={"kind": "cosine"}))
    expected = [0.02 * 0.5 * (1 + np.cos(np.pi * step / 4)) for step in range(4)]
    assert [epoch["lr"] for epoch in fit.history] == pytest.approx(expected)


@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_diverged_fit_says_so(context, new_member, clip):
    from dataclasses import replace

    member = replace(
        new_member(epochs=20, gradient_clip=clip),
        optimizer={"_target_": "torch.optim.SGD", "lr": 1e38},
    )
    with pytest.raises(
        TrainingError,
        match=re.escape("training of dense fold 0 diverged in epoch ")
        + r"\d+: its (train|val)/loss"
        r" is (nan|inf); lower its optimizer\.lr or set fit\.gradient_clip",
    ):
        fit_member(context, member, "oof")


def test_files_appear_whole(context, member):
    fit_member(context, member, "holdout")
    names = {path.name for path in (context.folder / "dense" / "holdout").iterdir()}
    assert names == {
        "best.ckpt", "last.ckpt", "history.json", "held_out.safetensors", "submodel.json",
        "submodel.safetensors",
    }  # fmt: skip


def test_tensorboard_has_the_shared_names(new_context, member, tmp_path):
    from dataclasses import replace

    context = replace(new_context(tmp_path / "fits"), tensorboard=tmp_path / "tensorboard")
    fitted = fit_member(context, member, "holdout")
    run = EventAccumulator(str(tmp_path / "tensorboard" / "dense" / "holdout")).Reload()
    assert {"train/loss", "val/loss", "val/accuracy", "lr"} <= set(run.Tags()["scalars"])
    history = fitted.fits["holdout"].history
    for tag in ("train/loss", "val/loss", "val/accuracy", "lr"):
        assert [event.value for event in run.Scalars(tag)] == pytest.approx(
            [epoch[tag] for epoch in history], rel=1e-6
        )


def test_a_finished_fit_is_used_as_it_is(new_context, member, tmp_path):
    first = fit_member(new_context(tmp_path), member, "oof")
    context = new_context(tmp_path)
    again = fit_member(context, member, "oof")
    assert context.reporter.lines == [("kept", "dense fold 0"), ("kept", "dense fold 1")]
    assert np.array_equal(first.held_out, again.held_out)
    assert again.fits == first.fits


@pytest.mark.parametrize("content", ["", "{}", '{"epochs": [', "[1]"])
def test_a_damaged_history_counts_as_none(tmp_path, content):
    (tmp_path / "history.json").write_text(content)
    assert load_history(tmp_path) is None
    assert load_history(tmp_path / "nowhere") is None


def test_checkpoints_hold_no_code(context, member):
    fit_member(context, member, "holdout")
    for name in ("last.ckpt", "best.ckpt"):
        path = context.folder / "dense" / "holdout" / name
        assert torch.load(path, weights_only=True)["state_dict"]
    json.loads((context.folder / "dense" / "holdout" / "submodel.json").read_text())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"max_epoch": 3}, "unexpected keyword argument 'max_epoch'"),
        ({"max_epochs": 3}, "multiple values for keyword argument 'max_epochs'"),
        ({"precision": "8"}, "8"),
        ({"accelerator": "abacus"}, "abacus"),
        ({"devices": 0}, "devices"),
    ],
)
def test_a_trainers_refusal_is_one_sentence(config, words):
    with pytest.raises(ConfigError) as caught:
        check_trainer({"accelerator": "cpu", "devices": 1} | config)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("last_line", "kind"),
    [
        ("lcclassify.errors.TrainingError: training of x diverged: lower it", TrainingError),
        ("ValueError: something: else", ProcessRaisedException),
    ],
)
def test_an_error_of_a_spawned_process(context, member, monkeypatch, last_line, kind):
    def fit(self, *args, **kwargs):
        raise ProcessRaisedException(f"Traceback:\n  File x\n{last_line}\n", 0, 123)

    monkeypatch.setattr(Trainer, "fit", fit)
    with pytest.raises(kind) as caught:
        fit_member(context, member, "holdout")
    if kind is TrainingError:
        assert str(caught.value) == "training of x diverged: lower it"


def test_what_is_passed_to_a_spawned_process_hushes_it_there():
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    try:
        logger.setLevel(logging.INFO)
        with warnings.catch_warnings():
            pickle.loads(pickle.dumps(HushedProcesses()))
            assert logger.level == logging.WARNING
    finally:
        logger.setLevel(level)


def test_a_gpu_that_is_not_wanted_is_not_spoken_of(monkeypatch, recwarn):
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: True))
    check_trainer({"accelerator": "cpu", "devices": 1})
    assert not recwarn.list
