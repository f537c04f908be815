"""From configuration to objects, with one sentence where that fails."""

import pytest
from omegaconf import OmegaConf

from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.errors import ConfigError
from lcclassify.training.settings import Schedule


def test_the_configuration_is_found():
    assert (config_dir() / "train.yaml").is_file()
    assert (config_dir() / "predict.yaml").is_file()


def test_plain_values():
    config = OmegaConf.create({"a": {"b": [1, 2]}, "c": "${a.b}", 3: None})
    assert to_plain(config) == {"a": {"b": [1, 2]}, "c": [1, 2], "3": None}


@pytest.mark.parametrize(
    ("config", "word"),
    [({"a": "???"}, "a"), ({"a": "${nowhere}"}, "nowhere"), ({"a": "${unknown:1}"}, "unknown")],
)
def test_incomplete_configurations(config, word):
    with pytest.raises(ConfigError, match=f"the configuration is incomplete: .*{word}") as caught:
        to_plain(OmegaConf.create(config))
    assert "\n" not in str(caught.value)


def test_a_list_is_no_configuration():
    with pytest.raises(ConfigError, match="expected a mapping"):
        to_plain(OmegaConf.create([1]))


def test_an_object_is_built():
    target = "lcclassify.training.settings.Schedule"
    assert instantiate({"_target_": target, "kind": "cosine"}) == Schedule("cosine")
    assert instantiate({"_target_": target}, "cosine", warmup=0.5) == Schedule("cosine", 0.5)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"kind": "cosine"}, "without _target_ cannot be built"),
        ({"_target_": "lcclassify.nowhere.Thing"}, r"lcclassify\.nowhere\.Thing cannot be built"),
        ({"_target_": "torch.optim.Adamm"}, r"torch\.optim\.Adamm cannot be built"),
        ({"_target_": "lcclassify.training.settings.Schedule", "kin": 1}, "'kin'"),
        # The class's own sentence, as it is.
        (
            {"_target_": "lcclassify.training.settings.Schedule", "kind": "cos"},
            r"^fit\.schedule\.kind is 'cos': did you mean 'cosine'\?",
        ),
    ],
)
def test_what_cannot_be_built(config, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        instantiate(config)
    assert "\n" not in str(caught.value)
