"""Passbands of SNANA's files that survey.passbands does not have: all are told at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.snana import SnanaSurvey

NAMES = ["LOWZ/KAIT3-B", "KAIT4-B", "LOWZ/KAIT3-B", "LOWZ/KAIT3-V", "g", "LOWZ/KAIT3-B"]
TOLD = (
    "unknown passbands 'LOWZ/KAIT3-B' (3 observations), 'KAIT4-B' (1 observation), "
    "'LOWZ/KAIT3-V' (1 observation); known: g, r"
)


def survey(root: Path, *passbands: str, **options: Any) -> SnanaSurvey:
    return SnanaSurvey(root, passbands, cache_dir=None, **options)


def write(folder: Path, snana_pair: Any, names: list[str]) -> None:
    """Write one object with an observation of each name, and another one in g."""
    curve = [(57000.0 + day, name, 5.0, 2.0) for day, name in enumerate(names)]
    head = {"SNID": [1, 2], "SNTYPE": [1, 1]}
    snana_pair(folder, "V", head, [curve, [(57000.0, "g", 5.0, 1.0)]])


@pytest.fixture
def folder(tmp_path: Path, snana_pair: Any) -> Path:
    write(tmp_path / "V", snana_pair, NAMES)
    return tmp_path / "V"


@pytest.mark.parametrize("options", [{}, {"rows": 1}, {"rows": 100, "labels": False}])
def test_all_are_refused_in_one_sentence(folder: Path, options: dict[str, Any]) -> None:
    told = rf"V holds {re.escape(TOLD)}; survey\.passband_aliases takes other spellings"
    with pytest.raises(DataError, match=told):
        survey(folder, "g", "r").chunks(**options)
    with pytest.raises(DataError, match=told):
        survey(folder, "g", "r").read()


def test_all_are_told_where_their_observations_are_rejected(folder: Path) -> None:
    chunks = survey(folder, "g", "r").chunks(rows=1, on_error="quarantine")
    parts = [chunks.read(index) for index in range(len(chunks))]
    assert sum(part.rejects.height for part in parts) == 5
    messages = [part.report.messages for part in parts]
    assert messages[0] == (f"Observations are rejected: {TOLD}.",)
    assert not any(messages[1:])
    kept = [one for part in parts for one in part.light_curves.objects["object_id"]]
    assert sorted({*kept}) == [1, 2]


def test_known_by_what_is_behind_the_last_dash_or_by_an_alias(folder: Path) -> None:
    assert survey(folder, "B", "V", "g").read().report.sentences() == []
    names = ["KAIT4-B", "LOWZ/KAIT3-B"]
    with pytest.raises(DataError, match=r"unknown passband 'LOWZ/KAIT3-V' \(1 observation\);"):
        survey(folder, "b", "g", passband_aliases=dict.fromkeys(names, "b")).read()


def test_one_alone_is_told_with_the_nearest(tmp_path: Path, snana_pair: Any) -> None:
    write(tmp_path, snana_pair, ["g", "Hbb"])
    with pytest.raises(DataError, match=r"unknown passband 'Hbb' .*; did you mean 'Hb'\?"):
        survey(tmp_path, "g", "Hb").read()


def test_names_with_a_slash_are_told_with_how_they_are_known(
    tmp_path: Path, snana_pair: Any
) -> None:
    write(tmp_path, snana_pair, ["CSP-g/b", "CSP-r/g", "CSP-u/t"])
    with pytest.raises(DataError, match=r"'CSP-g/b' .*'CSP-u/t' .*all by the filter before it"):
        survey(tmp_path, "g", "r").read()
    aliases = {"CSP-u/t": "r"}
    assert survey(tmp_path, "g", "r", passband_aliases=aliases).read().report.sentences() == []
    aliases = {"CSP-r/g": "g"}
    with pytest.raises(DataError, match=r"'CSP-g/b' \(1 observation\) may mean b or g, 'CSP-u/t' "):
        survey(tmp_path, "g", "b", "u", "t", passband_aliases=aliases).read()


def test_a_damaged_file_has_no_endless_sentence(tmp_path: Path, snana_pair: Any) -> None:
    write(tmp_path, snana_pair, [f"{number}x" for number in range(100)])
    with pytest.raises(DataError, match=r"'14x' .* and 50 more; known: g") as caught:
        survey(tmp_path, "g").read()
    assert "'99x'" not in str(caught.value)
