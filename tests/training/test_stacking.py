"""The head learns from what members hold out; the members themselves stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.training.members import fit_member
from lcclassify.training.stacking import fit_head


@pytest.fixture
def fitted(context, new_member):
    return [fit_member(context, new_member(name), "oof") for name in ("first", "second")]


def fit(context, fitted, settings, cross_fit=False):
    probabilities = np.stack([member.held_out for member in fitted], axis=1)
    return fit_head(context, settings, probabilities, fitted[0].rows, cross_fit=cross_fit)


@pytest.mark.parametrize("network", ["linear", "dense"])
def test_members_are_frozen(tmp_path, new_context, new_member, new_head, network, accelerator):
    context = new_context(tmp_path / "fits", trainer={"accelerator": accelerator})
    # Dropout would draw, and batch normalisation move, with every object that is seen.
    dense = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [6]}
    dense |= {"dropout": 0.5, "batch_norm": True}
    gru = {"_target_": "lcclassify.nn.bigru.BiGRUNet", "gru_units": [4], "spatial_dropout": 0.5}
    members = [new_member("first", network=dense), new_member("second", network=gru)]
    fitted = [fit_member(context, member, "oof") for member in members]
    models = [model for member in fitted for model in member.submodels]
    before = [{k: v.clone() for k, v in model.state_dict().items()} for model in models]
    meta = fit(context, fitted, new_head(network))
    classifier = EnsembleClassifier([member.submodels for member in fitted], meta.head)
    classifier.to(accelerator).train()
    optimizer = torch.optim.SGD([p for p in classifier.parameters() if p.requires_grad], lr=1.0)
    batch = context.on_device().batch(np.arange(12))
    seen = classifier.member_probabilities(batch)
    loss = -classifier(batch)[torch.arange(12), batch.targets].log().mean()
    loss.backward()
    optimizer.step()
    assert torch.equal(classifier.member_probabilities(batch), seen)
    classifier.cpu()
    for model, state in zip(models, before, strict=True):
        assert not any(module.training for module in model.modules())
        assert all(p.grad is None and not p.requires_grad for p in model.parameters())
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(p.grad is not None for p in meta.head.parameters())


def test_the_head_does_not_need_the_gpu_of_its_members(
    tmp_path, new_context, new_head, context, fitted
):
    gpu = {"accelerator": "cuda", "devices": 2, "strategy": "ddp_spawn", "precision": "16-mixed"}
    settings = new_head(epochs=3)
    found = fit(new_context(tmp_path / "other", trainer=gpu), fitted, settings)
    expected = fit(context, fitted, settings)
    assert torch.equal(found.head.weight_change, expected.head.weight_change)


def test_the_head_learns(context, fitted, new_head):
    rows = fitted[0].rows
    few, many = (
        fit(
            replace(context, folder=context.folder / str(epochs)),
            fitted,
            new_head("dense", epochs, 0.03),
        )
        for epochs in (1, 60)
    )
    probabilities = torch.as_tensor(np.stack([member.held_out for member in fitted], axis=1))

    def loss(head):
        return torch.nn.functional.cross_entropy(
            head(probabilities), torch.as_tensor(context.targets[rows])
        ).item()

    assert loss(many.head) < 0.7 * loss(few.head)


def test_it_is_the_same_every_time(context, fitted, new_head):
    heads = [
        fit(replace(context, folder=context.folder / str(n)), fitted, new_head("dense")).head
        for n in (0, 1)
    ]
    for first, second in zip(*(head.parameters() for head in heads), strict=True):
        assert torch.equal(first, second)


def test_cross_fitted_probabilities_are_of_heads_that_did_not_see_the_object(
    context, fitted, new_head, monkeypatch
):
    seen = []
    from lcclassify.training import head_epochs

    original = head_epochs.fit_network

    def spy(network, loss, data, **kwargs):
        seen.append((kwargs["name"], set(data.train_rows.tolist())))
        return original(network, loss, data, **kwargs)

    monkeypatch.setattr(head_epochs, "fit_network", spy)
    meta = fit(context, fitted, new_head("dense"), cross_fit=True)
    n_rows = len(fitted[0].rows)
    assert seen[0] == ("head all", set(range(n_rows)))
    left_out = [set(range(n_rows)) - kept for _, kept in seen[1:]]
    assert sorted(row for rows in left_out for row in rows) == list(range(n_rows))
    assert meta.cross_fitted.shape == (n_rows, 3)
    assert np.allclose(meta.cross_fitted.sum(axis=1), 1)


def test_without_cross_fit_there_are_no_such_probabilities(context, fitted, new_head):
    assert fit(context, fitted, new_head()).cross_fitted.shape == (0, 3)


def test_a_finished_head_is_used_as_it_is(context, fitted, new_head):
    first = fit(context, fitted, new_head()).head
    again = fit(context, fitted, new_head())
    second = again.head
    assert again.worth is not None
    assert context.reporter.lines[-1] == ("kept", "head all")
    for mine, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_what_members_are_worth_is_told_by_a_head_that_is_shrunk(context, fitted, new_head):
    worth = fit(context, fitted, new_head(), cross_fit=True).worth
    n_rows = len(fitted[0].rows)
    assert worth.stack.shape == (2, n_rows)
    assert worth.own.shape == worth.without.shape == (2, 2, n_rows)
    other = replace(context, folder=context.folder / "epochs")
    assert fit(other, fitted, new_head("dense")).worth is None
