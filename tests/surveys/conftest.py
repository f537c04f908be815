"""Small survey files in every format, written anew for each test."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lcclassify.surveys.base import Survey
from lcclassify.surveys.chunks import Chunk, SurveyChunks, SurveyData
from lcclassify.surveys.plasticc import PlasticcSurvey

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


def _snana_pair(
    folder: Path,
    name: str,
    head: dict[str, Any],
    curves: list[list[tuple[float, str, float, float]]],
    *,
    ends: bool = True,
    suffix: str = "FITS",
    **further: Any,
) -> None:
    """Write light curves of (MJD, band, flux, error) as SNANA does, big-endian and padded.

    A light curve is followed by a row of -777 where `ends` is true; `further` are columns of
    the observations without these rows, or other names of the usual ones.
    """
    from astropy.table import Table

    folder.mkdir(exist_ok=True)
    band = further.pop("band", "BAND")
    rows, first, position = [], [], 0
    for curve in curves:
        first.append(position + 1)
        rows += curve + [(-777.0, "-", -777.0, -777.0)] * ends
        position = len(rows)
    counts = np.array([len(curve) for curve in curves])
    table = {
        "NOBS": counts,
        "PTROBS_MIN": first,
        "PTROBS_MAX": np.array(first) + counts - 1,
        **head,
    }
    kinds = {"i": ">i4", "f": ">f4", "U": "S16"}
    columns = {key: np.array(values) for key, values in table.items()}
    columns = {key: values.astype(kinds[values.dtype.kind]) for key, values in columns.items()}
    Table(columns).write(folder / f"{name}_HEAD.{suffix}", format="fits")
    mjd, bands, flux, error = (np.array(values) for values in zip(*rows, strict=True))
    phot = {
        "MJD": mjd.astype(">f8"),
        band: np.array([f"{word}  " for word in bands], dtype="S20"),
        "FLUXCAL": flux.astype(">f4"),
        "FLUXCALERR": error.astype(">f4"),
    }
    for key, values in further.items():
        whole = np.zeros(len(rows), ">i4")
        whole[mjd != -777] = values
        phot[key] = whole
    Table(phot).write(folder / f"{name}_PHOT.{suffix}", format="fits")


@pytest.fixture(scope="session")
def snana_pair() -> Any:
    """Return what writes light curves as a HEAD and a PHOT file."""
    return _snana_pair


@pytest.fixture
def snana_folder(tmp_path: Path) -> Path:
    """Return the folder of a version of two pairs: three objects with ids in text, in griz."""
    folder = tmp_path / "SDSS_allCandidates+BOSS"
    keys = {"HOSTGAL_PHOTOZ": [0.5, -9.0], "HOSTGAL_PHOTOZ_ERR": [0.1, -9.0], "MWEBV": [0.02, 0.03]}
    keys |= {"REDSHIFT_HELIO": [0.4, 0.1], "SNTYPE": [120, 113]}
    curves = [
        [(57000.5, "g", 10.0, 1.0), (57001.5, "SDSS-r", -3.5, 1.5)],
        [(57010.25, "i", 20.0, 2.0), (57010.25, "z", 5.0, -9.0), (57013.5, "g", 8.0, 1.0)],
    ]
    _snana_pair(folder, f"{folder.name}-0001", {"SNID": ["2005aa", "17"], **keys}, curves)
    other = {key: values[1:] for key, values in keys.items()} | {"SNTYPE": [1]}
    _snana_pair(
        folder, f"{folder.name}-0002", {"SNID": ["x"], **other}, curves[1:], suffix="fits.gz"
    )
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


# --- surveys of many rows, to be cut into chunks -------------------------------------


def _light_curves(counts: list[int], seed: int = 0) -> pl.DataFrame:
    """Return objects of so many observations each, some of them unusable or repeated."""
    generator = np.random.default_rng(seed)
    total = sum(counts)
    rows = pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(len(counts)) * 7 + 5, counts),
            "mjd": generator.integers(0, 4000, total) / 8 + 59000,
            "passband": generator.integers(0, 6, total),
            "flux": generator.normal(0, 50, total),
            "flux_err": generator.uniform(1, 2, total),
            "detected": generator.integers(0, 2, total),
        }
    )
    odd = pl.int_range(pl.len())
    return rows.with_columns(
        pl.when(odd % 11 == 3).then(None).otherwise("flux").alias("flux"),
        pl.when(odd % 13 == 5).then(0.0).otherwise("flux_err").alias("flux_err"),
    )


def _metadata(rows: pl.DataFrame, absent: int = 1) -> pl.DataFrame:
    """Return an object table that lacks some objects and has one too many."""
    ids = rows["object_id"].unique().sort()
    ids = pl.concat([ids[: len(ids) - absent], pl.Series([10**9], dtype=ids.dtype)])
    return pl.DataFrame(
        {
            "object_id": ids,
            "hostgal_photoz": 0.5,
            "hostgal_photoz_err": -9.0,
            "distmod": 40.0,
            "mwebv": 0.1,
            "target": 90,
        }
    )


def _write(rows: pl.DataFrame, path: Path, form: str) -> None:
    if form == "parquet":
        rows.write_parquet(path, row_group_size=7)
    elif form == "one_group":
        rows.write_parquet(path, row_group_size=10**9)
    else:
        text = rows.write_csv()
        if form == "crlf":
            text = text.replace("\n", "\r\n")
        elif form == "unended":
            text = text.rstrip("\n")
        elif form == "bom":
            text = "\ufeff" + text
        data = text.encode()
        path.write_bytes(gzip.compress(data) if form == "csv.gz" else data)


def _plasticc(folder: Path, rows: pl.DataFrame, files: int, form: str, absent: int = 1) -> Survey:
    """Write rows to files of unequal length, one of them empty if there are many."""
    suffix = "parquet" if form in ("parquet", "one_group") else form if "gz" in form else "csv"
    cuts = np.linspace(0, len(rows), files + 1).astype(int)
    if files > 2:
        cuts[1] = cuts[2]
    for number in range(files):
        part = rows[int(cuts[number]) : int(cuts[number + 1])]
        _write(part, folder / f"test_set_batch{number}.{suffix}", form)
    _metadata(rows, absent).write_csv(folder / "test_set_metadata.csv")
    return PlasticcSurvey(folder, part="test")


def _read_all(chunks: SurveyChunks) -> list[Chunk]:
    # Backwards, so that nothing depends on what was read before.
    return [chunks.read(index) for index in reversed(range(len(chunks)))][::-1]


def _check_same(chunks: SurveyChunks, whole: SurveyData, *, ordered: bool = True) -> list[Chunk]:
    """Check that chunks are disjoint and together what was read at once."""
    parts = _read_all(chunks)
    observations = pl.concat([part.light_curves.observations for part in parts])
    objects = pl.concat([part.light_curves.objects for part in parts])
    if not ordered:
        observations = observations.sort(observations.columns)
        objects = objects.sort("object_id")
        expected = whole.light_curves.observations.sort(observations.columns)
    else:
        expected = whole.light_curves.observations
    assert_frame_equal(observations, expected)
    seen = whole.light_curves.objects.filter(
        pl.col("object_id").is_in(expected["object_id"].unique().implode())
    )
    assert_frame_equal(objects, seen)
    for part in parts:
        rows = part.light_curves.observations
        assert rows["object_id"].unique().sort().equals(part.light_curves.objects["object_id"])
        assert part.report.rows_kept == rows.height
        assert not part.rejects.height
    reports = [part.report for part in parts]
    for name in ("rows_read", "nan_flux", "bad_flux_err", "bad_mjd", "duplicates", "orphan_rows"):
        assert sum(getattr(report, name) for report in reports) == getattr(whole.report, name)
    orphans = pl.concat([report.orphan_ids for report in reports]).sort()
    assert orphans.to_list() == whole.report.orphan_ids.to_list()
    assert chunks.count_rows() in (None, whole.report.rows_read)
    if chunks.objects is not None:
        assert_frame_equal(chunks.objects, whole.light_curves.objects)
    assert chunks.taxonomy == whole.taxonomy
    assert chunks.zeropoint == whole.zeropoint
    return parts


@pytest.fixture(scope="session")
def light_curves() -> Any:
    """Return what makes light curves of so many observations each."""
    return _light_curves


@pytest.fixture(scope="session")
def metadata() -> Any:
    """Return what makes the object table of some light curves."""
    return _metadata


@pytest.fixture(scope="session")
def plasticc() -> Any:
    """Return what writes light curves to files and gives the survey of them."""
    return _plasticc


@pytest.fixture(scope="session")
def read_all() -> Any:
    """Return what reads all chunks of a survey."""
    return _read_all


@pytest.fixture(scope="session")
def check_same() -> Any:
    """Return what checks that chunks are together what is read at once."""
    return _check_same


# --- a table of one's own --------------------------------------------------------------


@pytest.fixture(name="rows")
def rows_of_a_table() -> pl.DataFrame:
    """Return observations of six objects, some without a flux."""
    generator = np.random.default_rng(4)
    counts = [7, 1, 30, 4, 60, 2]
    n = sum(counts)
    return pl.DataFrame(
        {
            "object_id": np.repeat([11, 7, 300, 4, 90, 2**60 + 1], counts),
            "mjd": 59000 + generator.integers(0, 4000, n) / 8,
            "passband": generator.choice(["g", "r", "i"], n),
            "flux": np.where(np.arange(n) % 11 == 3, np.nan, generator.normal(0, 50, n)),
            "flux_err": generator.uniform(1, 2, n),
        }
    )


@pytest.fixture(name="objects")
def objects_of_a_table(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the object table of `rows`."""
    ids = rows["object_id"].unique(maintain_order=True)
    return pl.DataFrame({"object_id": ids, "kind": ["A", "B"] * 3, "z": [0.5, None] * 3})
