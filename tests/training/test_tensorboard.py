"""The event files of a fit: what they hold, by epoch and once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.evaluation.tensorboard import ValidationLog
from lcclassify.training.checkpoints import EpochCheckpoint
from lcclassify.training.members import fit_member
from lcclassify.training.module import ClassifierModule
from lcclassify.training.tensorboard import (
    EpochLogger,
    layer_table,
    remove_event_files,
    snapshot_epochs,
    write_graph,
)

GRU = {"_target_": "lcclassify.nn.bigru.BiGRUNet", "gru_units": [4], "dense_units": []}


class StopError(Exception):
    """Ends a fit as a kill would."""


def events(folder):
    return EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0}).Reload()


def steps(run, tag):
    kind = run.Images if tag in run.Tags()["images"] else run.Scalars
    return [event.step for event in (run.Tensors if tag in run.Tags()["tensors"] else kind)(tag)]


@pytest.fixture
def watched(new_context, tmp_path):
    return replace(new_context(tmp_path / "fits"), tensorboard=tmp_path / "tensorboard")


@pytest.fixture
def drawn(watched, taxonomy):
    return replace(watched, snapshot=ValidationLog(taxonomy))


def fit(context, member):
    fitted = fit_member(context, member, "holdout")
    folder = context.tensorboard / member.name
    return fitted, events(folder / "holdout"), folder


def test_callbacks_of_the_user_log_beside_the_fits_own(watched, new_member):
    monitor = "lightning.pytorch.callbacks.LearningRateMonitor"
    rate = {"_target_": monitor, "logging_interval": "epoch"}
    trainer = {**watched.trainer, "callbacks": {"rate": rate}}
    _, run, _ = fit(replace(watched, trainer=trainer), new_member(epochs=3))
    logged = set(run.Tags()["scalars"])
    assert {"train/loss", "lr"} < logged
    assert any(tag.startswith("lr-") for tag in logged)


def test_a_callback_that_needs_event_files_is_refused_without(new_context, new_member, tmp_path):
    context = new_context(tmp_path / "fits")
    rate = {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"}
    context = replace(context, trainer={**context.trainer, "callbacks": {"rate": rate}})
    with pytest.raises(ConfigError, match="no logger"):
        fit_member(context, new_member(epochs=1), "holdout")


def test_what_a_callback_raises_is_one_sentence(new_context, new_member, tmp_path):
    context = new_context(tmp_path / "fits")
    stop = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "nope"}
    context = replace(context, trainer={**context.trainer, "callbacks": {"stop": stop}})
    with pytest.raises(TrainingError, match=r"configured callbacks failed: .*nope") as caught:
        fit_member(context, new_member(epochs=1), "holdout")
    assert "\n" not in str(caught.value)


def test_a_fits_scalars_by_epoch(watched, new_member):
    fitted, run, _ = fit(watched, new_member(epochs=5))
    assert set(run.Tags()["scalars"]) == {
        "train/loss", "train/gradient_norm", "train/objects_per_second", "lr",
        "val/loss", "val/accuracy",
    }  # fmt: skip
    for tag in run.Tags()["scalars"]:
        assert steps(run, tag) == [1, 2, 3, 4, 5], tag
    history = fitted.fits["holdout"].history
    n_train = len(watched.fold_rows(None)[0])
    for epoch, event in zip(history, run.Scalars("train/objects_per_second"), strict=True):
        assert event.value > n_train / epoch["seconds"] * 0.9  # validation is not counted


def test_the_gradient_norm_is_the_mean_before_clipping(watched, new_member, monkeypatch):
    seen = []
    step = ClassifierModule.configure_gradient_clipping

    def spy(self, *args, **kwargs):
        norms = [p.grad.norm() for p in self.network.parameters() if p.grad is not None]
        seen.append(float(torch.stack(norms).norm()))
        step(self, *args, **kwargs)

    monkeypatch.setattr(ClassifierModule, "configure_gradient_clipping", spy)
    _, run, _ = fit(watched, new_member(epochs=2, gradient_clip=1e-3))
    means = np.array(seen).reshape(2, -1).mean(axis=1)
    assert [event.value for event in run.Scalars("train/gradient_norm")] == pytest.approx(means)
    assert means.min() > 1e-2


def test_the_validation_is_drawn_a_few_times_and_last(drawn, new_member):
    _, run, _ = fit(drawn, new_member(epochs=10))
    assert set(run.Tags()["images"]) == {"confusion_matrix", "reliability"}
    assert set(run.Tags()["tensors"]) == {"pr/A", "pr/B", "pr/C"}
    for tag in ("confusion_matrix", "reliability", "pr/A"):
        assert steps(run, tag) == [4, 7, 10]


def test_what_is_drawn_are_the_validation_objects(watched, new_member):
    kept = []

    def keep(writer, probabilities, targets, step):
        kept.append((probabilities, targets, step))

    context = replace(watched, snapshot=keep)
    fitted, run, _ = fit(context, new_member(epochs=4, checkpoint="last"))
    probabilities, targets, step = kept[-1]
    assert (len(kept), step) == (3, 4)
    own = context.targets[context.split.validation]
    assert sorted(targets) == sorted(own)
    loss = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    assert run.Scalars("val/loss")[-1].value == pytest.approx(loss, rel=1e-4)
    assert sorted(probabilities.max(1)) == pytest.approx(sorted(fitted.held_out.max(1)), rel=1e-5)


def test_an_early_stop_draws_its_last_epoch(drawn, new_member):
    member = replace(
        new_member(epochs=60, patience=2), optimizer={"_target_": "torch.optim.Adam", "lr": 0.3}
    )
    fitted, run, _ = fit(drawn, member)
    assert len(fitted.fits["holdout"].history) < 60
    assert steps(run, "confusion_matrix")[-1] == len(fitted.fits["holdout"].history)


def test_without_validation_there_are_scalars_alone(new_context, tmp_path, taxonomy, new_member):
    context = replace(
        new_context(tmp_path / "fits", validation_fraction=0.0),
        tensorboard=tmp_path / "tensorboard",
        snapshot=ValidationLog(taxonomy),
    )
    _, run, _ = fit(context, new_member(epochs=2))
    assert run.Tags()["images"] == []
    assert steps(run, "train/gradient_norm") == [1, 2]


@pytest.mark.parametrize("kept", [False, True])
def test_a_fit_gone_on_with_has_everything_once(drawn, new_member, monkeypatch, kept):
    """Ended in epoch 6, whose values are written, before or after its checkpoint."""
    member = new_member(epochs=8)
    original = EpochCheckpoint.on_train_epoch_end

    def stop(self, trainer, pl_module):
        ends = trainer.current_epoch == 5
        if kept or not ends:
            original(self, trainer, pl_module)
        if ends:
            raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(EpochCheckpoint, "on_train_epoch_end", stop)
        with pytest.raises(StopError):
            fit_member(drawn, member, "holdout")
    fitted, run, folder = fit(drawn, member)
    assert len(list((folder / "holdout").glob("events*"))) == 2
    for tag in ("val/loss", "train/gradient_norm", "train/objects_per_second"):
        assert steps(run, tag) == list(range(1, 9)), tag
    # As TensorBoard's pages read them; `EventAccumulator` forgets no tensors.
    shown = plugin_event_accumulator.EventAccumulator(str(folder / "holdout")).Reload()
    for tag in ("confusion_matrix", "reliability", "pr/A"):
        assert [event.step for event in shown.Tensors(tag)] == [3, 6, 8], tag
    assert [event.value for event in run.Scalars("val/loss")] == pytest.approx(
        [epoch["val/loss"] for epoch in fitted.fits["holdout"].history], rel=1e-6
    )


@pytest.mark.parametrize("network", [None, GRU, GRU | {"padding": "reference"}])
def test_a_members_first_fit_has_its_graph(watched, new_member, network):
    fit_member(watched, new_member(network=network), "oof")
    folder = watched.tensorboard / "dense"
    run, other = (events(folder / f"fold_{fold}") for fold in (0, 1))
    assert run.Tags()["graph"]
    assert not other.Tags()["graph"]
    scopes = {scope for node in run.Graph().node for scope in node.name.split("/")}
    assert {"Network", "Submodel[network]"} <= scopes
    kind = "DenseNet" if network is None else "BiGRUNet"
    assert f"{kind}[network]" in scopes


def test_events_change_no_result(new_context, drawn, new_member, tmp_path):
    without = fit_member(new_context(tmp_path / "other"), new_member(epochs=4), "oof")
    with_events = fit_member(drawn, new_member(epochs=4), "oof")
    assert np.array_equal(without.held_out, with_events.held_out)
    for label, fit_result in without.fits.items():
        for one, other in zip(fit_result.history, with_events.fits[label].history, strict=True):
            assert {k: v for k, v in one.items() if k != "seconds"} == {
                k: v for k, v in other.items() if k != "seconds"
            }


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, batch):
        raise KeyError("no tracing")


def test_a_network_that_cannot_be_traced_gets_a_table(tmp_path, new_tensors, capsys):
    network = Untraceable().train()
    batch = new_tensors(np.array([0, 1, 2])).batch(torch.arange(2))
    with SummaryWriter(str(tmp_path)) as writer:
        write_graph(writer, network, batch)
    run = events(tmp_path)
    assert not run.Tags()["graph"]
    text = run.Tensors("layers/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text == layer_table(network)
    assert "| layer | Linear | 8 |" in text
    assert network.training
    assert capsys.readouterr().out == ""


def test_values_are_in_the_file_at_once(tmp_path):
    logger = EpochLogger(tmp_path / "fit")
    logger.log_metrics({"val/loss": 0.5, "epoch": 2}, step=77)
    (event,) = events(tmp_path / "fit").Scalars("val/loss")
    assert (event.step, event.value) == (3, 0.5)
    remove_event_files(tmp_path / "fit")
    assert not list((tmp_path / "fit").glob("events*"))


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(1, {1}), (2, {1, 2}), (3, {1, 2, 3}), (4, {2, 3, 4}), (50, {17, 34, 50})],
)
def test_snapshot_epochs(epochs, expected):
    assert snapshot_epochs(epochs) == expected
