"""A file that cannot be read ends it, or is left out and told of; the others lose nothing."""

import pickle

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.table import TableSurvey

BANDS = ("g", "r")
NAMES = ("a", "b", "c", "d")
BAD = {
    "empty": b"",
    "another file": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "without a column": b"time,band\n1,2\n",
    "half a Parquet file": b"PAR1" + bytes(50),
    "a broken archive": b"\x1f\x8b\x08" + bytes(20),
}


def table(name, labels=False):
    n = 6
    columns = {
        "object_id": [name] * n,
        "mjd": np.arange(n, dtype=np.float64),
        "passband": ["g", "r"] * 3,
        "flux": np.arange(n, dtype=np.float64),
        "flux_err": np.ones(n),
    }
    return pl.DataFrame(columns | ({"type": ["Ia" if name < "c" else "II"] * n} if labels else {}))


def write(folder, kind, labels=False):
    for name in NAMES:
        frame = table(name, labels)
        if kind == "parquet":
            frame.write_parquet(folder / f"{name}.parquet")
        else:
            frame.write_csv(folder / f"{name}.csv")


@pytest.fixture(params=["ids in rows", "ids in names", "labels in rows", "object table"])
def survey(request, tmp_path):
    """Return a survey of one file an object, in one of two formats."""

    def made(kind):
        write(tmp_path, kind, labels=request.param == "labels in rows")
        stem = "{object_id}" if request.param == "ids in names" else "?"
        options = {}
        if request.param == "labels in rows":
            options["columns"] = {"label": "type"}
        if request.param == "object table":
            pl.DataFrame({"object_id": NAMES}).write_csv(tmp_path / "objects.txt")
            options["objects"] = "objects.txt"
        return TableSurvey(f"{stem}.{kind}", BANDS, root=tmp_path, **options)

    return made


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("bad", BAD)
def test_one_of_many(survey, tmp_path, kind, bad):
    found = survey(kind)
    (path,) = tmp_path.glob(f"b.{kind}")
    path.write_bytes(BAD[bad])
    with pytest.raises(DataError, match=rf"b\.{kind}"):
        found.read()
    chunks = pickle.loads(pickle.dumps(found.chunks(rows=6, on_error="quarantine")))
    parts = [chunks.read(index) for index in range(len(chunks))]
    curves = pl.concat([part.light_curves.observations for part in parts])
    assert curves["object_id"].unique(maintain_order=True).to_list() == ["a", "c", "d"]
    assert len(curves) == 18
    rejects = pl.concat([part.rejects for part in parts])
    assert rejects.select("file", "rows", "line", "row").rows() == [(str(path), 0, None, None)]
    assert path.name in rejects["reason"][0]
    told = " ".join(parts[0].report.messages)
    assert "1 file of observations cannot be read and is left out: " in told
    assert path.name in told
    assert not any("cannot be read" in line for part in parts[1:] for line in part.report.messages)
    assert chunks.taxonomy.classes == (("II", "Ia") if found.columns["label"] else ())
    # The same again where the rows of an object may be apart.
    apart = chunks.regrouped(tmp_path / "apart")
    rejects = pl.concat([apart.read(index).rejects for index in range(len(apart))])
    assert rejects["file"].to_list() == [str(path)]


def test_an_object_of_a_file_that_cannot_be_read_is_told_of(tmp_path):
    write(tmp_path, "csv")
    (tmp_path / "b.csv").write_bytes(b"")
    (tmp_path / "d.csv").write_bytes(b"")
    found = TableSurvey("{object_id}.csv", BANDS, root=tmp_path).chunks(on_error="quarantine")
    assert found.objects["object_id"].to_list() == list(NAMES)
    part = found.read(0)
    assert len(part.rejects) == 2
    assert "2 files of observations cannot be read" in " ".join(part.report.messages)


def test_where_none_can_be_read_it_is_an_error(survey, tmp_path):
    found = survey("csv")
    for name in NAMES:
        (tmp_path / f"{name}.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.csv is empty"):
        found.chunks(on_error="quarantine")


def test_lists_a_row_an_object(tmp_path):
    for name in NAMES:
        lists = table(name).group_by("object_id").agg(pl.all())
        lists.write_parquet(tmp_path / f"{name}.parquet")
    (tmp_path / "a.parquet").write_bytes(BAD["half a Parquet file"])
    found = TableSurvey("?.parquet", BANDS, root=tmp_path)
    with pytest.raises(DataError, match=r"a\.parquet"):
        found.read()
    chunks = found.chunks(on_error="quarantine")
    assert chunks.objects["object_id"].to_list() == ["b", "c", "d"]
    assert chunks.read(0).rejects["rows"].to_list() == [0]


def test_a_batch_of_plasticc(tmp_path):
    pl.DataFrame({"object_id": [1, 2], "mwebv": 0.1}).write_csv(tmp_path / "meta.csv")
    for number, name in ((1, "one.csv"), (2, "two.csv")):
        rows = {"object_id": number, "mjd": [1.0, 2.0], "passband": 1, "flux": 1.0}
        pl.DataFrame(rows | {"flux_err": 1.0, "detected": 1}).write_csv(tmp_path / name)
    (tmp_path / "one.csv").write_bytes(b"")
    found = PlasticcSurvey(
        tmp_path, part="test", metadata=["mwebv"], observations="*o*.csv", objects="meta.csv"
    )
    with pytest.raises(DataError, match=r"one\.csv is empty"):
        found.chunks(labels=False)
    part = found.chunks(labels=False, on_error="quarantine").read(0)
    assert part.light_curves.objects["object_id"].to_list() == [2]
    assert part.rejects["reason"].str.contains("one.csv is empty", literal=True).to_list() == [True]
