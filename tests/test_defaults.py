"""What a class takes without being told is what the configuration says."""

import importlib
import inspect

import yaml

from lcclassify.build import config_dir

# In Python a part of something else, or what leaves all as it is.
OTHERS = {
    "lcclassify.augment.light.Truncate": {"probability", "days"},
    "lcclassify.nn.stack.LinearStackingHead": {"form"},
    "lcclassify.simulation.sources.interaction.InteractingTransient": {"luminosity_scatter"},
    "lcclassify.simulation.sources.radioactive.RadioactiveTransient": {
        "floor", "nickel_scatter", "correlation",
    },
    "lcclassify.simulation.sources.stars.Stars": {"trend"},
    "lcclassify.surveys.snana.SnanaSurvey": {"missing"},
}  # fmt: skip


def settings(node):
    """Yield what nested settings say of classes of this package: class, name, value."""
    if isinstance(node, dict):
        target = str(node.get("_target_"))
        if target.startswith("lcclassify."):
            yield from ((target, name, value) for name, value in node.items())
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from settings(part)


def plain(value):
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def test_defaults_are_those_of_a_file_of_the_configuration():
    said = {}
    for path in config_dir().rglob("*.yaml"):
        for target, name, value in settings(yaml.safe_load(path.read_text("utf-8"))):
            said.setdefault(target, {}).setdefault(name, []).append(value)
    checked = 0
    for target, values in said.items():
        module, _, name = target.rpartition(".")
        parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        for key, parameter in parameters.items():
            default = plain(parameter.default)
            # None and dictionaries mean that something is left out.
            if key not in values or not isinstance(default, bool | int | float | str | list):
                continue
            if key not in OTHERS.get(target, ()):
                assert default in values[key], f"{target}: {key}"
                checked += 1
    assert checked > 200
