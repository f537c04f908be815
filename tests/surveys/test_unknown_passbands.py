"""Unknown passbands are told all at once, whichever way a table comes in."""

from pathlib import Path

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.schema import Passbands
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.table import TableSurvey
from lcclassify.tables.rejects import all_unknown


def rows(passbands: list[str]) -> pl.DataFrame:
    n = len(passbands)
    columns = {"object_id": [7] * n, "mjd": [float(k) for k in range(n)], "passband": passbands}
    return pl.DataFrame(columns | {"flux": [1.0] * n, "flux_err": [1.0] * n})


TOLD = r"; unknown in the rows that were looked at: 'Y' \(2 rows\), 'u'' \(1 row\)$"
BANDS = ["g", "u'", "Y", "Y", "r"]


def test_of_files(tmp_path: Path) -> None:
    for name, some in (("a.csv", BANDS[:3]), ("b.csv", BANDS[3:])):
        rows(some).write_csv(tmp_path / name)
    found = TableSurvey("*.csv", ["g", "r"], root=tmp_path)
    with pytest.raises(DataError, match=r"a\.csv, line 3: unknown passband 'u''; .*" + TOLD):
        found.read()
    rejects = found.chunks(on_error="quarantine").read(0).rejects
    assert rejects["reason"].str.contains("unknown in the rows").to_list() == [False] * 3
    with pytest.raises(DataError, match=r"unknown passband 'Y'; (?!.*unknown in the rows)"):
        TableSurvey("b.csv", ["g", "r"], root=tmp_path).read()


def test_of_plasticc(tmp_path: Path) -> None:
    rows(["1", "8", "7", "7"]).with_columns(detected=1).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"object_id": [7], "mwebv": 0.1}).write_csv(tmp_path / "meta.csv")
    files = {"observations": "a.csv", "objects": "meta.csv"}
    found = PlasticcSurvey(tmp_path, part="test", metadata=["mwebv"], **files)
    with pytest.raises(DataError, match=r"unknown passband '8'.*: '7' \(2 rows\), '8' \(1 row\)$"):
        found.read(labels=False)


def test_of_tables_in_memory() -> None:
    with pytest.raises(DataError, match=r"^row 2 of the .* 'u''; .*2 more such rows\)" + TOLD):
        canonicalise(rows(BANDS), None, Passbands(("g", "r")))


def test_of_what_is_something_else() -> None:
    assert all_unknown(pl.Series(["no flux", "unknown passband 'a'; x", "there is none"])) == ""
    assert all_unknown(pl.Series([], dtype=pl.String)) == ""
    many = all_unknown(pl.Series([f"unknown passband '{k}', known: g" for k in range(90)]))
    assert many.endswith("'52' (1 row), '53' (1 row), and 40 more")
