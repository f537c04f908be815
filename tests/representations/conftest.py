"""Light curves of every kind a survey may hold, and the peer they are compared with."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lcclassify.schema import LightCurves, Passbands
from lcclassify.surveys.canonical import canonicalise

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data"))
METADATA = ("hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv")
NAMES = {1: "r", 2: "gr", 4: "griz", 6: "ugrizy", 7: "ugrizyw"}
AUTHORS_RANGE = (-1596742.6487144697, 2751626.3243459687)

# How many observations of an object are detections: a number, or a share of them.
DETECTIONS = (0, 1, 2, 3, 1.0, 0.3)


def _times(kind, rng):
    """Return times rounded to four decimals, as PLAsTiCC has them."""
    if kind == "single":
        times = [59580.5]
    elif kind == "wide":  # a night or two a week, a few visits a night
        nights = np.sort(rng.choice(1000, rng.integers(2, 120), replace=False))
        times = np.concatenate([n + 0.1 + rng.uniform(0, 0.2, rng.integers(1, 5)) for n in nights])
    elif kind == "deep":  # up to 450 nights and 1,200 observations, several a passband
        nights = np.sort(rng.choice(1000, rng.integers(200, 450), replace=False))
        visits = rng.uniform(0, 0.3, (len(nights), 1200 // len(nights)))
        times = (nights[:, None] + visits).ravel()
    elif kind == "continuous":  # no gap as long as a night for days on end
        times = np.cumsum(rng.uniform(0.001, 0.2, rng.integers(50, 250)))
    elif kind == "boundary":  # one visit exactly 0.33 days after the first, one just beyond
        nights = np.arange(1, 25) * 2 + rng.integers(0, 5000, 24) / 1e4
        times = (nights[:, None] + np.array([0, 0.1, 0.33, 0.3301])).ravel()
    else:  # "simultaneous": all passbands at one time, twice a night
        nights = np.sort(rng.choice(300, 20, replace=False))
        times = np.repeat(np.concatenate([nights + 0.2, nights + 0.3]), 6)
    return np.round(59580 + np.asarray(times, dtype=float), 4)


KINDS = ("single", "wide", "continuous", "boundary", "simultaneous", "wide", "wide", "wide")


def make_survey(n_objects, n_bands=6, seed=0, n_deep=3):
    """Return pandas tables in Kaggle's form, rows shuffled; some objects of every kind."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n_objects):
        mjd = _times("deep" if number < n_deep else KINDS[number % len(KINDS)], rng)
        bands = rng.choice(n_bands, rng.integers(1, n_bands + 1), replace=False)
        size = 10.0 ** rng.uniform(0, 6.5)
        flux = size * rng.normal(rng.choice([-0.5, 0.0, 1.0]), 1, len(mjd))
        flux_err = size * rng.lognormal(-1.5, 0.8, len(mjd))
        if number % 5 == 1:  # errors with many ties, such as a survey's noise floor
            flux_err = np.round(flux_err / size, 1) * size + 0.1 * size
        if number % 11 == 7:  # a constant error, and no light at all
            flux_err, flux = np.full(len(mjd), 0.1), np.zeros(len(mjd))
        share = DETECTIONS[number % len(DETECTIONS)]
        count = share if isinstance(share, int) else round(share * len(mjd))
        detected = np.zeros(len(mjd), dtype=int)
        detected[rng.permutation(len(mjd))[:count]] = 1
        rows.append(
            pd.DataFrame(
                {
                    "object_id": 1000 + 7 * number,
                    "mjd": mjd,
                    "passband": rng.choice(bands, len(mjd)),
                    "flux": flux,
                    "flux_err": flux_err,
                    "detected": detected,
                }
            )
        )
    observations = pd.concat(rows).drop_duplicates().sample(frac=1, random_state=seed)
    ids = 1000 + 7 * np.arange(n_objects)
    objects = pd.DataFrame(
        {
            "object_id": ids,
            "hostgal_photoz": rng.uniform(0, 2, n_objects),
            "hostgal_photoz_err": rng.uniform(0, 0.5, n_objects),
            "distmod": np.where(
                rng.random(n_objects) < 0.2, np.nan, rng.uniform(35, 46, n_objects)
            ),
            "mwebv": rng.uniform(0, 0.3, n_objects),
        }
    )
    return observations.reset_index(drop=True), objects


def canonical(observations, objects, n_bands=6):
    """Return canonical light curves of pandas or Polars tables."""
    observations = pl.DataFrame(observations)
    objects = None if objects is None else pl.DataFrame(objects)
    metadata = () if objects is None else tuple(c for c in objects.columns if c in METADATA)
    curves, _ = canonicalise(
        observations, objects, Passbands(tuple(NAMES[n_bands])), metadata=metadata
    )
    return curves


def scaled(curves, factor):
    observations = curves.observations.with_columns(pl.col("flux", "flux_err") * factor)
    return LightCurves(observations, curves.objects, curves.passbands)


@pytest.fixture(scope="session")
def peer():
    """Return the module of the plain implementation."""
    spec = importlib.util.spec_from_file_location("peer", Path(__file__).with_name("peer.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def survey():
    """Return a function that makes pandas tables of a survey (`make_survey`)."""
    return make_survey


@pytest.fixture(scope="session")
def curves_of():
    """Return a function that makes light curves of tables (`canonical`)."""
    return canonical


@pytest.fixture(scope="session")
def scale_flux():
    """Return a function that multiplies flux and flux_err (`scaled`)."""
    return scaled


@pytest.fixture(scope="session")
def sample10():
    """Return the ten real PLAsTiCC objects as pandas tables, fluxes scaled as the golden's."""
    folder = DATA / "plasticc"
    if not folder.is_dir():
        pytest.skip(f"the shared test data are not in {DATA} (see LCCLASSIFY_TEST_DATA)")
    observations = pd.read_csv(folder / "sample10_training_set.csv")
    factor = 1 / np.log2(AUTHORS_RANGE[1] - AUTHORS_RANGE[0])
    observations[["flux", "flux_err"]] *= factor
    objects = pd.read_csv(folder / "sample10_training_set_metadata.csv")
    return observations, objects[["object_id", *METADATA]]


@pytest.fixture(scope="session")
def golden():
    """Return the folder of golden values."""
    folder = DATA.parent / "golden"
    if not folder.is_dir():
        pytest.skip(f"the golden values are not in {folder} (see LCCLASSIFY_TEST_DATA)")
    return folder
