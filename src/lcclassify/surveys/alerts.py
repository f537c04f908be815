"""Light curves of the alert packets of Rubin and ZTF, as brokers hold them.

A packet is what fastavro or a broker's client makes of an alert: a dictionary with the
measurement that caused it and the ones before it.

References:
    https://github.com/lsst/alert_packet (schemas 7 to 11), and
    https://github.com/ZwickyTransientFacility/ztf-avro-alert (3.2 and 4.01).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from lcclassify.checks import check_number
from lcclassify.errors import DataError
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND
from lcclassify.surveys.brightness import NEPERS
from lcclassify.surveys.casts import FALSE, TRUE

NO_OBJECT: Final = "no object of the sky beyond the Solar System"

_NANOJANSKY: Final = 31.4  # AB magnitude of flux 1
_MJD_OF_JD: Final = -2400000.5
_FILTERS: Final = {1: "g", 2: "r", 3: "i"}
_NO_FLUX: Final = -99998.0  # what is less stands for none

Packet = Mapping[str, Any]
Row = tuple[float, str, float | None, float | None, bool]  # mjd, passband, flux, flux_err, detected
Seen = dict[object, Row]  # by exposure


class AlertTables(NamedTuple):
    """What alert packets hold.

    Attributes:
        observations: `object_id`, `mjd`, `passband`, `flux`, `flux_err` and `detected`.
        objects: `object_id`, `ra` and `dec` (degrees), one row an object.
        left_out: Of packets without an object: `packet`, their position, and `reason`.
    """

    observations: pl.DataFrame
    objects: pl.DataFrame
    left_out: pl.DataFrame


class _Alert(NamedTuple):
    """One packet: its object, where that is, and its observations."""

    object_id: int | str
    ra: float
    dec: float
    rows: Seen


def alert_tables(packets: Iterable[Packet], *, zeropoint: float) -> AlertTables:
    """Return the light curves of alert packets, as `Predictor.predict_proba` takes them.

    Packets of one object are one light curve; of an exposure that several have, the last one
    counts. Where an exposure has a detection, it counts and not its forced photometry, which
    there is where nothing was detected. Of ZTF, upper limits of exposures without forced
    photometry are left out.

    Args:
        packets: All of Rubin or all of ZTF, decoded.
        zeropoint: AB magnitude of flux 1 in the tables: ``classifier.bundle.zeropoint``.

    Raises:
        ConfigError: The zero-point is no number.
        DataError: A packet is neither of Rubin nor of ZTF, lacks a field or holds something
            else there, or packets are of both.

    Example:
        >>> observed = {"midpointMjdTai": 61000.1, "band": "r", "psfFlux": 90.0}
        >>> source = observed | {"psfFluxErr": 9.0, "diaObjectId": 7, "ra": 1.0, "dec": 2.0}
        >>> found = alert_tables([{"diaSource": source | {"visit": 1}}], zeropoint=31.4)
        >>> found.observations.row(0)
        (7, 61000.1, 'r', 90.0, 9.0, True)
    """
    zeropoint = check_number("zeropoint", zeropoint)
    curves: dict[int | str, Seen] = {}
    places: dict[int | str, tuple[float, float]] = {}
    left_out: list[int] = []
    kinds: set[type] = set()
    for number, packet in enumerate(packets):
        alert = _alert(packet, number, zeropoint)
        if alert is None:
            left_out.append(number)
            continue
        kinds.add(type(alert.object_id))
        if len(kinds) > 1:
            raise DataError(f"alert packet {number} is of another survey than those before it")
        seen = curves.setdefault(alert.object_id, {})
        for exposure, row in alert.rows.items():
            # Forced photometry of a later packet does not replace an earlier one's detection.
            if row[-1] or exposure not in seen or not seen[exposure][-1]:
                seen[exposure] = row
        places[alert.object_id] = alert.ra, alert.dec
    ids = pl.String() if kinds == {str} else pl.Int64()
    numbers = {MJD: pl.Float64, PASSBAND: pl.String, FLUX: pl.Float64, FLUX_ERR: pl.Float64}
    try:
        return AlertTables(
            pl.DataFrame(
                [(name, *row) for name, seen in curves.items() for row in seen.values()],
                schema={OBJECT_ID: ids, **numbers, DETECTED: pl.Boolean},
                orient="row",
            ),
            pl.DataFrame(
                [(name, *place) for name, place in places.items()],
                schema={OBJECT_ID: ids, "ra": pl.Float64, "dec": pl.Float64},
                orient="row",
            ),
            pl.DataFrame(
                {"packet": left_out, "reason": [NO_OBJECT] * len(left_out)},
                schema={"packet": pl.Int64, "reason": pl.String},
            ),
        )
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as fault:
        raise DataError(f"the alert packets hold something else than numbers: {fault}") from fault


def _alert(packet: Packet, number: int, zeropoint: float) -> _Alert | None:
    """Return a packet's object and observations; None for what is of no object."""
    if not isinstance(packet, Mapping):
        raise DataError(
            "alert packets must be a list of dictionaries, as fastavro.reader gives them, got "
            f"{type(packet).__name__}"
        )
    try:
        if "diaSource" in packet:
            return _of_rubin(packet, zeropoint)
        if "candidate" in packet:
            return _of_ztf(packet, zeropoint)
    except KeyError as fault:
        raise DataError(f"alert packet {number} has no field {fault}") from fault
    except (TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise DataError(f"alert packet {number} cannot be read: {fault}") from fault
    raise DataError(
        f"alert packet {number} is neither of Rubin, with a diaSource, nor of ZTF, with a candidate"
    )


def _of_rubin(packet: Packet, zeropoint: float) -> _Alert | None:
    source = packet["diaSource"]
    about = packet.get("diaObject") or source
    object_id = about.get("diaObjectId") or source.get("diaObjectId")
    if not object_id:  # a known object of the Solar System, or one seen once
        return None
    scale = math.exp((zeropoint - _NANOJANSKY) * NEPERS)

    def measured(one: Packet, detected: bool) -> tuple[object, Row]:
        flux, error = _scaled(one["psfFlux"], scale), _scaled(one["psfFluxErr"], scale)
        return one["visit"], (one["midpointMjdTai"], one["band"], flux, error, detected)

    forced = [one for one in _given(packet, "prvDiaForcedSources") if not _is_withdrawn(one)]
    detections = [one for one in _given(packet, "prvDiaSources") if not _is_withdrawn(one)]
    rows = dict(measured(one, False) for one in forced)
    rows |= dict(measured(one, True) for one in (*detections, source))
    return _Alert(int(object_id), about["ra"], about["dec"], rows)


def _is_withdrawn(one: Packet) -> bool:
    return one.get("timeWithdrawnMjdTai") is not None


def _of_ztf(packet: Packet, zeropoint: float) -> _Alert:
    candidate = packet["candidate"]
    rows: Seen = {}
    for one in _given(packet, "fp_hists"):
        unit, flux, error = one["magzpsci"], one["forcediffimflux"], one["forcediffimfluxunc"]
        if unit is None or flux is None or error is None or min(flux, error) < _NO_FLUX:
            continue
        scale = math.exp((zeropoint - unit) * NEPERS)
        rows[one["pid"]] = (*_when(one), _scaled(flux, scale), _scaled(error, scale), False)
    for one in (*_given(packet, "prv_candidates"), candidate):
        if one["magpsf"] is None:
            continue
        flux = math.exp((zeropoint - one["magpsf"]) * NEPERS)
        error = _scaled(one["sigmapsf"], flux * NEPERS)
        rows[one["pid"]] = (*_when(one), _sign(one) * flux, error, True)
    return _Alert(str(packet["objectId"]), candidate["ra"], candidate["dec"], rows)


def _sign(one: Packet) -> float:
    word = str(one["isdiffpos"]).lower()
    if word not in (*TRUE, *FALSE):
        raise ValueError(f"isdiffpos is '{word}', neither t nor f")
    return 1.0 if word in TRUE else -1.0


def _when(one: Packet) -> tuple[float, str]:
    """Return when an exposure of ZTF began, as MJD, and its passband."""
    return one["jd"] + _MJD_OF_JD, _FILTERS.get(one["fid"], str(one["fid"]))


def _given(packet: Packet, name: str) -> Iterator[Packet]:
    return iter(packet.get(name) or ())


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
