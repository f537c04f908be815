"""What `--help` shows."""

import pytest
import yaml

from lcclassify.build import config_dir
from lcclassify.help_text import help_text, is_asked_for
from lcclassify.verbs import VERBS


@pytest.mark.parametrize("command", list(VERBS))
def test_settings_are_those_of_the_file(command):
    shown = help_text(command, f"lcclassify {command}")
    _, _, settings = shown.partition("Settings, as key=value, with what they are by default:\n\n")
    settings, _, more = settings.partition(f"\n\nlcclassify {command} --cfg job")
    content = yaml.safe_load((config_dir() / f"{command}.yaml").read_text())
    expected = {key: content[key] for key in content if key not in ("defaults", "hydra")}
    assert yaml.safe_load(settings) == expected
    assert more
    assert max(map(len, shown.splitlines())) <= 120


def test_choices():
    shown = help_text("train", "python train.py")
    assert "\n  augment         early, gp, light, none\n" in shown
    groups, _, inner = shown.partition("Choices inside those")
    listed = {line.split()[0] for line in groups.splitlines() if line.startswith("  ")}
    assert {"survey", "model", "experiment", "search", "trainer"} <= listed
    for name in ("loss", "optimizer", "head", "population", "cadence", "redshift"):
        assert f"\n  {name} " in inner
        assert name not in listed
    for survey in (config_dir() / "survey").glob("*.yaml"):
        assert survey.stem in groups


def test_groups_of_other_commands_are_not_listed():
    shown = help_text("predict", "python predict.py")
    assert "\n  engine " in shown
    assert "\n  model " not in shown
    assert "\n  loss " not in shown
    assert "Choices" not in help_text("report", "lcclassify report")


def test_other_configurations_have_the_help_of_hydra(tmp_path):
    assert is_asked_for(["seed=1", "--help"])
    assert is_asked_for(["-h"])
    assert not is_asked_for(["--hydra-help"])
    assert not is_asked_for(["--config-dir", str(tmp_path), "--help"])
    assert not is_asked_for(["--config-name=other", "-h"])
    assert not is_asked_for(["help=1"])
