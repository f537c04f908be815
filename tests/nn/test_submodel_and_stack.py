from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_head
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier, LinearStackingHead, StackingHead
from lcclassify.nn.submodel import Submodel

DENSE = {"_target_": "lcclassify.nn.dense.DenseNet", "units": [8]}
BIGRU = {
    "_target_": "lcclassify.nn.bigru.BiGRUNet",
    "gru_units": [4],
    "dense_units": [8],
    "join_context": True,
}
K = 4


@pytest.fixture
def raw_batch(make_batch):
    batch = make_batch(11)
    features, context = batch.features.clone(), batch.context.clone()
    features[::3, 1] = float("nan")
    context[0] = float("nan")
    return batch._replace(features=features, context=context)


@pytest.fixture
def make_submodel(sizes):
    def make(network, seed=0):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        features = rng.lognormal(size=(60, sizes.n_features))
        features[::4, 1] = np.nan
        context = rng.normal(size=(60, sizes.n_context))
        return Submodel(
            network,
            features=FeatureTransform.fitted(features, impute="median", indicator=True),
            context=FeatureTransform.fitted(context, kind="standard", impute="median"),
            sequences=SequenceTransform.fitted(
                rng.normal(2, 3, size=(200, sizes.n_channels)), kind="standard"
            ),
            n_classes=sizes.n_classes,
            max_length=sizes.max_length,
        ).eval()

    return make


@pytest.fixture
def ensemble(make_submodel):
    members = [
        [make_submodel(DENSE, 1), make_submodel(DENSE, 2)],
        [make_submodel(BIGRU, 3)],
    ]
    return EnsembleClassifier(members, LinearStackingHead(2, K))


@pytest.mark.parametrize("network", [DENSE, BIGRU], ids=["dense", "bigru"])
def test_submodel_takes_raw_batches(network, make_submodel, raw_batch):
    submodel = make_submodel(network)
    assert submodel.sizes.n_features == 8  # seven and one indicator
    probabilities = submodel.predict_proba(raw_batch)
    assert probabilities.dtype == torch.float64
    assert probabilities.shape == (11, K)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(11, dtype=torch.float64))
    logits = submodel.network(submodel.transform(raw_batch))
    assert torch.equal(logits, submodel(raw_batch))


@pytest.mark.parametrize("network", [DENSE, BIGRU], ids=["dense", "bigru"])
def test_what_a_network_does_not_read_does_not_matter(network, make_submodel, raw_batch):
    submodel = make_submodel(network).eval()
    expected = submodel(raw_batch)
    assert set(submodel.reads) < {"features", "context", "sequences"}
    for name in {"features", "context", "sequences"} - set(submodel.reads):
        other = raw_batch._replace(**{name: getattr(raw_batch, name) * 3 + 1})
        assert torch.equal(submodel(other), expected), name


def test_absurd_input_gives_probabilities(make_submodel, raw_batch):
    absurd = raw_batch._replace(
        features=torch.full_like(raw_batch.features, 3e38),
        context=torch.full_like(raw_batch.context, float("-inf")),
        sequences=torch.where(raw_batch.sequences == 0, 0.0, 3e38),
    )
    for network in (DENSE, BIGRU):
        assert torch.isfinite(make_submodel(network).predict_proba(absurd)).all()


def test_submodel_is_rebuilt_from_plain_config(make_submodel, raw_batch):
    submodel = make_submodel(BIGRU)
    config = json.loads(json.dumps(submodel.config()))
    rebuilt = Submodel.from_config(config)
    rebuilt.load_state_dict(submodel.state_dict())
    assert torch.equal(rebuilt.eval()(raw_batch), submodel(raw_batch))


def test_submodel_config_is_checked(make_submodel):
    config = make_submodel(DENSE).config()
    with pytest.raises(ConfigError, match="needs the key 'features'"):
        Submodel.from_config({k: v for k, v in config.items() if k != "features"})
    with pytest.raises(ConfigError, match="contradict"):
        Submodel.from_config({**config, "sizes": {**config["sizes"], "n_features": 3}})
    with pytest.raises(ConfigError, match="invalid"):
        Submodel.from_config({**config, "context": {"n_featurs": 3}})


