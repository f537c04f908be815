"""Small survey files in every format, written anew for each test."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

PROJECT = Path(__file__).resolve().parents[2]

SNANA = """SURVEY: DES
SNID:   {snid}
SNTYPE:  {sntype}
FILTERS: griz
MWEBV:   0.0227    MW E(B-V)
REDSHIFT_FINAL:   0.68574 +- 0.01930  (CMB)
REDSHIFT_SPEC:    0.11111 +- 0.00500

HOST_GALAXY_PHOTO-Z:   {photoz}  +- {photoz_err}

SIM_COMMENT:  SN Type = {sim_type} , MODEL = NUGENT2n
SIM_REDSHIFT:  0.6901

# TERSE LIGHT CURVE OUTPUT:
NOBS: 4
NVAR: 9
VARLIST:  MJD  FLT FIELD   FLUXCAL   FLUXCALERR   SNR    MAG     MAGERR  SIM_MAG
OBS:  56177.188  r NULL   3.761e+01   5.386e+00   6.98   23.562    0.168   23.604
OBS:  56177.172  g NULL   2.228e+01   4.823e+00   4.62   24.130    0.265   23.963
DETECTION:  6 MJDs satisfy g+r+i+z
OBS:  56179.234  z NULL  -2.791e+00   4.722e+00  -0.59   23.886    0.202   23.703
OBS:  56180.172  z NULL  -9.000e+00  -9.000e+00   1.00   99.000    5.000   99.000
END:
"""


def snana(snid: int = 7, sim_type: str = "Ia", **values: object) -> str:
    """Return a SNANA file of four observations, the last of them without a flux."""
    defaults = {"sntype": -9, "photoz": "0.6857", "photoz_err": "0.0193"}
    return SNANA.format(snid=snid, sim_type=sim_type, **{**defaults, **values})


def observations() -> pl.DataFrame:
    """Return a clean canonical-looking table of three objects in passbands u..y."""
    return pl.DataFrame(
        {
            "object_id": [615, 615, 615, 713, 713, 730],
            "mjd": [59750.4229, 59750.4306, 59751.5, 59752.1, 59753.2, 59760.0],
            "passband": [2, 1, 3, 0, 5, 4],
            "flux": [-544.810303, -816.434326, 10.5, 1.25, -3.0, 100.0],
            "flux_err": [3.622952, 5.55337, 2.0, 0.5, 1.0, 4.0],
            "detected": [1, 1, 0, 0, 0, 1],
        }
    )


def objects() -> pl.DataFrame:
    """Return the object table of `observations`, in Kaggle's columns."""
    return pl.DataFrame(
        {
            "object_id": [615, 713, 730],
            "ddf": [1, 0, 1],
            "hostgal_specz": [0.0, 1.8181, -9.0],
            "hostgal_photoz": [0.0, 1.6267, 0.2262],
            "hostgal_photoz_err": [0.0, 0.2552, 0.0157],
            "distmod": [float("nan"), 45.4063, 40.2561],
            "mwebv": [0.017, 0.007, 0.021],
            "target": [92, 88, 42],
        }
    )


@pytest.fixture
def plasticc_folder(tmp_path: Path) -> Path:
    """Return a folder with the training part in Kaggle's form."""
    folder = tmp_path / "plasticc"
    folder.mkdir()
    observations().write_csv(folder / "training_set.csv")
    objects().write_csv(folder / "training_set_metadata.csv")
    return folder


@pytest.fixture
def snphotcc_folder(tmp_path: Path) -> Path:
    """Return a folder of three SNANA files."""
    folder = tmp_path / "SIMGEN_PUBLIC_DES"
    folder.mkdir()
    for snid, sim_type, sntype in ((7, "Ia", 1), (12, "IIn", -9), (100, "Ibc", -9)):
        file = folder / f"DES_SN{snid:06d}.DAT"
        file.write_text(snana(snid, sim_type, sntype=sntype))
    return folder


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real data, or skip."""
    folder = Path(os.environ.get("LCCLASSIFY_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real survey data are absent: set LCCLASSIFY_TEST_DATA to their folder")
    return folder


@pytest.fixture
def conf() -> Path:
    """Return the folder of the survey configurations."""
    return PROJECT / "conf" / "survey"
