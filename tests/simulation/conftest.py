"""The default simulated survey with few fields, built once."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lcclassify.build import config_dir, instantiate
from lcclassify.cli import register_resolvers
from lcclassify.simulation.cadence import CadenceSettings
from lcclassify.simulation.simulator import Simulator


@pytest.fixture(scope="session")
def make_survey():
    """Return the survey of conf/survey/simulated.yaml with overrides."""

    def make(*words):
        register_resolvers()
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = compose("train", overrides=["survey=simulated", *words])
        return instantiate(config.survey)

    return make


@pytest.fixture(scope="session")
def populations(make_survey):
    """The populations of all classes."""
    return make_survey().classes


@pytest.fixture(scope="session")
def small_cadence():
    return CadenceSettings(wfd_fields=300, ddf_fields=20)


@pytest.fixture(scope="session")
def simulator(populations, small_cadence):
    return Simulator(populations, small_cadence, seed=5)
