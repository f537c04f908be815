"""Simulated objects as tables: observations, a catalogue, and the truth behind both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.cosmology import distance_modulus
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND
from lcclassify.simulation import passbands, photoz
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.fields import Fields
from lcclassify.simulation.selection import Found

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TARGET = "true_target"


@dataclass(frozen=True, eq=False)
class Chunk:
    """Simulated objects.

    Attributes:
        observations: `object_id, mjd, passband, flux, flux_err, detected`, by object in
            the order of `objects`, then by time.
        objects: One row an object: what a catalogue says of it.
        truth: One row an object: its class `true_target` and what made its light curve.
        true_flux: ``(M,)`` noise-free flux of each observation.
    """

    observations: pl.DataFrame
    objects: pl.DataFrame
    truth: pl.DataFrame
    true_flux: FloatArray


def make_tables(
    ids: IntArray,
    targets: IntArray,
    training: NDArray[np.bool_],
    found: Sequence[Found],
    fields: Fields,
    hosts: photoz.HostSettings,
) -> Chunk:
    """Put batches of found objects into tables in the order of the ids.

    Args:
        ids: ``(n,)`` object ids.
        targets: ``(n,)`` their classes.
        training: ``(n,)`` whether they are of the training set.
        found: Batches whose rows together are 0 to n-1.
        fields: Where they lie.
        hosts: How well their redshifts are known.
    """
    # With the empty array an empty survey has tables as well.
    order = np.argsort(np.concatenate([np.zeros(0, np.intp), *(one.rows for one in found)]))

    def gather(values: list[NDArray[np.generic]], width: tuple[int, ...] = ()) -> NDArray:  # type: ignore[type-arg]
        return np.concatenate([np.zeros((0, *width)), *values])[order]

    def parameter(name: str, default: float) -> FloatArray:
        return gather([one.parameters.get(name, np.full(len(one.rows), default)) for one in found])

    field = gather([one.field for one in found]).astype(np.int64)
    redshift = gather([one.redshift for one in found])
    template = gather([one.template for one in found], (6,))
    keys = np.concatenate([np.zeros(0, np.uint64), *(one.draws.keys for one in found)])[order]
    host = photoz.host_redshifts(hosts, redshift, training, Draws(keys))
    objects = pl.DataFrame(
        {
            OBJECT_ID: ids,
            "ra": fields.ra[field],
            "decl": fields.decl[field],
            "gal_l": fields.gal_l[field],
            "gal_b": fields.gal_b[field],
            "ddf": fields.ddf[field].astype(np.int64),
            "hostgal_specz": host.specz,
            "hostgal_photoz": host.photoz,
            "hostgal_photoz_err": host.photoz_err,
            "distmod": np.round(distance_modulus(host.photoz), 4),
            "mwebv": gather([one.mwebv for one in found]),
        }
    ).with_columns(pl.col("hostgal_specz", "distmod").fill_nan(None))
    av = parameter("av", 0.0)
    truth = pl.DataFrame(
        {
            OBJECT_ID: ids,
            TARGET: targets,
            "true_submodel": parameter("submodel", 1.0).astype(np.int64),
            "true_z": redshift,
            "true_distmod": distance_modulus(redshift),
            "true_rv": np.where(av > 0, 3.1, 0.0),
            "true_av": av,
            "true_peakmjd": parameter("peak_mjd", np.nan),
            "libid_cadence": field,
            **{f"tflux_{b}": template[:, i] for i, b in enumerate(passbands.NAMES)},
        }
    ).with_columns(pl.col("true_distmod", "true_peakmjd").fill_nan(None))
    return _with_observations(ids, found, objects, truth)


def _with_observations(
    ids: IntArray, found: Sequence[Found], objects: pl.DataFrame, truth: pl.DataFrame
) -> Chunk:
    counts = np.zeros(len(ids), dtype=np.int64)
    for one in found:
        counts[one.rows] = one.photometry.counts
    starts = np.cumsum(counts) - counts
    total = int(counts.sum())
    mjd, flux, flux_err, true_flux = (np.empty(total) for _ in range(4))
    passband, detected = np.empty(total, dtype=np.uint8), np.empty(total, dtype=np.uint8)
    for one in found:
        photometry = one.photometry
        own = np.cumsum(photometry.counts) - photometry.counts
        # Where each observation goes: behind its object's start, at its own position.
        place = np.arange(len(photometry.mjd)) + (starts[one.rows] - own)[photometry.row]
        mjd[place], passband[place] = photometry.mjd, photometry.passband
        flux[place], flux_err[place] = photometry.flux, photometry.flux_err
        detected[place], true_flux[place] = photometry.detected, photometry.true_flux
    observations = pl.DataFrame(
        {
            OBJECT_ID: np.repeat(ids, counts),
            MJD: mjd,
            PASSBAND: passband,
            FLUX: flux,
            FLUX_ERR: flux_err,
            DETECTED: detected,
        }
    )
    return Chunk(observations, objects, truth, true_flux)
