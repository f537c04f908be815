"""Ids that came as floating-point numbers, at every door: the integers, or refused."""

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.schema import Passbands
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.table import TableSurvey

LARGE = [169830580431093821 + k for k in range(8)]  # one number as floats
SMALL = [600 + k for k in range(8)]


def tables(ids):
    rows = [k for k in range(len(ids)) for _ in range(4)]
    observations = pl.DataFrame(
        {
            "object_id": [float(ids[k]) for k in rows],
            "mjd": [59000.0 + n for n in range(len(rows))],
            "passband": ["g", "r"] * (len(rows) // 2),
            "flux": [float(n % 7) for n in range(len(rows))],
            "flux_err": [1.0] * len(rows),
        }
    )
    labels = ["A", "B"] * (len(ids) // 2)
    return observations, pl.DataFrame({"object_id": ids, "label": labels})


def write(table, path):
    if path.suffix == ".csv":
        table.write_csv(path, float_scientific=bool((table["object_id"] > 1e6).any()))
    else:
        table.write_parquet(path)


@pytest.fixture(params=["csv", "parquet"])
def survey_of(request, tmp_path):
    """Return a function that writes tables and describes them; the object table has integers."""

    def made(ids, with_objects=True, **options):
        observations, objects = tables(ids)
        write(observations, tmp_path / f"observations.{request.param}")
        objects.write_csv(tmp_path / "objects.csv")
        return TableSurvey(
            observations=f"observations.{request.param}",
            objects="objects.csv" if with_objects else None,
            root=tmp_path,
            passbands=["g", "r"],
            columns={"label": "label"} if with_objects else {},
            **options,
        )

    return made


DOORS = {
    "read": lambda survey: survey.read(labels=False).light_curves.objects,
    "stop": lambda survey: _chunked(survey, "stop"),
    "quarantine": lambda survey: _chunked(survey, "quarantine"),
}


def _chunked(survey, on_error):
    chunks = survey.chunks(labels=False, rows=9, on_error=on_error)
    parts = [chunks.read(k) for k in range(len(chunks))]
    assert sum(len(part.rejects) for part in parts) == 0
    return pl.concat(part.light_curves.objects for part in parts)


@pytest.mark.parametrize("with_objects", [True, False])
@pytest.mark.parametrize("door", DOORS)
def test_whole_floats_are_the_integers(door, with_objects, survey_of):
    objects = DOORS[door](survey_of(SMALL, with_objects))
    assert objects["object_id"].to_list() == SMALL


@pytest.mark.parametrize("id_type", ["auto", "integer"])
@pytest.mark.parametrize("with_objects", [True, False])
@pytest.mark.parametrize("door", ["read", "stop"])
def test_floats_that_lost_digits_are_refused(door, with_objects, id_type, survey_of):
    with pytest.raises(DataError, match=r"object_id.*lost digits.*integers or strings"):
        DOORS[door](survey_of(LARGE, with_objects, id_type=id_type))


def test_frames():
    observations, objects = tables(SMALL)
    curves, _ = canonicalise(observations, objects, Passbands(("g", "r")))
    assert curves.objects["object_id"].to_list() == SMALL
    observations, _ = tables(LARGE)
    with pytest.raises(DataError, match=r"observation table holds floating.*lost digits"):
        canonicalise(observations, None, Passbands(("g", "r")))
