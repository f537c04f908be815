"""Files of SNANA's that cannot be read end it, or are left out and told of."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
]
TEXT = """SNID: {name}
SNTYPE: 1
NOBS: 1
NVAR: 4
VARLIST: MJD FLT FLUXCAL FLUXCALERR
OBS: 57000.5 g 10.0 1.0
END:
"""


def survey(root: Path, **options: Any) -> SnanaSurvey:
    return SnanaSurvey(root, **{"passbands": ["g", "r", "i"], **options})


@pytest.fixture
def pairs(tmp_path: Path, snana_pair: Any) -> Path:
    """Return the folder of three versions of two objects each, one of them compressed."""
    (tmp_path / "sim").mkdir()
    for number, name in enumerate(("A", "B", "C")):
        suffix = "FITS.gz" if name == "B" else "FITS"
        snids = [10 * number + 1, 10 * number + 2]
        snana_pair(
            tmp_path / "sim" / name, name, {"SNID": snids, "SNTYPE": [1, 29]}, CURVES, suffix=suffix
        )
    return tmp_path / "sim"


def damaged(content: bytes, how: str) -> bytes:
    if how == "another file":
        return b"<html>not found</html>" * 500
    return {"empty": b"", "half": content[: len(content) // 2]}[how]


@pytest.mark.parametrize("how", ["empty", "half", "another file"])
@pytest.mark.parametrize("name", ["B_HEAD.FITS.gz", "B_PHOT.FITS.gz", "C_HEAD.FITS", "C_PHOT.FITS"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_one_pair_of_three(pairs: Path, name: str, how: str, is_kept: bool) -> None:
    found = survey(pairs, cache_dir=pairs.parent / "cache" if is_kept else None)
    file = pairs / name[0] / name
    file.write_bytes(damaged(file.read_bytes(), how))
    for _ in range(2):  # from the cache, the second time
        chunks = pickle.loads(pickle.dumps(found.chunks(on_error="quarantine")))
        parts = [chunks.read(index) for index in range(len(chunks))]
        curves = pl.concat([part.light_curves.observations for part in parts])
        left = [1, 2, 21, 22] if name[0] == "B" else [1, 2, 11, 12]
        assert curves["object_id"].unique().sort().to_list() == left
        assert chunks.objects is not None
        assert chunks.objects["object_id"].to_list() == left
        rejects = pl.concat([part.rejects for part in parts])
        assert rejects.select("file", "rows", "line", "row").rows() == [(str(file), 0, None, None)]
        assert str(file) in rejects["reason"][0]
        assert sum(part.report.rows_read for part in parts) == len(curves)
        told = " ".join(parts[0].report.messages)
        assert "1 file of observations cannot be read and is left out: " in told
        # Whoever would have them all does not get what was kept without it.
        with pytest.raises(DataError, match=name):
            found.read()


def test_pairs_that_contradict_each_other(pairs: Path, snana_pair: Any) -> None:
    head = {"SNID": [11, 12], "SNTYPE": [1, 1], "PTROBS_MAX": [2, 80]}
    (pairs / "B" / "B_HEAD.FITS.gz").unlink()
    (pairs / "B" / "B_PHOT.FITS.gz").unlink()
    snana_pair(pairs / "B", "B", head, CURVES)
    part = survey(pairs).chunks(on_error="quarantine").read(0)
    assert part.rejects["file"].to_list() == [str(pairs / "B" / "B_HEAD.FITS")]
    assert "PTROBS_MAX=80" in part.rejects["reason"][0]


def test_where_none_can_be_read_it_is_an_error(pairs: Path) -> None:
    for file in pairs.glob("*/*HEAD*"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"A_HEAD\.FITS"):
        survey(pairs).chunks(on_error="quarantine")


def test_text_files(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d", "e")
    for name in names:
        (tmp_path / f"{name}.DAT.gz").write_bytes(gzip.compress(TEXT.format(name=name).encode()))
    (tmp_path / "b.DAT.gz").write_bytes(gzip.compress(TEXT.format(name="b").encode())[:-12])
    (tmp_path / "c.DAT.gz").write_bytes(gzip.compress(TEXT.format(name="c").encode()[:-10]))
    (tmp_path / "d.DAT.gz").write_bytes(gzip.compress(b"\xff\xfe"))
    found = survey(tmp_path)
    with pytest.raises(DataError, match=r"b\.DAT\.gz is truncated or not a gzip archive"):
        found.read()
    part = found.chunks(on_error="quarantine").read(0)
    assert part.light_curves.objects["object_id"].to_list() == ["a", "e"]
    assert [Path(file).name[0] for file in part.rejects["file"]] == ["b", "c", "d"]
    assert "3 files of observations cannot be read" in " ".join(part.report.messages)