def test_members_are_frozen_and_stay_in_eval_mode(ensemble, raw_batch):
    ensemble.train()
    assert ensemble.training
    assert ensemble.head.training
    assert not any(m.training for m in ensemble.members.modules())
    assert not any(p.requires_grad for p in ensemble.members.parameters())
    assert all(p.requires_grad for p in ensemble.head.parameters())

    before = {k: v.clone() for k, v in ensemble.members.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in ensemble.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        ensemble(raw_batch)[:, 0].log().sum().neg().backward()
        optimiser.step()
    for name, value in ensemble.members.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert ensemble.head.bias.abs().max() > 0


def test_replicas_are_averaged_and_members_stacked(ensemble, raw_batch):
    found = ensemble.member_probabilities(raw_batch)
    assert found.shape == (11, 2, K)
    first = [s.predict_proba(raw_batch) for s in ensemble.members[0]]
    torch.testing.assert_close(found[:, 0], (first[0] + first[1]) / 2)
    torch.testing.assert_close(found[:, 1], ensemble.members[1][0].predict_proba(raw_batch))


def test_each_fold_is_combined_by_itself(make_submodel, raw_batch):
    first, second = [make_submodel(DENSE, seed) for seed in (1, 2)], [make_submodel(DENSE, 3)] * 2
    head = LinearStackingHead(2, K, form="full")
    torch.nn.init.normal_(head.weight_change)
    ensemble = EnsembleClassifier([first, second], head, n_rounds=2).eval()
    expected = []
    for fold in range(2):
        both = [member[fold].predict_proba(raw_batch) for member in (first, second)]
        expected.append(torch.softmax(head(torch.stack(both, dim=1)).double(), dim=1))
    found = ensemble(raw_batch)
    torch.testing.assert_close(found, (expected[0] + expected[1]) / 2)
    averaged = ensemble.member_probabilities(raw_batch)
    assert not torch.allclose(found, torch.softmax(head(averaged).double(), dim=1), atol=1e-4)
    with pytest.raises(ConfigError, match="3 rounds"):
        EnsembleClassifier([first, second], head, n_rounds=3)


def test_no_head_is_the_mean(make_submodel, raw_batch):
    members = [[make_submodel(DENSE, 1)], [make_submodel(BIGRU, 2)]]
    ensemble = EnsembleClassifier(members, None)
    expected = ensemble.member_probabilities(raw_batch).mean(1)
    assert torch.equal(ensemble(raw_batch), expected)


@pytest.mark.parametrize(
    "head",
    [
        None,
        StackingHead(2, K, units=[10, 6], activation="tanh", inputs="log_probabilities"),
        LinearStackingHead(2, K, form="full"),
    ],
    ids=["mean", "dense", "full"],
)
def test_ensemble_is_rebuilt_from_plain_config(ensemble, head, raw_batch):
    ensemble = EnsembleClassifier([list(m) for m in ensemble.members], head).eval()
    rebuilt = EnsembleClassifier.from_config(json.loads(json.dumps(ensemble.config())))
    rebuilt.load_state_dict(ensemble.state_dict())
    rebuilt.eval()
    found = rebuilt(raw_batch)
    assert torch.equal(found, ensemble(raw_batch))
    torch.testing.assert_close(found.sum(1), torch.ones(11, dtype=torch.float64))


def member_probabilities(n=30, m=3):
    return torch.softmax(torch.randn(n, m, K, dtype=torch.float64) * 2, dim=2)


def test_the_papers_head():
    head = build_head({"_target_": "lcclassify.nn.stack.StackingHead"}, 4, 15)
    shapes = [tuple(p.shape) for p in head.parameters()]
    assert shapes == [(10, 60), (10,), (15, 10), (15,)]
    assert [type(m) for m in head.hidden][:2] == [nn.Linear, nn.ReLU]
    p = torch.softmax(torch.randn(5, 4, 15), 2)
    expected = head.output(torch.relu(head.hidden[0](p.reshape(5, 60))))
    torch.testing.assert_close(head(p), expected)


@pytest.mark.parametrize("form", ["shared", "full"])
def test_linear_head_starts_as_the_geometric_mean(form):
    p = member_probabilities()
    expected = p.log().mean(1).exp()
    expected = expected / expected.sum(1, keepdim=True)
    found = torch.softmax(LinearStackingHead(3, K, form=form)(p).double(), 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", ["shared", "full"])
def test_linear_head_contains_every_member(form):
    p = member_probabilities()
    for chosen in range(3):
        head = LinearStackingHead(3, K, form=form)
        with torch.no_grad():
            change = -torch.full((3,), 1 / 3)
            change[chosen] += 1
            if form == "shared":
                head.weight_change.copy_(change)
            else:
                head.weight_change.copy_(torch.einsum("m,jk->jmk", change, torch.eye(K)))
        found = torch.softmax(head(p).double(), 1)
        torch.testing.assert_close(found, p[:, chosen], rtol=0, atol=1e-6)


def test_a_pool_is_the_equal_one_and_its_changes():
    """Of the form shared a weight of a member, of the other one of each class for each class."""
    p = member_probabilities()
    logs, bias = p.log(), torch.linspace(-1, 1, K)
    shared, full = LinearStackingHead(3, K), LinearStackingHead(3, K, form="full")
    change = torch.tensor([0.5, -0.25, 2.0])
    shared.set_pool(torch.einsum("m,jk->jmk", change, torch.eye(K)), bias)
    expected = torch.einsum("nmk,m->nk", logs, 1 / 3 + change.double()) + bias
    torch.testing.assert_close(shared(p).double(), expected, rtol=1e-5, atol=1e-5)
    change = torch.arange(3.0 * K * K).reshape(K, 3, K) / 50
    full.set_pool(change, bias)
    mixed = (logs[:, None] * change).sum((2, 3))
    torch.testing.assert_close(full(p).double(), logs.mean(1) + mixed + bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("head", [StackingHead, LinearStackingHead])
def test_a_member_that_gives_zero_is_survived(head):
    p = torch.zeros(2, 2, K)
    p[:, :, 0] = 1
    keys = {"inputs": "log_probabilities"} if head is StackingHead else {}
    module = head(2, K, **keys)
    logits = module(p)
    assert torch.isfinite(logits).all()
    logits.sum().backward()
    assert all(torch.isfinite(q.grad).all() for q in module.parameters())


def test_ensemble_says_what_does_not_fit(make_submodel):
    submodel = make_submodel(DENSE)
    with pytest.raises(ConfigError, match="at least one member"):
        EnsembleClassifier([], None)
    with pytest.raises(ConfigError, match="at least one network"):
        EnsembleClassifier([[submodel], []], None)
    with pytest.raises(ConfigError, match="combines 3 members of 4 classes, the ensemble has 1"):
        EnsembleClassifier([[submodel]], LinearStackingHead(3, K))
    with pytest.raises(ConfigError, match="form cannot be 'ful': did you mean 'full'"):
        LinearStackingHead(3, K, form="ful")
    with pytest.raises(ConfigError, match="inputs cannot be 'logits'"):
        StackingHead(3, K, inputs="logits")
    with pytest.raises(ConfigError, match="needs the key 'head'"):
        EnsembleClassifier.from_config({"members": []})
