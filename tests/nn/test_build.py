from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

import lcclassify.nn.dense
from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_head, build_loss, build_network

CONF = Path(__file__).parents[2] / "conf" / "model"


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Linear",
        "subprocess.Popen",
        "lcclassify.nn.build.importlib.import_module",
        "lcclassify.nn.dense.DenseStack",  # imported there, not defined there
        "lcclassify.nn.layers.dense",
        "lcclassify.nn.dense.__class__",
        "lcclassify.nn.submodel.Submodel",
        "lcclassify.nn.losses.FocalLoss",  # a loss is no network
        "lcclassify.schema.Batch",
        "lcclassify.nn.nothing.Net",
        "",
        None,
        ["lcclassify.nn.dense.DenseNet"],
        {"_target_": "os.system"},
    ],
)
def test_only_networks_of_the_package_are_built(target, sizes):
    with pytest.raises(ConfigError, match=r"is no network of lcclassify.nn"):
        build_network({"_target_": target}, sizes)


def test_nothing_else_is_imported(sizes, tmp_path, monkeypatch):
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="is no network"):
        build_network({"_target_": "hostile.Net"}, sizes)


def test_a_network_defined_elsewhere_is_refused(sizes, monkeypatch):
    class Foreign(torch.nn.Module):
        def __init__(self, sizes):
            raise SystemExit("called")

    monkeypatch.setattr(lcclassify.nn.dense, "Foreign", Foreign, raising=False)
    with pytest.raises(ConfigError, match="is no network"):
        build_network({"_target_": "lcclassify.nn.dense.Foreign"}, sizes)


def test_a_near_miss_is_suggested(sizes):
    with pytest.raises(ConfigError, match=r"did you mean 'lcclassify.nn.dense.DenseNet'"):
        build_network({"_target_": "lcclassify.nn.dense.DenseNett"}, sizes)
    with pytest.raises(ConfigError, match=r"did you mean 'lcclassify.nn.losses.FocalLoss'"):
        build_loss({"_target_": "lcclassify.nn.losses.FocalLos"}, 3)
    with pytest.raises(ConfigError, match=r"did you mean 'lcclassify.nn.stack.StackingHead'"):
        build_head({"_target_": "lcclassify.nn.stack.StackingHed"}, 2, 3)


def test_the_abstract_loss_is_not_offered():
    with pytest.raises(ConfigError, match="is no loss"):
        build_loss({"_target_": "lcclassify.nn.losses.ClassificationLoss"}, 3)


@pytest.mark.parametrize("config", [{}, {"units": [3]}, None, "lcclassify.nn.dense.DenseNet"])
def test_a_config_without_target_is_refused(config, sizes):
    with pytest.raises(ConfigError, match="needs the key '_target_'"):
        build_network(config, sizes)


@pytest.mark.parametrize("key", ["sizes", "class_counts", "n_classes", "Units"])
def test_unknown_keys_and_what_the_data_decide_are_refused(key, sizes):
    with pytest.raises(ConfigError, match=f"has no key '{key}'"):
        build_network({"_target_": "lcclassify.nn.dense.DenseNet", key: 1}, sizes)
    with pytest.raises(ConfigError, match=f"has no key '{key}'"):
        build_loss({"_target_": "lcclassify.nn.losses.FocalLoss", key: 1}, 3, [1, 2, 3])


@pytest.mark.parametrize("name", ["dense", "bigru"])
def test_the_networks_of_the_configuration_are_built(name, sizes, make_batch, compose_config):
    config = OmegaConf.to_container(compose_config(f"model={name}").model)
    assert config["name"] == name
    assert build_network(config["network"], sizes).eval()(make_batch()).shape == (9, 4)
