"""A message names no setting that the user's survey lacks."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.snana import SnanaSurvey
from lcclassify.surveys.snphotcc import SnphotccSurvey
from lcclassify.surveys.table import TableSurvey


def same_again(folder: Path) -> None:
    """Put a copy of an object's file into a second version."""
    other = folder.with_name("OTHER")
    other.mkdir()
    first = min(folder.glob("*.DAT"))
    (other / first.name).write_bytes(first.read_bytes())


def test_snids_that_come_again(snphotcc_folder: Path) -> None:
    same_again(snphotcc_folder)
    with pytest.raises(DataError) as caught:
        SnphotccSurvey(snphotcc_folder.parent).read()
    assert str(caught.value).endswith("survey.root must be of one of the versions alone")
    SnphotccSurvey(snphotcc_folder.parent / "OTHER").read()
    snana = SnanaSurvey(snphotcc_folder.parent, ["g", "r", "i", "z"])
    with pytest.raises(DataError, match=r"survey\.prefix_ids=true"):
        snana.read()


def test_unknown_passbands(snphotcc_folder: Path) -> None:
    file = min(snphotcc_folder.glob("*.DAT"))
    file.write_text(file.read_text().replace(" g ", " Y "))
    with pytest.raises(DataError, match=r"survey\.passband_aliases of survey=snana takes other"):
        SnphotccSurvey(snphotcc_folder).read()


def tables(folder: Path, objects: dict[str, Any]) -> None:
    rows = {"object_id": [1, 2], "mjd": [1.0, 2.0], "passband": [0, 1], "flux": 1.0}
    pl.DataFrame(rows | {"flux_err": 1.0, "detected": 1}).write_csv(folder / "a.csv")
    pl.DataFrame(objects).write_csv(folder / "meta.csv")


def test_signs_of_missing_metadata(tmp_path: Path) -> None:
    tables(tmp_path, {"object_id": [1, 2], "hostgal_photoz": [-9.5, 0.5]})
    files: Any = {"observations": "a.csv", "objects": "meta.csv", "metadata": ["hostgal_photoz"]}
    said = " ".join(
        PlasticcSurvey(tmp_path, part="test", **files).read(labels=False).report.messages
    )
    assert "missing one, leave -9.5 out of its files." in said
    said = " ".join(
        TableSurvey(passbands=["0", "1"], root=tmp_path, **files).read().report.messages
    )
    assert "missing one, set survey.missing=[-9.5]." in said
