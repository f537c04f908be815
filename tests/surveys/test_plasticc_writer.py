import gzip

import polars as pl
import pytest

from lcclassify.errors import ConfigError
from lcclassify.simulation.tables import Chunk
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.plasticc_writer import FORMATS, NAMINGS, PlasticcWriter


def chunk(ids):
    """Two observations an object; the first object is of class 991, in the Galaxy."""
    n = len(ids)
    observations = pl.DataFrame(
        {
            "object_id": [i for i in ids for _ in range(2)],
            "mjd": [59580.1234, 59600.5] * n,
            "passband": pl.Series([0, 5] * n, dtype=pl.UInt8),
            "flux": [-1.234567, 0.1] * n,
            "flux_err": [0.654321, 2.0] * n,
            "detected": pl.Series([0, 1] * n, dtype=pl.UInt8),
        }
    )
    galactic = [i == ids[0] for i in ids]
    objects = pl.DataFrame(
        {
            "object_id": ids,
            "ra": [1.5] * n,
            "decl": [-30.25] * n,
            "gal_l": [10.0] * n,
            "gal_b": [-60.0] * n,
            "ddf": [0] * n,
            "hostgal_specz": pl.Series([0.0 if g else None for g in galactic], dtype=pl.Float64),
            "hostgal_photoz": [0.0 if g else 0.4321 for g in galactic],
            "hostgal_photoz_err": [0.0 if g else 0.02 for g in galactic],
            "distmod": pl.Series([None if g else 41.5 for g in galactic], dtype=pl.Float64),
            "mwebv": [0.017] * n,
        }
    )
    truth = pl.DataFrame(
        {
            "object_id": ids,
            "true_target": [991 if g else 90 for g in galactic],
            "true_z": [0.0 if g else 0.44 for g in galactic],
            "tflux_u": [1.0] * n,
        }
    )
    return Chunk(observations, objects, truth, observations["flux"].to_numpy())


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("per_file", [2, 100])
def test_what_is_written_is_read_back(tmp_path, naming, form, part, per_file):
    ids = [3, 1, 1_000_000_000, 8, 9]
    with PlasticcWriter(tmp_path, part, naming, form, len(ids), per_file) as writer:
        writer.write(chunk(ids[:3]))
        writer.write(chunk(ids[3:]))
    data = PlasticcSurvey(tmp_path, part=part).read()
    curves, made = (
        data.light_curves,
        pl.concat([chunk(ids[:3]).observations, chunk(ids[3:]).observations]),
    )
    assert data.report.sentences() == []
    expected = made.sort("object_id", "mjd")
    for name in ("object_id", "mjd", "flux", "flux_err", "passband"):
        assert curves.observations[name].to_list() == expected[name].to_list()
    assert (
        curves.observations["detected"].cast(pl.Int64).to_list() == expected["detected"].to_list()
    )
    known = part == "train" or naming == "zenodo"
    labels = dict(curves.objects.select("object_id", "label").iter_rows())
    assert labels == {i: ("99" if i in (3, 8) else "90") if known else None for i in ids}
    assert dict(curves.objects.select("object_id", "distmod").iter_rows()) == {
        i: None if i in (3, 8) else 41.5 for i in ids
    }
    several = [f for f in tmp_path.iterdir() if "metadata" not in f.name and "truth" not in f.name]
    assert len(several) == (3 if per_file == 2 else 1)


def test_kaggle_test_files_hold_no_truth_but_beside_them(tmp_path):
    with PlasticcWriter(tmp_path, "test", "kaggle", "csv.gz", 2) as writer:
        writer.write(chunk([1, 2]))
    header = gzip.decompress((tmp_path / "test_set_metadata.csv.gz").read_bytes()).decode()
    assert "target" not in header
    assert "true" not in header
    assert header.startswith("object_id,ra,decl")
    truth = pl.read_csv(tmp_path / "truth_test_set.csv.gz")
    assert truth["true_target"].to_list() == [991, 90]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trial", "kaggle", "csv", 1), "part"),
        (("test", "kagle", "csv", 1), "naming"),
        (("test", "kaggle", "fits", 1), "format"),
        (("test", "kaggle", "csv", 1, 0), "objects_per_file"),
    ],
)
def test_unknown_choices_are_refused(tmp_path, arguments, words):
    with pytest.raises(ConfigError, match=words):
        PlasticcWriter(tmp_path, *arguments)
