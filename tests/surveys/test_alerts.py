"""Alert packets of Rubin and ZTF."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.alerts import NO_OBJECT, alert_tables

OBJECT = 281323062375219201  # more digits than a floating-point number has


def rubin_source(visit: int, flux: float | None, **others: Any) -> dict[str, Any]:
    return {
        "visit": visit,
        "detector": 42,
        "midpointMjdTai": 60900.0 + visit,
        "band": "ugrizy"[visit % 6],
        "psfFlux": flux,
        "psfFluxErr": 12.0,
        "ra": 351.5,
        "dec": -0.1,
        **others,
    }


def rubin(visits: int = 4, **changes: Any) -> dict[str, Any]:
    """Visits from 1 on, all but the last one forced, of which every second one was detected."""
    forced = [rubin_source(v, 100.0 * v) for v in range(1, visits)]
    return {
        "diaSource": rubin_source(visits, 1000.0 + visits, diaObjectId=OBJECT),
        "prvDiaSources": [rubin_source(v, 1000.0 + v) for v in range(2, visits, 2)],
        "prvDiaForcedSources": forced,
        "diaObject": {"diaObjectId": OBJECT, "ra": 351.57, "dec": -0.12},
        **changes,
    }


def ztf_source(day: int, magnitude: float | None = 20.0, **others: Any) -> dict[str, Any]:
    return {
        "jd": 2459000.5 + day,
        "fid": 1 + day % 3,
        "pid": 1000 + day,
        "magpsf": magnitude,
        "sigmapsf": None if magnitude is None else 0.1,
        "isdiffpos": None if magnitude is None else "t",
        "diffmaglim": 20.5,
        **others,
    }


def ztf_forced(day: int, flux: float | None, **others: Any) -> dict[str, Any]:
    one = ztf_source(day)
    kept = {name: one[name] for name in ("jd", "fid", "pid")}
    return kept | {
        "forcediffimflux": flux,
        "forcediffimfluxunc": 5.0,
        "magzpsci": 26.0,
        **others,
    }


def ztf(**changes: Any) -> dict[str, Any]:
    return {
        "objectId": "ZTF20abc",
        "candidate": ztf_source(9, ra=10.0, dec=20.0),
        "prv_candidates": [ztf_source(6), ztf_source(7, None), ztf_source(8, isdiffpos="f")],
        **changes,
    }


def test_rubin_has_detections_and_forced_photometry_between_them() -> None:
    found = alert_tables([rubin()], zeropoint=31.4)
    assert found.observations.sort("mjd").rows() == [
        (OBJECT, 60901.0, "g", 100.0, 12.0, False),
        (OBJECT, 60902.0, "r", 1002.0, 12.0, True),
        (OBJECT, 60903.0, "i", 300.0, 12.0, False),
        (OBJECT, 60904.0, "z", 1004.0, 12.0, True),
    ]
    assert found.objects.rows() == [(OBJECT, 351.57, -0.12)]
    assert found.left_out.is_empty()
    np.testing.assert_allclose(
        alert_tables([rubin()], zeropoint=27.5).observations["flux"],
        found.observations["flux"] * 10 ** (-0.4 * 3.9),
    )


def test_a_first_alert_has_no_history() -> None:
    packet = rubin(prvDiaSources=None, prvDiaForcedSources=None)
    assert alert_tables([packet], zeropoint=31.4).observations.height == 1
    del packet["prvDiaSources"], packet["prvDiaForcedSources"]
    assert alert_tables([packet], zeropoint=31.4).observations.height == 1


def test_what_is_of_no_object_is_listed() -> None:
    known = rubin(diaObject=None)
    known["diaSource"]["diaObjectId"] = None
    found = alert_tables([rubin(), known], zeropoint=31.4)
    assert found.left_out.rows() == [(1, NO_OBJECT)]
    assert found.objects.height == 1
    assert alert_tables([known], zeropoint=31.4).observations.is_empty()


def test_withdrawn_and_absent_values() -> None:
    packet = rubin()
    packet["prvDiaForcedSources"][0]["timeWithdrawnMjdTai"] = 61000.0
    packet["prvDiaForcedSources"][2]["psfFlux"] = None
    rows = alert_tables([packet], zeropoint=31.4).observations.sort("mjd")
    assert rows["mjd"].to_list() == [60902.0, 60903.0, 60904.0]
    assert rows["flux"].to_list() == [1002.0, None, 1004.0]


def test_packets_of_an_object_are_one_light_curve() -> None:
    later = rubin(6)
    later["prvDiaSources"] = later["prvDiaSources"][:1]  # without visit 4
    later["prvDiaForcedSources"][2]["psfFlux"] = 333.0
    found = alert_tables([rubin(4), later], zeropoint=31.4)
    rows = found.observations.sort("mjd")
    assert rows["flux"].to_list() == [100.0, 1002.0, 333.0, 1004.0, 500.0, 1006.0]
    assert rows["detected"].to_list() == [False, True, False, True, False, True]
    assert found.objects.height == 1


def test_ztf_has_magnitudes_and_forced_fluxes() -> None:
    forced = [
        ztf_forced(5, 50.0),
        ztf_forced(6, 51.0),  # detected, too
        ztf_forced(4, -99999.0),
        ztf_forced(3, None),
        ztf_forced(7, -2.0, magzpsci=27.5),
    ]
    found = alert_tables([ztf(fp_hists=forced)], zeropoint=27.5)
    rows = found.observations.sort("mjd")
    assert rows["object_id"].unique().to_list() == ["ZTF20abc"]
    assert rows["mjd"].to_list() == [59005.0, 59006.0, 59007.0, 59008.0, 59009.0]
    assert rows["passband"].to_list() == ["i", "g", "r", "i", "g"]
    assert rows["detected"].to_list() == [False, True, False, True, True]
    scale = 10 ** (0.4 * 1.5)
    np.testing.assert_allclose(rows["flux"], [50 * scale, 1000, -2, -1000, 1000], rtol=1e-12)
    error = 1000 * 0.1 * np.log(10) / 2.5
    np.testing.assert_allclose(rows["flux_err"], [5 * scale, error, 5, error, error], rtol=1e-12)
    assert found.objects.rows() == [("ZTF20abc", 10.0, 20.0)]


@pytest.mark.parametrize(("word", "sign"), [("1", 1), (True, 1), ("f", -1), ("0", -1)])
def test_signs_of_differences(word: object, sign: int) -> None:
    packet = ztf(candidate=ztf_source(9, ra=1.0, dec=1.0, isdiffpos=word), prv_candidates=None)
    assert np.sign(alert_tables([packet], zeropoint=27.5).observations["flux"][0]) == sign
    packet["candidate"]["isdiffpos"] = None
    with pytest.raises(DataError, match="packet 0 cannot be read: isdiffpos is 'none'"):
        alert_tables([packet], zeropoint=27.5)


def test_limits_without_forced_photometry_are_left_out() -> None:
    for history in ({}, {"fp_hists": None}):
        rows = alert_tables([ztf(**history)], zeropoint=27.5).observations
        assert rows["detected"].to_list() == [True, True, True]


def test_no_packet() -> None:
    found = alert_tables([], zeropoint=27.5)
    assert (found.observations.height, found.objects.height) == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda packet: packet["diaSource"].pop("psfFlux"), "packet 1 has no field 'psfFlux'"),
        (lambda packet: packet["diaSource"].update(psfFlux="12"), "packet 1 cannot be read"),
        (lambda packet: packet.update(prvDiaSources=3), "packet 1 cannot be read"),
        (lambda packet: packet.update(diaObject=7), "packet 1 cannot be read"),
        (lambda packet: packet["diaSource"].update(midpointMjdTai="now"), "something else"),
        (lambda packet: packet.pop("diaSource"), "packet 1 is neither of Rubin"),
        (lambda packet: packet["diaObject"].update(diaObjectId="x"), "packet 1 cannot be read"),
        (lambda packet: packet["diaObject"].update(diaObjectId=2**70), "something else"),
    ],
)
def test_packets_that_are_none(change: Any, message: str) -> None:
    packet = copy.deepcopy(rubin())
    change(packet)
    with pytest.raises(DataError, match=message):
        alert_tables([rubin(), packet], zeropoint=31.4)


def test_absurd_numbers() -> None:
    with pytest.raises(DataError, match="packet 0 cannot be read"):
        alert_tables([ztf(candidate=ztf_source(9, -1e6, ra=1.0, dec=1.0))], zeropoint=27.5)
    with pytest.raises(ConfigError, match="zeropoint"):
        alert_tables([ztf()], zeropoint=None)  # type: ignore[arg-type]


def test_what_is_no_list_of_packets() -> None:
    with pytest.raises(DataError, match=r"list of dictionaries.*got str"):
        alert_tables(ztf(), zeropoint=27.5)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="packet 1 is of another survey"):
        alert_tables([ztf(), rubin()], zeropoint=27.5)
