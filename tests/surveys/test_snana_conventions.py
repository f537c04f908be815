"""What SNANA's files of different surveys and ages do in their own ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcclassify.surveys.base import SurveyData
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
    [(57000.5, "g", 1.5, 0.5), (57002.75, "g", 9.0, 1.0), (57003.5, "z", 2.0, 1.0)],
]
HEAD = {"SNID": [7, 11, 300], "SNTYPE": [1, 29, 101]}


def survey(root: Path, **options: Any) -> SnanaSurvey:
    defaults = {"passbands": ["g", "r", "i", "z"], "cache_dir": None}
    return SnanaSurvey(root, **{**defaults, **options})


def flat(data: SurveyData) -> list[tuple[Any, ...]]:
    return data.light_curves.observations.rows()


def test_fluxes_of_another_zeropoint_become_those_of_the_usual_one(
    tmp_path: Path, snana_pair: Any
) -> None:
    snana_pair(tmp_path / "V", "V", HEAD, CURVES)
    expected = flat(survey(tmp_path / "V").read())
    snana_pair(tmp_path / "W", "W", {**HEAD, "ZP_FLUXCAL": [27.5, -9.0, np.nan]}, CURVES)
    assert flat(survey(tmp_path / "W").read()) == expected
    nano = [(*one[:2], one[2] * 10**1.56, one[3] * 10**1.56) for one in CURVES[0]]
    head = {**HEAD, "ZP_FLUXCAL": [31.4, 27.5, 27.5]}
    snana_pair(tmp_path / "X", "X", head, [nano, *CURVES[1:]])
    found = flat(survey(tmp_path / "X").read())
    assert found[2:] == expected[2:]
    for row, usual in zip(found[:2], expected[:2], strict=True):
        assert row[3:5] == pytest.approx(usual[3:5], rel=1e-6)
