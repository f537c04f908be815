"""The default simulated survey with few fields, built once; sources as their files set them."""

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lcclassify.build import config_dir, instantiate
from lcclassify.cli import register_resolvers
from lcclassify.cosmology import distance_modulus
from lcclassify.simulation import passbands
from lcclassify.simulation.cadence import CadenceSettings
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.simulator import Simulator
from lcclassify.simulation.sources.base import Epochs

TRANSIENTS = (
    "sn_ia",
    "sn_91bg",
    "sn_iax",
    "sn_ibc",
    "sn_ii",
    "slsn",
    "tde",
    "kilonova",
    "ilot",
    "calcium_rich",
    "pair_instability",
)


def read_settings(name):
    return yaml.safe_load((config_dir() / f"population/{name}.yaml").read_text())


def read_kinds(name):
    """Settings of every thermal source of a class, by a label."""
    source = read_settings(name)["source"]
    if "sources" in source:
        return {f"{name}-{i}": kind for i, kind in enumerate(source["sources"], start=1)}
    return {name: source}


KINDS = {label: kind for name in TRANSIENTS for label, kind in read_kinds(name).items()}


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


@pytest.fixture(scope="session")
def span():
    """First and last MJD of the survey."""
    return (59580.0, 60675.0)


@pytest.fixture(scope="session")
def settings_of():
    """Settings of a population by its file's name."""
    return read_settings


@pytest.fixture(scope="session")
def source_of():
    """Source of a population by its file's name, or a kind of a mixture by its label."""
    return lambda name: instantiate(KINDS[name] if name in KINDS else read_settings(name)["source"])


@pytest.fixture(params=TRANSIENTS)
def transient(request, source_of):
    """The source of each class of transients."""
    return source_of(request.param)


@pytest.fixture(params=KINDS)
def kind_settings(request):
    """The settings of each thermal source; a class may mix several."""
    return KINDS[request.param]


@pytest.fixture
def kind(kind_settings):
    """Each thermal source."""
    return instantiate(kind_settings)


@pytest.fixture(scope="session")
def explosions(span):
    """Draw transients that peak at MJD 60000."""

    def draw(source, n, redshift=0.2, seed=5):
        drawn = dict(source.draw(Draws.of(seed, np.arange(n)), np.zeros(n) + redshift, span))
        drawn["peak_mjd"] = np.full(n, 60000.0)
        return drawn

    return draw


@pytest.fixture(scope="session")
def light_curves():
    """Fluxes `(n, phases, 6)` at rest-frame days from the peak."""

    def fluxes(source, parameters, phases):
        n, steps = len(parameters["redshift"]), len(phases)
        row = np.repeat(np.arange(n), steps * 6)
        days = np.tile(np.repeat(phases, 6), n) * (1 + parameters["redshift"][row])
        passband = np.tile(np.arange(6, dtype=np.uint8), n * steps)
        epochs = Epochs(row, parameters["peak_mjd"][row] + days, passband)
        return source.flux(parameters, epochs).reshape(n, steps, 6)

    return fluxes


@pytest.fixture(scope="session")
def absolute_peaks(explosions):
    """Magnitudes `(n, 6)` at 10 pc of near transients without extinction, and parameters."""

    def magnitudes(source, n=400):
        parameters = explosions(source, n, redshift=0.01)
        parameters["av"] = np.zeros(n)
        faintness = distance_modulus(np.array([0.01]))
        return passbands.magnitude_of(source.peak(parameters)) - faintness, parameters

    return magnitudes


@pytest.fixture(scope="session")
def drawn(span):
    """Draw objects; give their random numbers and parameters."""

    def draw(source, n, seed=1, redshift=0.0):
        draws = Draws.of(seed, np.arange(n))
        redshifts = np.full(n, redshift if not source.galactic else 0.0)
        if not source.galactic and not redshift:
            redshifts = draws.uniform("redshift", 0.2, 3.0)
        return draws, dict(source.draw(draws, redshifts, span))

    return draw


@pytest.fixture(scope="session")
def on_grid():
    """The same times `(V,)` or times by object `(n, V)`, in one passband."""

    def epochs(n, times, passband):
        mjd = np.broadcast_to(times, (n, times.shape[-1])).ravel()
        row = np.repeat(np.arange(n), times.shape[-1])
        return Epochs(row, mjd, np.full(len(row), passband, dtype=np.uint8))

    return epochs
