"""Gives the same YAML text a copy of what it was parsed to the first time.

A configuration is composed of dozens of files, most of them the same in hundreds of tests. The
fork server imports this module last, `conftest.py` runs it for the tests' own process.
"""

import pickle
from pathlib import Path

import hydra
from omegaconf import OmegaConf

from lcclassify.build import config_dir

parse, parsed = OmegaConf.load, {}


def load(file):
    if not hasattr(file, "read"):
        return parse(file)
    text = file.read()
    if text not in parsed:
        file.seek(0)  # parsed by its name, which errors tell
        parsed[text] = pickle.dumps(parse(file))
    return pickle.loads(parsed[text])


OmegaConf.load = staticmethod(load)

for folder in (config_dir(), Path(hydra.__file__).parent / "conf"):
    for path in folder.rglob("*.yaml"):
        with open(path, encoding="utf-8") as file:
            load(file)
