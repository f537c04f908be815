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


def listed(text):
    """Return the choices of each group in lines of the help."""
    found, name = {}, None
    for line in filter(None, text.splitlines()):
        words = line.replace(",", " ").split()
        if line[2] != " ":  # the next group, and not a line with more of its choices
            name = words.pop(0)
        found.setdefault(name, []).extend(words)
    return found


def test_choices():
    shown = help_text("train", "python train.py")
    _, _, shown = shown.partition("Choices, as group=choice:\n")
    groups, _, shown = shown.partition("Choices inside those, as group@place=choice:\n")
    inner, _, _ = shown.partition("Settings, ")
    outer, inner = listed(groups), listed(inner)
    assert {"survey", "model", "experiment", "search", "trainer"} <= set(outer)
    assert {"loss", "optimizer", "head", "population", "cadence", "redshift"} <= set(inner)
    assert not set(outer) & set(inner)
    for group, choices in {**outer, **inner}.items():
        assert choices == sorted(file.stem for file in (config_dir() / group).glob("*.yaml"))


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
